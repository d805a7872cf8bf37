//! Quantities in the one form that Kubernetes stores them in.

/// The canonical form: `0.5` is `500m`, `1024Mi` is `1Gi`. `None` for what is no quantity.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let (negative, milli, notation) = parse(text)?;
    let sign = if negative && milli > 0 { "-" } else { "" };
    Some(format!("{sign}{}", write(milli, notation)))
}

/// Thousandths.
pub(super) fn milli_of(text: &str) -> Option<i128> {
    let (negative, milli, _) = parse(text)?;
    let milli = i128::try_from(milli).ok()?;
    Some(if negative { -milli } else { milli })
}

fn parse(text: &str) -> Option<(bool, u128, Notation)> {
    let text = text.trim();
    let digits_end = text
        .char_indices()
        .position(|(index, c)| !(c.is_ascii_digit() || c == '.' || (index == 0 && (c == '+' || c == '-'))))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let negative = number.starts_with('-');
    let number = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (scale, notation) = scale(suffix)?;
    Some((negative, milli(whole, fraction, scale)?, notation))
}

/// The error of Kubernetes' decoder.
pub(crate) const COMPLAINT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Binary,
    Decimal,
    Exponent,
}

#[derive(Clone, Copy)]
enum Scale {
    Two(u32),
    Ten(i32),
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

fn scale(suffix: &str) -> Option<(Scale, Notation)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Scale::Ten(*exponent), Notation::Decimal));
    }
    if let Some(index) = BINARY.iter().position(|name| *name == suffix) {
        return Some((Scale::Two(10 * (u32::try_from(index).ok()? + 1)), Notation::Binary));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (exponent.abs() <= 30).then_some((Scale::Ten(exponent), Notation::Exponent))
}

/// Thousandths, rounded away from zero, at most what an int64 holds of units.
fn milli(whole: &str, fraction: &str, scale: Scale) -> Option<u128> {
    const MAX: u128 = (i64::MAX as u128) * 1000;
    // More digits than these are beyond the largest quantity, or below a thousandth of the smallest.
    let fraction = &fraction[..fraction.len().min(24)];
    let whole = whole.trim_start_matches('0');
    if whole.len() > 19 {
        return Some(MAX);
    }
    let digits: u128 = format!("0{whole}").parse().ok()?;
    let part: u128 = format!("0{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let value = match scale {
        Scale::Two(bits) => {
            let whole = (digits << bits).saturating_mul(1000);
            // 24 digits by 60 bits don't fit; the last ones don't matter either.
            let (part, places) =
                if places > 15 { (part / 10_u128.pow(places - 15) + 1, 15) } else { (part, places) };
            whole + ((part << bits) * 1000).div_ceil(10_u128.pow(places))
        }
        Scale::Ten(exponent) => {
            let shift = exponent + 3 - i32::try_from(places).ok()?;
            let all = digits.checked_mul(10_u128.pow(places)).and_then(|all| all.checked_add(part));
            match (all, u32::try_from(shift)) {
                (None, _) => MAX,
                (Some(0), _) => 0,
                (Some(all), Ok(shift)) => {
                    10_u128.checked_pow(shift).and_then(|by| all.checked_mul(by)).unwrap_or(MAX)
                }
                (Some(all), Err(_)) => match 10_u128.checked_pow(shift.unsigned_abs()) {
                    Some(by) => all.div_ceil(by),
                    None => 1,
                },
            }
        }
    };
    Some(value.min(MAX))
}

fn write(milli: u128, notation: Notation) -> String {
    if notation == Notation::Binary && milli >= 1024 * 1000 {
        let mut units = milli.div_ceil(1000);
        let mut index = 0;
        while units.is_multiple_of(1024) && index < BINARY.len() {
            units /= 1024;
            index += 1;
        }
        let suffix = index.checked_sub(1).map_or("", |index| BINARY[index]);
        return format!("{units}{suffix}");
    }
    let (mut number, mut exponent) = (milli, -3);
    while number != 0 && number % 1000 == 0 && exponent < 18 {
        number /= 1000;
        exponent += 3;
    }
    if number == 0 || exponent == 0 {
        return number.to_string();
    }
    if notation == Notation::Exponent {
        return format!("{number}e{exponent}");
    }
    let suffix = DECIMAL.iter().find(|(_, known)| *known == exponent).map_or("", |(name, _)| name);
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_stored_in_one_form() {
        for (text, expected) in [
            ("1", "1"),
            ("0", "0"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1024m", "1024m"),
            ("2048", "2048"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("1000k", "1M"),
            ("1e3", "1e3"),
            ("0.1m", "1m"),
            ("-2", "-2"),
            ("100000000000000000000", "9223372036854775807"),
            ("1.", "1"),
            (".5", "500m"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "x", "1x", "1.2.3", "1 Gi", "-", "Mi", "1e", "é"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn the_canonical_form_is_its_own() {
        for text in ["1.5Gi", "0.1", "123456789m", "7e6", "3Ei", "999999999999999999"] {
            let once = canonical(text).unwrap();
            assert_eq!(canonical(&once).as_deref(), Some(once.as_str()), "{text}");
        }
    }
}
