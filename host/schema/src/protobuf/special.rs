//! The messages that JSON writes as something else: times, quantities, numbers that may be strings.

use jiff::Timestamp;
use serde_json::Value;

use super::wire::{Data, Reader, WireError};

/// meta/v1 Time: seconds, for its JSON has no more. Go writes the zero time without a field.
pub(super) fn time(bytes: &[u8]) -> Result<Option<Value>, WireError> {
    let Some((seconds, _)) = seconds_and_nanos(bytes)? else { return Ok(None) };
    let at = Timestamp::from_second(seconds).map_err(|_| WireError::OutOfRange("time"))?;
    Ok(Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()))
}

/// meta/v1 MicroTime: always six digits.
pub(super) fn micro_time(bytes: &[u8]) -> Result<Option<Value>, WireError> {
    let Some((seconds, nanos)) = seconds_and_nanos(bytes)? else { return Ok(None) };
    let at = i32::try_from(nanos)
        .ok()
        .and_then(|nanos| Timestamp::new(seconds, nanos).ok())
        .ok_or(WireError::OutOfRange("time"))?;
    let micros = at.subsec_nanosecond() / 1000;
    Ok(Some(format!("{}.{micros:06}Z", at.strftime("%Y-%m-%dT%H:%M:%S")).into()))
}

fn seconds_and_nanos(bytes: &[u8]) -> Result<Option<(i64, i64)>, WireError> {
    let (mut seconds, mut nanos) = (0, 0);
    each(bytes, |number, data| {
        match number {
            1 => seconds = data.int()?,
            2 => nanos = data.int()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((!bytes.is_empty()).then_some((seconds, nanos)))
}

/// resource.Quantity: its text.
pub(super) fn quantity(bytes: &[u8]) -> Result<Value, WireError> {
    let mut text = "0";
    each(bytes, |number, data| {
        if number == 1 {
            text = data.text()?;
        }
        Ok(())
    })?;
    Ok(text.into())
}

/// intstr.IntOrString: a type, and a value for each of the two.
pub(super) fn int_or_string(bytes: &[u8]) -> Result<Value, WireError> {
    let (mut is_string, mut int, mut text) = (false, 0, "");
    each(bytes, |number, data| {
        match number {
            1 => is_string = data.varint()? != 0,
            2 => int = data.int()?,
            3 => text = data.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if is_string { text.into() } else { int.into() })
}

/// A message with a list of strings.
pub(super) fn strings(bytes: &[u8]) -> Result<Value, WireError> {
    let mut items: Vec<Value> = Vec::new();
    each(bytes, |number, data| {
        if number == 1 {
            items.push(data.text()?.into());
        }
        Ok(())
    })?;
    Ok(items.into())
}

/// The bytes that a message has as its first field.
pub(super) fn raw(bytes: &[u8]) -> Result<&[u8], WireError> {
    let mut raw: &[u8] = &[];
    each(bytes, |number, data| {
        if number == 1 {
            raw = data.bytes()?;
        }
        Ok(())
    })?;
    Ok(raw)
}

/// A double; whole numbers are written without a fraction, as Go does.
pub(super) fn double(bits: u64) -> Result<Value, WireError> {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    let value = f64::from_bits(bits);
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
        return Ok((value as i64).into());
    }
    serde_json::Number::from_f64(value).map(Value::Number).ok_or(WireError::OutOfRange("double"))
}

pub(super) fn each<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(u32, Data<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some((number, data)) = reader.next()? {
        take(number, data)?;
    }
    Ok(())
}
