//! The wire format: bytes to numbered fields, without knowing what they mean.

/// One field's content, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Data<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Why bytes are not what a field has to hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A number, or a length, promises more than there is.
    #[error("the bytes end in the middle of a field")]
    Truncated,
    /// Over ten bytes, or over 64 bits.
    #[error("a varint is longer than 64 bits")]
    Overlong,
    /// The number 0, or one beyond 2²⁹.
    #[error("a field has the number {0}, which no message has")]
    Number(u64),
    /// Groups, which Kubernetes never writes, and what is not defined.
    #[error("a field has the wire type {0}, which is not read")]
    WireType(u8),
    /// The wire type is known, and is not that of the field's type.
    #[error("the wire type is not that of {0}")]
    Mismatch(&'static str),
    /// Strings are UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// Embedded JSON that does not parse.
    #[error("the embedded JSON does not parse: {0}")]
    NotJson(String),
    /// A time beyond year 9999, or a number that JSON has no form for.
    #[error("the {0} is out of range")]
    OutOfRange(&'static str),
}

/// Reads the fields of one message, in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next field's number and content; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Data<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3)
            .ok()
            .filter(|number| (1..1 << 29).contains(number))
            .ok_or(WireError::Number(key >> 3))?;
        let data = match (key & 7) as u8 {
            0 => Data::Varint(self.varint()?),
            1 => Data::Fixed64(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                Data::Bytes(self.take(length)?)
            }
            5 => Data::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(WireError::WireType(other)),
        };
        Ok(Some((number, data)))
    }

    /// The next number of a packed list; `None` at its end.
    pub(super) fn next_varint(&mut self) -> Result<Option<u64>, WireError> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    /// The same, for a packed list of doubles.
    pub(super) fn next_fixed64(&mut self) -> Result<Option<u64>, WireError> {
        if self.rest.is_empty() { Ok(None) } else { self.fixed64().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(WireError::Overlong);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Overlong)
    }

    fn fixed64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}

impl<'a> Data<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Data::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::Mismatch("a length-delimited field")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::NotUtf8)
    }

    pub(super) fn varint(self) -> Result<u64, WireError> {
        match self {
            Data::Varint(value) => Ok(value),
            _ => Err(WireError::Mismatch("an integer")),
        }
    }

    /// Negative numbers are written as the 64 bits of their two's complement.
    pub(super) fn int(self) -> Result<i64, WireError> {
        self.varint().map(u64::cast_signed)
    }

    pub(super) fn fixed64(self) -> Result<u64, WireError> {
        match self {
            Data::Fixed64(bits) => Ok(bits),
            _ => Err(WireError::Mismatch("a double")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<(u32, Data<'_>)>, WireError> {
        Reader::new(bytes).next()
    }

    #[test]
    fn every_wire_type_is_read() {
        assert_eq!(first(&[0x08, 0x96, 0x01]), Ok(Some((1, Data::Varint(150)))));
        assert_eq!(first(&[0x11, 1, 0, 0, 0, 0, 0, 0, 0]), Ok(Some((2, Data::Fixed64(1)))));
        assert_eq!(first(&[0x1a, 2, b'o', b'k']), Ok(Some((3, Data::Bytes(b"ok")))));
        assert_eq!(first(&[0x25, 1, 0, 0, 0]), Ok(Some((4, Data::Fixed32(1)))));
        assert_eq!(first(&[]), Ok(None));
        let minus_one = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let (_, data) = first(&minus_one).unwrap().unwrap();
        assert_eq!(data.int(), Ok(-1));
    }

    #[test]
    fn what_ends_too_early_or_goes_on_too_long_is_an_error() {
        for bytes in [&[0x08][..], &[0x08, 0x80], &[0x11, 1, 2], &[0x1a, 3, b'o', b'k'], &[0x25, 1], &[0x80]]
        {
            assert_eq!(first(bytes), Err(WireError::Truncated), "{bytes:?}");
        }
        assert_eq!(first(&[0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(WireError::Truncated));
        let mut long = vec![0x08];
        long.extend([0xff; 10]);
        assert_eq!(first(&long), Err(WireError::Overlong));
        assert_eq!(first(&[0x00, 0x00]), Err(WireError::Number(0)));
        assert_eq!(first(&[0x0b]), Err(WireError::WireType(3)));
    }
}
