//! The forms that single values have to have, by the names that `kinds/checks.json` has for them.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::meta;

const ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
    '93%', regex used for validation is '[0-9]+%')";
const PORT_NAME: [&str; 3] = [
    "must be no more than 15 characters",
    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    "must contain at least one letter (a-z)",
];

/// A complaint, and about which item where the value is a list.
type Complaint = (Option<usize>, String);

/// What is wrong with a value that has to be of a form. Nothing where there is no such form.
pub(super) fn complaints(form: &str, value: &Value, arguments: &[Value]) -> Vec<Complaint> {
    let text = value.as_str().unwrap_or_default();
    let whole = |details: Vec<String>| details.into_iter().map(|detail| (None, detail)).collect();
    let maximum = arguments.first().and_then(Value::as_u64).unwrap_or_default();
    match form {
        "length" if text.chars().count() as u64 > maximum => {
            whole(vec![format!("must be no more than {maximum} characters")])
        }
        "number-or-percent" => whole(number_or_percent(value).into_iter().collect()),
        "port-or-name" => whole(port_or_name(value)),
        "absolute" if !text.starts_with('/') => whole(vec!["must be an absolute path".to_owned()]),
        "address" if text.parse::<IpAddr>().is_err() => whole(vec![ADDRESS.to_owned()]),
        "segment" if !text.is_empty() => whole(meta::path_segment(text, false)),
        "provisioner" if !text.is_empty() => whole(meta::qualified(&text.to_lowercase())),
        "domain-path" => whole(domain_path(text).into_iter().collect()),
        "time-zone" => whole(time_zone(text).into_iter().collect()),
        "signer" => whole(signer(text).into_iter().collect()),
        "cron" if !text.is_empty() => whole(cron(text).into_iter().collect()),
        "pem" => {
            let label = arguments.first().and_then(Value::as_str).unwrap_or_default();
            let bytes = STANDARD.decode(text).unwrap_or_default();
            let begins = String::from_utf8_lossy(&bytes).contains(&format!("-----BEGIN {label}-----"));
            whole(if begins { Vec::new() } else { vec![format!("PEM block type must be {label}")] })
        }
        "addresses" => items(value, |text| text.parse::<IpAddr>().is_err().then_some(ADDRESS)),
        "blocks" => items(value, |text| {
            (!is_block(text)).then_some("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        }),
        _ => Vec::new(),
    }
}

fn items(value: &Value, complaint: impl Fn(&str) -> Option<&'static str>) -> Vec<Complaint> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate();
    items
        .filter_map(|(index, item)| {
            Some((Some(index), complaint(item.as_str().unwrap_or_default())?.to_owned()))
        })
        .collect()
}

fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn number_or_percent(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let digits = text.strip_suffix('%').filter(|digits| !digits.is_empty());
            let valid = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            (!valid).then(|| PERCENT.to_owned())
        }
        _ => value
            .as_i64()
            .filter(|number| *number < 0)
            .map(|_| "must be greater than or equal to 0".to_owned()),
    }
}

fn port_or_name(value: &Value) -> Vec<String> {
    if let Some(number) = value.as_i64() {
        let valid = (1..=65535).contains(&number);
        return if valid { Vec::new() } else { vec!["must be between 1 and 65535, inclusive".to_owned()] };
    }
    let name = value.as_str().unwrap_or_default();
    let mut complaints = Vec::new();
    let mut check = |holds: bool, complaint: &str| {
        if !holds {
            complaints.push(complaint.to_owned());
        }
    };
    check(name.len() <= 15, PORT_NAME[0]);
    check(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), PORT_NAME[1]);
    check(name.bytes().any(|b| b.is_ascii_lowercase()), PORT_NAME[2]);
    check(!name.contains("--"), "must not contain consecutive hyphens");
    check(!name.starts_with('-') && !name.ends_with('-'), "must not begin or end with a hyphen");
    complaints
}

/// `acme.io/foo`
fn domain_path(text: &str) -> Option<String> {
    let form = || "must be a domain-prefixed path (such as \"acme.io/foo\")".to_owned();
    match text.split_once('/') {
        None => Some(form()),
        Some((domain, path)) if domain.is_empty() || path.is_empty() => Some(form()),
        Some((domain, _)) => meta::subdomain(domain).into_iter().next(),
    }
}

/// Only what the machine's own table has is known; without one, any name passes.
fn time_zone(text: &str) -> Option<String> {
    let zones = jiff::tz::db();
    let known = zones.is_definitively_empty() || zones.get(text).is_ok();
    (!known).then(|| format!("unknown time zone {text}"))
}

/// `example.com/name`
fn signer(text: &str) -> Option<String> {
    let steps: Vec<&str> = text.split('/').collect();
    let [domain, path] = steps.as_slice() else {
        return Some(
            "must be a fully qualified domain and path of the form 'example.com/signer-name'".to_owned(),
        );
    };
    let wrong = || meta::subdomain(domain).into_iter().next();
    if path.is_empty() { Some("must have a name after the domain".to_owned()) } else { wrong() }
}

/// The times of a schedule, as cron writes them.
fn cron(text: &str) -> Option<String> {
    const NAMED: [&str; 7] =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    /// Minutes, hours, days, months, days of the week.
    const BOUNDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    if text.contains("TZ") {
        return Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
    }
    if text.starts_with('@') {
        let known = NAMED.contains(&text) || text.starts_with("@every ");
        return (!known).then(|| format!("unrecognized descriptor: {text}"));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != BOUNDS.len() {
        let found = fields.len();
        return Some(format!("expected exactly 5 fields, found {found}: [{}]", fields.join(" ")));
    }
    fields
        .iter()
        .zip(BOUNDS)
        .enumerate()
        .find_map(|(at, (field, bounds))| field.split(',').find_map(|part| cron_part(part, bounds, at >= 3)))
}

/// `*`, `5`, `1-5`, each with `/step`; months and days of the week have names, too.
fn cron_part(part: &str, (low, high): (u32, u32), named: bool) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| {
        let failed =
            || format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax");
        text.parse::<u32>().map_err(|_| failed())
    };
    if let Some(step) = step {
        match number(step) {
            Err(error) => return Some(error),
            Ok(0) => return Some(format!("step of range should be a positive number: {part}")),
            Ok(_) => {}
        }
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    let is_name =
        |text: &str| named && text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    if is_name(first) && is_name(last) {
        return None;
    }
    match (number(first), number(last)) {
        (Err(error), _) | (_, Err(error)) => Some(error),
        (Ok(first), _) if first < low => {
            Some(format!("beginning of range ({first}) below minimum ({low}): {part}"))
        }
        (_, Ok(last)) if last > high => Some(format!("end of range ({last}) above maximum ({high}): {part}")),
        (Ok(first), Ok(last)) if first > last => {
            Some(format!("beginning of range ({first}) beyond end of range ({last}): {part}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schedules_are_those_of_cron() {
        for schedule in ["* * * * *", "*/5 0-6 1,15 JAN-MAR mon", "@daily", "@every 1h", "0 0 1 1 ?"] {
            assert_eq!(cron(schedule), None, "{schedule}");
        }
        for (schedule, complaint) in [
            ("often", "expected exactly 5 fields, found 1: [often]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
            ("@sometimes", "unrecognized descriptor: @sometimes"),
            ("TZ=UTC * * * * *", "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
        ] {
            assert_eq!(cron(schedule).as_deref(), Some(complaint), "{schedule}");
        }
    }

    #[test]
    fn numbers_percentages_and_ports_are_told_apart() {
        for value in [json!(0), json!("5%"), json!(3)] {
            assert_eq!(number_or_percent(&value), None, "{value}");
        }
        for value in [json!(-1), json!("5"), json!("%"), json!("-5%")] {
            assert!(number_or_percent(&value).is_some(), "{value}");
        }
        for value in [json!(80), json!("http"), json!("a-1")] {
            assert_eq!(port_or_name(&value), [""; 0], "{value}");
        }
        for value in
            [json!(0), json!("80"), json!("Http"), json!("a--b"), json!("-a"), json!("sixteen-letters-x")]
        {
            assert!(!port_or_name(&value).is_empty(), "{value}");
        }
    }
}
