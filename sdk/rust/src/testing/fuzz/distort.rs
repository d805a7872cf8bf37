//! JSON, made strange.

use serde_json::{Value, json};

use super::super::mutate::pointers;
use super::super::random::Random;

/// Stands where text that may be no JSON comes to stand.
const HERE: &str = "\u{2e28}here\u{2e29}";

/// No text becomes longer by repeating parts of it.
const REPEATED_MAX: usize = 200_000;

const DEPTHS: [usize; 6] = [3, 100, 127, 128, 1_000, 10_000];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "1.5",
    "3.0",
    "3e2",
    "1e300",
    "-1e300",
    "1e999",
    "-1e999",
    "1e-999",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890",
    "0.000000000000000000000000000000000000000000000000000000000001",
    "00",
    "1.",
    ".5",
    "+1",
    "0x10",
    "NaN",
    "-Infinity",
    "1e",
    "--1",
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "7",
    "-7",
    "0x10",
    "1e1000000",
    "1e-1000000",
    "1.5Gi",
    "9999999999999999999Ei",
    "-9223372036854775808n",
    "0.0000000000000000000001n",
    "100m",
    "1h2m3s",
    "9999999999999999999h",
    "1.2.3s",
    "2025-11-23T00:24:50Z",
    "9999-99-99T99:99:99Z",
    "-0001-02-30T24:61:61+99:99",
    "true",
    "null",
    "None",
    "{\"a\": [1, {}]}",
    "s3://bucket/checkpoints//",
    "{.a.b[*]}",
    "{range .a[*]}{.b",
    "$..[?(@.a==1)]",
    "a/b~c~1d",
    "%s%d%n",
    "\0",
    "\u{feff}",
    "\u{202e}txet\u{200d}",
    "e\u{301}\u{1f468}\u{200d}\u{1f469}",
    "Straße-日本",
    "\u{10ffff}",
    "\"quotes\" and \\ and\nnewlines\r\t",
    "../../../etc",
];

/// JSON strings with escapes that Rust's strings can't hold.
const ESCAPED: &[&str] = &[
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83e\\udd80\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"a\nb\"",
    "\"open",
    "'single'",
];

/// A string that somebody may have written, or long.
pub(super) fn text(random: &mut Random) -> String {
    match random.below(20) {
        0 => "\u{e9}9".repeat(2_000),
        1 => "9".repeat(400),
        2 => format!("{}Ei", "9".repeat(1_000)),
        _ => (*random.pick(TEXTS)).to_owned(),
    }
}

/// The text of `value` with parts of it exchanged, and now and then with what makes it no JSON at all.
pub(super) fn distorted(value: &Value, random: &mut Random) -> String {
    let mut value = value.clone();
    for _ in 0..random.below(4) {
        if let Some(place) = place(&value, random) {
            let next = exchanged(&value, &place, random);
            put(&mut value, &place, next);
        }
    }
    let mut whole = if random.chance(60) { spliced(value, random) } else { value.to_string() };
    while random.chance(15) {
        whole = corrupted(whole, random);
    }
    whole
}

fn place(value: &Value, random: &mut Random) -> Option<String> {
    let mut places = Vec::new();
    pointers(value, "", &mut places);
    (!places.is_empty()).then(|| random.pick(&places).clone())
}

fn put(value: &mut Value, place: &str, next: Value) {
    if let Some(present) = value.pointer_mut(place) {
        *present = next;
    }
}

/// What may come to stand at `place`: something of any type, or another part of the whole.
fn exchanged(whole: &Value, at: &str, random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => json!(random.chance(50)),
        2 => json!(random.below(10)),
        3 => json!(-1.5),
        4 => json!([]),
        5 => json!({}),
        6 => json!([null, 7, {}, [[]]]),
        7 => json!({"": null, "a": {"b": [1]}, "name": 7, "\u{e9}/~.[0]": "x"}),
        8 | 9 => json!(text(random)),
        // Neither grows with the number of rounds: parts are no more than the whole.
        10 => place(whole, random).and_then(|from| whole.pointer(&from).cloned()).unwrap_or_default(),
        _ => {
            let present = whole.pointer(at).cloned().unwrap_or_default();
            json!([present.clone(), present])
        }
    }
}

/// With text that may be no JSON at some place.
fn spliced(mut value: Value, random: &mut Random) -> String {
    let Some(place) = place(&value, random) else { return raw(&value, random) };
    let present = value.pointer(&place).cloned().unwrap_or_default();
    put(&mut value, &place, json!(HERE));
    value.to_string().replacen(&format!("\"{HERE}\""), &raw(&present, random), 1)
}

/// Text in the place of `present`.
fn raw(present: &Value, random: &mut Random) -> String {
    match random.below(12) {
        0 | 1 => nested("[", "1", "]", random),
        2 => nested("{\"a\":", "{}", "}", random),
        3 => nested("{\"spec\":", &present.to_string(), "}", random),
        4 => nested("[{\"template\":", "null", "}]", random),
        5 => nested("[", "", "", random),
        6 => (*random.pick(ESCAPED)).to_owned(),
        7 | 8 => (*random.pick(NUMBERS)).to_owned(),
        9 => twice(present, random),
        10 => {
            let item = present.to_string();
            let times = REPEATED_MAX / (item.len() + 1).max(20);
            format!("[{}]", vec![item; 1 + random.below(times)].join(","))
        }
        _ => {
            let members: Vec<String> =
                (0..1 + random.below(2_000)).map(|number| format!("\"k{number}\":{present}")).collect();
            let mut object = members.join(",");
            object.truncate(object.char_indices().nth(REPEATED_MAX).map_or(object.len(), |(end, _)| end));
            format!("{{{object}}}")
        }
    }
}

fn nested(open: &str, inside: &str, close: &str, random: &mut Random) -> String {
    let depth = *random.pick(&DEPTHS);
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

/// An object with each field there twice, with another value the second time.
fn twice(present: &Value, random: &mut Random) -> String {
    let fields = present.as_object().cloned().unwrap_or_default();
    let mut members: Vec<String> = vec!["\"name\":\"a\"".to_owned(), "\"name\":7".to_owned()];
    for (name, value) in &fields {
        let other = exchanged(present, "", random);
        members.extend([value, &other].map(|value| format!("{}:{value}", json!(name))));
    }
    format!("{{{}}}", members.join(","))
}

/// Cut, with something in it, without something, or with something behind it.
fn corrupted(whole: String, random: &mut Random) -> String {
    let mut at = random.below(whole.len() + 1);
    while !whole.is_char_boundary(at) {
        at -= 1;
    }
    let (before, after) = whole.split_at(at);
    let inserted =
        *random.pick(&["{", "}", "[", "]", ",", ":", "\"", "\\", "\0", " ", "\u{feff}", "null", "/**/"]);
    match random.below(5) {
        0 => before.to_owned(),
        1 => after.to_owned(),
        2 => format!("{whole}{inserted}"),
        3 => format!("{before}{}", after.get(1..).unwrap_or_default()),
        _ => format!("{before}{inserted}{after}"),
    }
}
