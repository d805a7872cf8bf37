//! What Karmada's string library does otherwise than Lua's own.

use std::iter::Peekable;
use std::str::Chars;

use omnilua::{Lua, Table, Value};

use super::convert::type_name;
use super::host::{Arguments, Refusal, define};
use super::number::{printed, shortest};

/// The longest string that is made or taken.
const LENGTH_MAX: usize = 1_000_000;
/// More digits than any number has.
const PRECISION_MAX: usize = 1_000;

pub(super) fn install(lua: &Lua, host: &Table) -> omnilua::Result<()> {
    define(lua, host, "lower", |arguments| mapped(arguments, |c| c.to_lowercase().next().unwrap_or(c)))?;
    define(lua, host, "upper", |arguments| mapped(arguments, |c| c.to_uppercase().next().unwrap_or(c)))?;
    define(lua, host, "format", |arguments| {
        let pattern = limited(arguments.string(1)?)?;
        let text = limited(format(&pattern, &arguments.all()[1..])?)?;
        Ok(Value::String(arguments.lua.create_string(text)?))
    })
}

fn mapped(arguments: &Arguments<'_>, map: impl Fn(char) -> char) -> Result<Value, Refusal> {
    let text: String = limited(arguments.string(1)?)?.chars().map(map).collect();
    Ok(Value::String(arguments.lua.create_string(text)?))
}

fn limited(text: String) -> Result<String, Refusal> {
    if text.len() > LENGTH_MAX {
        return Err(Refusal(format!(
            "string length {} exceeds the maximum allowed string length {LENGTH_MAX}",
            text.len()
        )));
    }
    Ok(text)
}

/// One `%` of a pattern.
#[derive(Default)]
struct Verb {
    left: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Formats as Go does, which is what string.format is in Karmada.
fn format(pattern: &str, values: &[Value]) -> Result<String, Refusal> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        if text.len() > LENGTH_MAX {
            break;
        }
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = rest.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => verb.left = true,
                '+' => verb.plus = true,
                '#' => verb.sharp = true,
                ' ' => verb.space = true,
                _ => verb.zero = true,
            }
        }
        verb.width = digits(&mut rest);
        if rest.next_if_eq(&'.').is_some() {
            verb.precision = Some(digits(&mut rest).min(PRECISION_MAX));
        }
        match rest.next() {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(letter) => match values.next() {
                None => text.push_str(&format!("%!{letter}(MISSING)")),
                Some(value) => text.push_str(&verb.print(letter, value)?),
            },
        }
    }
    Ok(text)
}

fn digits(rest: &mut Peekable<Chars<'_>>) -> usize {
    let mut number = 0usize;
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        number = number.saturating_mul(10).saturating_add(digit as usize - '0' as usize);
    }
    number.min(LENGTH_MAX)
}

impl Verb {
    fn print(&self, letter: char, value: &Value) -> Result<String, Refusal> {
        Ok(match value {
            Value::Number(number) => self.number(letter, *number),
            Value::String(text) => {
                let text = String::from_utf8_lossy(&text.as_bytes()?).into_owned();
                self.string(letter, &text)
            }
            Value::Boolean(value) => self.string(letter, &value.to_string()),
            Value::Nil => self.string(letter, "nil"),
            other => self.string(letter, &format!("{}: 0x0", type_name(other))),
        })
    }

    fn number(&self, letter: char, number: f64) -> String {
        let integer = number as i64;
        let size = number.abs();
        let (digits, negative) = match letter {
            's' => return self.string('s', &printed(number)),
            'q' => return self.string('q', &printed(number)),
            'c' => {
                let c = u32::try_from(integer).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
                return self.padded(c.to_string());
            }
            'd' | 'i' => (integer.unsigned_abs().to_string(), integer < 0),
            'x' if self.sharp => (format!("{:#x}", integer.unsigned_abs()), integer < 0),
            'X' if self.sharp => (format!("0X{:X}", integer.unsigned_abs()), integer < 0),
            'x' => (format!("{:x}", integer.unsigned_abs()), integer < 0),
            'X' => (format!("{:X}", integer.unsigned_abs()), integer < 0),
            'o' => (format!("{:o}", integer.unsigned_abs()), integer < 0),
            'b' => (format!("{:b}", integer.unsigned_abs()), integer < 0),
            _ if !number.is_finite() => return self.padded(shortest(number)),
            'f' | 'F' => (format!("{size:.*}", self.precision.unwrap_or(6)), number < 0.0),
            'e' | 'E' => (exponent(size, self.precision.unwrap_or(6), letter), number < 0.0),
            'g' | 'G' => (general(size, self.precision, letter), number < 0.0),
            'v' => (printed(size), number < 0.0),
            other => return format!("%!{other}(number={})", printed(number)),
        };
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let digits = match self.precision {
            Some(least) if "dioxXb".contains(letter) => format!("{digits:0>least$}"),
            _ => digits,
        };
        let missing = self.width.saturating_sub(sign.len() + digits.len());
        let zeros = if self.zero && !self.left { "0".repeat(missing) } else { String::new() };
        self.padded(format!("{sign}{zeros}{digits}"))
    }

    fn string(&self, letter: char, text: &str) -> String {
        match letter {
            's' | 'v' => {
                self.padded(self.precision.map_or(text.to_owned(), |most| text.chars().take(most).collect()))
            }
            'q' => self.padded(format!("{text:?}")),
            'x' => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            'X' => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            // As it stands if it is a number, and else nothing.
            'd' | 'i' => self.padded(if text.trim().parse::<f64>().is_ok() { text } else { "0" }.to_owned()),
            other => format!("%!{other}(string={text})"),
        }
    }

    fn padded(&self, text: String) -> String {
        // Rust's own padding ends at 65,535.
        let missing = " ".repeat(self.width.saturating_sub(text.chars().count()));
        if self.left { text + &missing } else { missing + &text }
    }
}

/// C's and Go's `%e`.
fn exponent(size: f64, precision: usize, letter: char) -> String {
    let scientific = format!("{size:.precision$e}");
    let (digits, exponent) = scientific.split_once('e').expect("Rust prints an exponent");
    let exponent: i32 = exponent.parse().expect("Rust prints a whole exponent");
    let sign = if exponent < 0 { '-' } else { '+' };
    let e = if letter.is_ascii_uppercase() { 'E' } else { 'e' };
    format!("{digits}{e}{sign}{:02}", exponent.abs())
}

/// Go's `%g`.
fn general(size: f64, precision: Option<usize>, letter: char) -> String {
    let Some(precision) = precision else { return shortest(size) };
    let precision = precision.max(1);
    let scientific = format!("{size:.*e}", precision - 1);
    let (digits, power) = scientific.split_once('e').expect("Rust prints an exponent");
    let power: i32 = power.parse().expect("Rust prints a whole exponent");
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= precision as i32 {
        let sign = if power < 0 { '-' } else { '+' };
        let e = if letter.is_ascii_uppercase() { 'E' } else { 'e' };
        return format!("{}{e}{sign}{:02}", trimmed(digits), power.abs());
    }
    trimmed(&format!("{size:.*}", (precision as i32 - 1 - power).max(0) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, values: &[Value], text: &str) {
        assert_eq!(format(pattern, values).unwrap(), text, "{pattern}");
    }

    #[test]
    fn numbers_are_formatted_as_go_formats_them() {
        let number = |number| [Value::Number(number)];
        check("%d%%", &number(3.7), "3%");
        check("%5d|", &number(-3.0), "   -3|");
        check("%-5d|", &number(3.0), "3    |");
        check("%05d", &number(-3.0), "-0003");
        check("%+d", &number(3.0), "+3");
        check("%.2f", &number(2.345), "2.35");
        check("%f", &number(0.5), "0.500000");
        check("%e", &number(12345.678), "1.234568e+04");
        check("%g", &number(0.1), "0.1");
        check("%x", &number(255.0), "ff");
        check("%s", &number(3.0), "3");
        check("%d", &[], "%!d(MISSING)");
        check("%", &[], "%!(NOVERB)");
        check("%9999999999d", &number(1.0), &format!("{}1", " ".repeat(LENGTH_MAX - 1)));
        check("%s", &[Value::Nil], "nil");
    }
}
