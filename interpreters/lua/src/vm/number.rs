//! Numbers and strings, as Go's Lua turns one into the other.

use omnilua::{Lua, Table, Value};

use super::host::{Arguments, Refusal, define};

pub(super) fn install(lua: &Lua, host: &Table) -> omnilua::Result<()> {
    define(lua, host, "number", |arguments| match arguments.get(1) {
        Value::Number(number) => Ok(Value::String(arguments.lua.create_string(printed(*number))?)),
        _ => Err(arguments.wrong(1, "number")),
    })?;
    define(lua, host, "tonumber", |arguments| Ok(tonumber(arguments)?.map_or(Value::Nil, Value::Number)))
}

/// Whole numbers in full, others in as few digits as tell them from all others.
pub(super) fn printed(number: f64) -> String {
    match whole(number) {
        Some(whole) => whole.to_string(),
        None => shortest(number),
    }
}

/// The integer that this is, as far as those of 64 bits go.
pub(super) fn whole(number: f64) -> Option<i64> {
    let whole = number as i64;
    (whole as f64 == number).then_some(whole)
}

/// Go's `%g`: with an exponent if that is less than -4 or more than 5.
pub(super) fn shortest(number: f64) -> String {
    if !number.is_finite() {
        return match number {
            _ if number.is_nan() => "NaN",
            _ if number > 0.0 => "+Inf",
            _ => "-Inf",
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').expect("Rust prints an exponent");
    let exponent: i32 = exponent.parse().expect("Rust prints a whole exponent");
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn tonumber(arguments: &Arguments<'_>) -> Result<Option<f64>, Refusal> {
    let base = match arguments.get(2) {
        Value::Nil => None,
        Value::Number(base) => Some(*base),
        _ => return Err(arguments.wrong(2, "number")),
    };
    match arguments.get(1) {
        Value::Number(number) => Ok(Some(*number)),
        Value::String(text) => Ok(text.to_str().ok().and_then(|text| read(&text, base))),
        _ if arguments.all().is_empty() => Err(arguments.wrong(1, "value")),
        _ => Ok(None),
    }
}

/// The number that a string spells: with a point as a decimal fraction, else as an integer of the base.
fn read(text: &str, base: Option<f64>) -> Option<f64> {
    let text = text.trim_matches([' ', '\n', '\t']);
    if text.contains('.') {
        let spelled = text.bytes().all(|c| c.is_ascii_digit() || b"+-.eE".contains(&c));
        return text.parse().ok().filter(|number: &f64| spelled && number.is_finite());
    }
    let (digits, radix) = match (base, text.get(..2)) {
        (None, Some("0x" | "0X")) => (&text[2..], 16),
        (None, _) => (text, 10),
        (Some(base), _) if (2.0..=36.0).contains(&base) => (text, base as u32),
        _ => return None,
    };
    i64::from_str_radix(digits, radix).ok().map(|number| number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_go_prints_them() {
        for (number, text) in [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (12_345_678.5, "1.23456785e+07"),
            (123_456.5, "123456.5"),
            (1e300, "1e+300"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(printed(number), text);
        }
    }

    #[test]
    fn strings_are_numbers_as_go_reads_them() {
        for (text, base, number) in [
            (" 12\n", None, Some(12.0)),
            ("0x1F", None, Some(31.0)),
            ("1.5e1", None, Some(15.0)),
            ("1e3", None, None),
            ("ff", Some(16.0), Some(255.0)),
            ("z", Some(99.0), None),
            ("", None, None),
            ("inf.", None, None),
            ("é", None, None),
        ] {
            assert_eq!(read(text, base), number, "{text}");
        }
    }
}
