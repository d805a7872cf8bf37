//! Values as Kubernetes prints them: what Go's `fmt` and `encoding/json` make of them.

use std::fmt::Write;

use serde_json::Value;

/// A value as a template prints it: texts as they are, numbers and booleans as texts, lists and objects as JSON.
pub fn print(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64().map_or_else(|| number.to_string(), float),
        },
        value => {
            let mut out = String::new();
            json(value, &mut out);
            out
        }
    }
}

/// The shortest digits that are this number, and the power of ten of the first.
fn digits(number: f64) -> (String, i32) {
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or_default())
}

/// `1.5`, `1e-05`, `1.234567895e+08`: as Go's `%v`, which writes an exponent from a million on.
pub(crate) fn float(number: f64) -> String {
    let (_, exponent) = digits(number);
    let plain = number == 0.0 || (-4..6).contains(&exponent);
    if plain { number.to_string() } else { scientific(number, 2) }
}

fn scientific(number: f64, exponent_digits: usize) -> String {
    let (digits, exponent) = digits(number);
    let (first, rest) = digits.split_at(1);
    let minus = if number.is_sign_negative() { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{minus}{first}{point}{rest}e{sign}{:0exponent_digits$}", exponent.unsigned_abs())
}

fn json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => out.push_str(&whole.to_string()),
            (None, Some(float)) => {
                let (_, exponent) = digits(float);
                let plain = float == 0.0 || (-6..21).contains(&exponent);
                out.push_str(&if plain { float.to_string() } else { scientific(float, 1) });
            }
            (None, None) => out.push_str(&number.to_string()),
        },
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(name, out);
                out.push(':');
                json(value, out);
            }
            out.push('}');
        }
    }
}

/// A JSON string that is safe in HTML, too.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes all");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
