//! From text to values and back.

use std::fmt;

use serde::de::{Deserialize, IgnoredAny};
use serde::ser::Serialize;
use serde_json::Value;

use windlass_json::Unread;

use super::scan::field_at;
use crate::answer::Rejection;

/// Reads a document.
///
/// # Errors
/// The field that can't be read, and why: `spec.replicas`: `invalid type: string "many", expected an integer`.
pub fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Rejection> {
    windlass_json::read(text).map_err(|error| explain(text, &error))
}

/// Reads a document that is itself the part `place` of another.
///
/// # Errors
/// As for [`parse`]; the field begins with `place`.
pub fn parse_at<'a, T: Deserialize<'a>>(place: impl fmt::Display, text: &'a str) -> Result<T, Rejection> {
    parse(text).map_err(|rejection| prefixed(&place, rejection))
}

/// The rejection of a field that is itself inside `place`.
pub(crate) fn prefixed(place: &dyn fmt::Display, mut rejection: Rejection) -> Rejection {
    let separator = if rejection.field.is_empty() || rejection.field.starts_with('[') { "" } else { "." };
    rejection.field = format!("{place}{separator}{}", rejection.field);
    rejection
}

/// `value` as a tree, where parts of the document that are passed on as they are have to be looked into.
///
/// # Errors
/// Such a part is nested too deeply, or has numbers or characters in it that there aren't; `place` says where it stands.
pub fn tree(place: &str, value: &impl Serialize) -> Result<Value, Rejection> {
    serde_json::to_value(value).map_err(|error| Rejection::new(place, error))
}

/// The compact JSON of `value`.
///
/// # Panics
/// On values that JSON has no notation for: maps with keys other than strings.
pub fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("answers are made of what JSON has")
}

#[cold]
fn explain(text: &str, error: &Unread) -> Rejection {
    match (error.message(), serde_json::from_str::<IgnoredAny>(text)) {
        (Some(message), _) => Rejection { field: field_at(text, error.place()), message: message.to_owned() },
        (None, Err(error)) => explain_no_json(text, &error),
        (None, Ok(_)) => Rejection::new(field_at(text, error.place()), "can't be read"),
    }
}

fn explain_no_json(text: &str, error: &serde_json::Error) -> Rejection {
    // The place that serde_json counts is a line and a byte in it.
    let line_start =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message);
    Rejection { field: field_at(text, line_start + error.column()), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate as windlass_sdk;
    use crate::json::{Entries, Int, Text};
    use crate::quantity::Quantity;

    windlass_sdk::shape! {
        struct Object<'a> {
            spec: Spec<'a>,
        }

        struct Spec<'a> {
            replicas: Option<Int>,
            names: Vec<Text<'a>>,
            limits: Entries<'a, Quantity>,
            paused: bool,
            inner: Inner,
        }

        struct Inner {
            count: i64,
        }
    }

    fn check(text: &str, field: &str, message: &str) {
        let error = parse::<Object<'_>>(text).map(|object| object.spec.inner.count).unwrap_err();
        assert_eq!(error.field, field, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }

    #[test]
    fn a_wrong_type_names_its_field() {
        check(r#"{"spec":{"replicas":"many"}}"#, "spec.replicas", "string \"many\"");
        check(r#"{"spec":{"replicas":[1]}}"#, "spec.replicas", "sequence");
        check(r#"{"spec":{"replicas":{"a":1}}}"#, "spec.replicas", "map");
        check("{\"spec\":{\n  \"replicas\": 1.5,\n  \"paused\": true}}", "spec.replicas", "1.5");
        check(r#"{"spec":{"names":["a", 7]}}"#, "spec.names[1]", "integer `7`");
        check(r#"{"spec":{"names":{"a":7}}}"#, "spec.names", "map");
        check(r#"{"spec":{"limits":{"example.com/gpu":"lots"}}}"#, "spec.limits['example.com/gpu']", "lots");
        check(r#"{"spec":{"paused":"yes"},"z":1}"#, "spec.paused", "expected a boolean");
        check(r#"{"spec":{"inner":{"count":1.0}}}"#, "spec.inner.count", "floating point");
        check(r#"{"spec":7}"#, "spec", "integer `7`");
        check(r#"{"spec":[1]}"#, "spec", "sequence");
        check("7", "", "integer `7`");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        check("", "", "EOF");
        check(r#"{"spec":{"replicas":1"#, "spec.replicas", "EOF");
        check(r#"{"spec":{"replicas":}}"#, "spec", "expected value");
        check("[[[", "", "invalid type: sequence");
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        assert!(parse::<Object<'_>>(&deep).is_err());
    }

    #[test]
    fn not_all_that_is_passed_on_makes_a_tree() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        for text in [&deep, "1e999", r#""\ud800""#] {
            let part: crate::json::Json<'_> = parse(text).unwrap();
            assert_eq!(write(&part), *text);
            assert_eq!(tree("status.x", &part).unwrap_err().field, "status.x");
        }
        assert_eq!(
            tree("", &parse::<crate::json::Json<'_>>("[1]").unwrap()).unwrap(),
            serde_json::json!([1])
        );
    }

    #[test]
    fn absent_and_null_are_the_default() {
        for text in
            ["{}", r#"{"spec":null}"#, r#"{"spec":{"names":null,"limits":null,"paused":null,"inner":null}}"#]
        {
            let object: Object<'_> = parse(text).unwrap();
            assert!(object.spec.names.is_empty() && object.spec.limits.is_empty() && !object.spec.paused);
            assert_eq!(object.spec.replicas, None);
        }
        let object: Object<'_> = parse(r#"{"spec":{"limits":{"cpu":null}}}"#).unwrap();
        assert!(object.spec.limits.get("cpu").unwrap().is_zero());
    }
}
