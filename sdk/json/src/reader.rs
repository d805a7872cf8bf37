//! The reader itself: a deserializer for serde.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};

use crate::error::Unread;
use crate::parts::end_of_string;
use crate::skip::{end_of_container, end_of_plain};

/// Reads all of `text`.
///
/// # Errors
/// It is not JSON, as far as it was looked at, or not what `T` reads.
pub fn read<'de, T: de::Deserialize<'de>>(text: &'de str) -> Result<T, Unread> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.no_json()),
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

/// As deep as `serde_json` goes.
const DEPTH_MAX: u8 = 127;

/// The name under which `serde_json` asks for a value as it is written.
const RAW: &str = "$serde_json::private::RawValue";

enum Str<'de> {
    Plain(&'de str),
    Unescaped(String),
}

impl<'de> Reader<'de> {
    #[cold]
    fn no_json(&self) -> Unread {
        Unread::no_json(self.at)
    }

    /// What stands here is not what is expected.
    #[cold]
    fn unexpected(&mut self, expected: &dyn Expected) -> Unread {
        let (unexpected, end) = match self.peek() {
            Some(b'{') => (Unexpected::Map, self.at + 1),
            Some(b'[') => (Unexpected::Seq, self.at + 1),
            _ => {
                let Ok(token) = self.raw() else { return self.no_json() };
                return match serde_json::from_str(token) {
                    Ok(Value::Null) => de::Error::invalid_type(Unexpected::Unit, expected),
                    Ok(Value::Bool(value)) => de::Error::invalid_type(Unexpected::Bool(value), expected),
                    Ok(Value::String(text)) => de::Error::invalid_type(Unexpected::Str(&text), expected),
                    Ok(Value::Number(number)) => {
                        let unexpected = match (number.as_u64(), number.as_i64()) {
                            (Some(number), _) => Unexpected::Unsigned(number),
                            (_, Some(number)) => Unexpected::Signed(number),
                            _ => Unexpected::Float(number.as_f64().unwrap_or_default()),
                        };
                        de::Error::invalid_type(unexpected, expected)
                    }
                    _ => Unread::no_json(self.at),
                }
                .at(self.at);
            }
        };
        <Unread as de::Error>::invalid_type(unexpected, expected).at(end)
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            match byte {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                _ => return Some(byte),
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Unread> {
        if self.peek() != Some(byte) {
            return Err(self.no_json());
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Result<(), Unread> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.no_json());
        }
        self.at += word.len();
        Ok(())
    }

    /// The string that begins here.
    #[inline]
    fn string(&mut self) -> Result<Str<'de>, Unread> {
        self.expect(b'"')?;
        let start = self.at;
        let end = end_of_plain(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Str::Plain(&self.text[start..end]));
        }
        self.escaped(start, end)
    }

    #[cold]
    fn escaped(&mut self, start: usize, escape: usize) -> Result<Str<'de>, Unread> {
        self.at = end_of_string(self.text.as_bytes(), escape).ok_or_else(|| self.no_json())?;
        serde_json::from_str(&self.text[start - 1..self.at]).map(Str::Unescaped).map_err(|_| self.no_json())
    }

    /// Passes the value that begins here.
    fn skip(&mut self) -> Result<(), Unread> {
        let bytes = self.text.as_bytes();
        match self.begin()? {
            b'"' => self.at = end_of_string(bytes, self.at + 1).ok_or_else(|| self.no_json())?,
            b'{' | b'[' => self.at = end_of_container(bytes, self.at).ok_or_else(|| self.no_json())?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            b'-' | b'0'..=b'9' => self.at = self.end_of_number(),
            _ => return Err(self.no_json()),
        }
        Ok(())
    }

    /// The first byte of a value.
    #[inline]
    fn begin(&mut self) -> Result<u8, Unread> {
        self.peek().ok_or_else(|| self.no_json())
    }

    /// The value that begins here, as it is written.
    fn raw(&mut self) -> Result<&'de str, Unread> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    fn end_of_number(&self) -> usize {
        let bytes = self.text.as_bytes();
        let within = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        bytes[self.at..].iter().position(|byte| !within(byte)).map_or(bytes.len(), |length| self.at + length)
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        let end = self.end_of_number();
        let token = &self.text[self.at..end];
        self.at = end;
        self.visit_number(token, visitor).map_err(|error| error.at(end))
    }

    fn visit_number<V: Visitor<'de>>(&self, token: &str, visitor: V) -> Result<V::Value, Unread> {
        let plain = token.len() < 19 && token.bytes().all(|byte| byte.is_ascii_digit());
        if plain && (token.len() == 1 || !token.starts_with('0')) {
            return visitor.visit_u64(token.bytes().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        }
        let number: Number = serde_json::from_str(token).map_err(|_| self.no_json())?;
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => visitor.visit_u64(number),
            (_, Some(number), _) => visitor.visit_i64(number),
            (.., Some(number)) => visitor.visit_f64(number),
            _ => Err(self.no_json()),
        }
    }

    /// What is inside the brackets that open here.
    fn nested<T>(
        &mut self,
        open: u8,
        close: u8,
        inside: impl FnOnce(&mut Self) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        self.expect(open)?;
        if self.depth == DEPTH_MAX {
            return Err(self.no_json());
        }
        self.depth += 1;
        let begin = self.at;
        let value = inside(self).map_err(|error| error.at(begin))?;
        self.depth -= 1;
        self.expect(close)?;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        if self.begin()? != b'{' {
            return Err(self.unexpected(&visitor));
        }
        self.nested(b'{', b'}', |reader| visitor.visit_map(Items { reader, close: b'}', first: true }))
    }

    fn seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        if self.begin()? != b'[' {
            return Err(self.unexpected(&visitor));
        }
        self.nested(b'[', b']', |reader| visitor.visit_seq(Items { reader, close: b']', first: true }))
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.begin()? {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.map(visitor),
            b'[' => self.seq(visitor),
            b't' => {
                self.word("true")?;
                visitor.visit_bool(true).map_err(|error: Unread| error.at(self.at))
            }
            b'f' => {
                self.word("false")?;
                visitor.visit_bool(false).map_err(|error: Unread| error.at(self.at))
            }
            b'n' => {
                self.word("null")?;
                visitor.visit_unit().map_err(|error: Unread| error.at(self.at))
            }
            b'-' | b'0'..=b'9' => self.number(visitor),
            _ => Err(self.no_json()),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.begin()? != b'"' {
            return Err(self.unexpected(&visitor));
        }
        match self.string()? {
            Str::Plain(text) => visitor.visit_borrowed_str(text),
            Str::Unescaped(text) => visitor.visit_string(text),
        }
        .map_err(|error: Unread| error.at(self.at))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.peek() == Some(b'n') {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        if name == RAW {
            return visitor.visit_map(Raw(Some(self.raw()?)));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        if self.peek() == Some(b'{') {
            return self.nested(b'{', b'}', |reader| visitor.visit_enum(Variant(reader)));
        }
        if self.begin()? != b'"' {
            return Err(self.unexpected(&visitor));
        }
        match self.string()? {
            Str::Plain(text) => visitor.visit_enum(text.into_deserializer()),
            Str::Unescaped(text) => visitor.visit_enum(text.into_deserializer()),
        }
        .map_err(|error: Unread| error.at(self.at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        struct
    }
}

/// The entries of an object or the items of a list.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    close: u8,
    first: bool,
}

impl Items<'_, '_> {
    /// Whether there is one more, which then begins here.
    #[inline]
    fn more(&mut self) -> Result<bool, Unread> {
        let next = self.reader.begin()?;
        if next == self.close {
            return Ok(false);
        }
        if self.first {
            self.first = false;
        } else if next == b',' {
            self.reader.at += 1;
        } else {
            return Err(self.reader.no_json());
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        if !self.more()? {
            return Ok(None);
        }
        let key = match self.reader.string()? {
            Str::Plain(text) => seed.deserialize(de::value::BorrowedStrDeserializer::new(text)),
            Str::Unescaped(text) => seed.deserialize(text.into_deserializer()),
        };
        key.map(Some).map_err(|error: Unread| error.at(self.reader.at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// A variant with a value: `{"Name": value}`.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unread> {
        let name = seed.deserialize(&mut *self.0)?;
        self.0.expect(b':')?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;

    fn unit_variant(self) -> Result<(), Unread> {
        de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unread> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unread> {
        self.0.seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.0.map(visitor)
    }
}

/// A value as it is written, in the form that `serde_json` takes it in.
struct Raw<'de>(Option<&'de str>);

impl<'de> MapAccess<'de> for Raw<'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        if self.0.is_none() {
            return Ok(None);
        }
        seed.deserialize(de::value::BorrowedStrDeserializer::new(RAW)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        seed.deserialize(de::value::BorrowedStrDeserializer::new(self.0.take().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    /// Every prefix of it, too.
    const TEXT: &str = r#" { "a" : [ 1 , -2, 3.5e2, 0, -0, 18446744073709551615, 123456789012345678901234567890 ] ,
        "b\u00e9\"" : { "" : "x\\y\n\ud83d\ude00", "plain": "ünïcödé" }, "t":true,"f":false,"n":null,"e":{},"l":[],
        "deep":[[[{"a":[{}]}]]] } "#;

    #[test]
    fn it_reads_what_serde_json_reads() {
        let prefixes = (0..=TEXT.len()).filter_map(|end| TEXT.get(..end));
        let odd = [
            "",
            "01",
            "1.",
            "-",
            "+1",
            "1e",
            "1e999",
            ".5",
            "tru",
            "nul",
            "truex",
            "{,}",
            "{\"a\":1,}",
            "[1,]",
            "[,]",
            "[1 2]",
            "{\"a\" 1}",
            "{1:2}",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\u{1}\"",
            "\"a",
            "1 2",
            "{} {}",
            "]",
            "}",
            "[}",
        ];
        for text in prefixes.chain(odd) {
            let theirs = serde_json::from_str::<Value>(text).ok();
            assert_eq!(read::<Value>(text).ok(), theirs, "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for depth in [126, 127, 128, 129, 100_000] {
            let text = nested(depth);
            assert_eq!(read::<Value>(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{depth}");
        }
    }

    #[test]
    fn a_part_is_taken_as_it_is_written() {
        for end in 0..=TEXT.len() {
            let Some(text) = TEXT.get(..end) else { continue };
            let ours = read::<&RawValue>(text).ok().map(RawValue::get);
            assert_eq!(ours, serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get), "{text}");
        }
    }

    #[test]
    fn what_is_passed_over_ends_where_it_ends() {
        for end in 0..=TEXT.len() {
            let Some(text) = TEXT.get(..end) else { continue };
            let ours = read::<de::IgnoredAny>(text).is_ok();
            assert_eq!(ours, serde_json::from_str::<de::IgnoredAny>(text).is_ok(), "{text}");
        }
        assert!(read::<de::IgnoredAny>(&"[".repeat(100_000)).is_err());
    }
}
