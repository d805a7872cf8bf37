//! The formats that Kubernetes checks. Unknown formats say nothing.

use base64::Engine;
use serde_json::Value;

/// What is wrong with `value` by its format, in go-openapi's words; `None` if nothing is.
pub(super) fn complaint(format: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let fits = match format {
                "int32" => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) || number.is_f64(),
                "int64" => number.as_i64().is_some() || number.is_f64(),
                _ => true,
            };
            (!fits).then(|| format!("must be of type {format}: {:?}", number.to_string()))
        }
        Value::String(text) => {
            (!is_valid(format, text)).then(|| format!("must be of type {format}: {text:?}"))
        }
        _ => None,
    }
}

fn is_valid(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "byte" => text.is_empty() || base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "duration" => is_duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => is_mac(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => is_uuid(text),
        "hostname" => is_hostname(text),
        "email" => text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && is_hostname(host)),
        "uri" => is_absolute_uri(text),
        _ => true,
    }
}

/// RFC 3339, as Go's `time.RFC3339` reads it.
pub(crate) fn is_date_time(text: &str) -> bool {
    // jiff alone would also take a space for the T, or a time zone annotation.
    let at = |index: usize| text.as_bytes().get(index).copied();
    matches!(at(10), Some(b'T' | b't')) && !text.ends_with(']') && text.parse::<jiff::Timestamp>().is_ok()
}

/// Go's `time.ParseDuration`: `1h30m`, `-1.5s`, `0`.
pub(crate) fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        if !digits.contains(|c: char| c.is_ascii_digit()) || digits.matches('.').count() > 1 {
            return false;
        }
        let unit = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"].iter().find_map(|unit| {
            let after = tail.strip_prefix(unit)?;
            // `m` must not take the head of `ms`.
            after.chars().next().is_none_or(|c| c.is_ascii_digit() || c == '.').then_some(after)
        });
        let Some(after) = unit else { return false };
        rest = after;
    }
    true
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    match (address.parse::<std::net::IpAddr>(), length.parse::<u8>()) {
        (Ok(std::net::IpAddr::V4(_)), Ok(length)) => length <= 32,
        (Ok(std::net::IpAddr::V6(_)), Ok(length)) => length <= 128,
        _ => false,
    }
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8)
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_uuid(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    plain.len() == 32 && plain.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return text.starts_with('/') };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formats_hold_what_go_holds() {
        let check = |format: &str, good: &[&str], bad: &[&str]| {
            for text in good {
                assert_eq!(complaint(format, &json!(text)), None, "{format} {text}");
            }
            for text in bad {
                assert!(complaint(format, &json!(text)).is_some(), "{format} {text}");
            }
        };
        check(
            "date-time",
            &["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.123456+02:00"],
            &["2024-01-02", "yesterday", ""],
        );
        check("duration", &["0", "1h30m", "-1.5s", "300ms", "2us"], &["", "1", "1x", "h", "1.2.3s"]);
        check("byte", &["", "aGVsbG8="], &["!!"]);
        check("cidr", &["10.0.0.0/8", "::/0"], &["10.0.0.0", "10.0.0.0/33"]);
        check("unheard-of", &["anything"], &[]);
    }

    #[test]
    fn whole_numbers_keep_within_their_format() {
        assert!(complaint("int32", &json!(4_000_000_000_u64)).is_some());
        assert!(complaint("int32", &json!(7)).is_none());
        assert!(complaint("int64", &json!(u64::MAX)).is_some());
    }
}
