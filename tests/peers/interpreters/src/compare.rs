//! Whether two answers are the same, and where not.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::asked::{Answer, PANIC};

/// How ours differs from Karmada's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Difference {
    /// The results differ at these places: `status.conditions[*].type`.
    Results(BTreeSet<String>),
    /// Karmada answers, ours refuses.
    OursRefuses(String),
    /// Nobody answers for what Karmada interprets.
    NobodyAnswers,
    /// A plugin trapped.
    Panic(String),
}

/// What comparing two answers comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Comparison {
    Same,
    /// Both refuse.
    BothRefuse,
    /// Ours answers where Karmada fails.
    KarmadaFails,
    /// They differ only for objects that no API server would hand out.
    NoSuchObject,
    Differs(Difference),
    /// They differ in the order of lists that has no meaning, which an accepted difference of this name says.
    OtherOrder(String),
}

/// `answer` with the lists at `paths` in order of their items' text; `.` is the whole result.
pub(crate) fn ordered(answer: &Answer, paths: &[&str]) -> Answer {
    let Answer::Result(result) = answer else { return answer.clone() };
    // What is empty must not decide the order.
    let mut result = without_empty(result);
    for path in paths {
        let pointer = if *path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
        if let Some(Value::Array(items)) = result.pointer_mut(&pointer) {
            items.sort_by_cached_key(Value::to_string);
        }
    }
    Answer::Result(result)
}

/// Compares a result, modulo what is empty.
pub(crate) fn compare(operation: &str, karmada: &Answer, ours: &Answer) -> Comparison {
    if let Answer::Result(result) = ours
        && let Some(cause) = result.get(PANIC)
    {
        return Comparison::Differs(Difference::Panic(cause.to_string()));
    }
    match (karmada, ours) {
        (_, Answer::Nobody) => Comparison::Differs(Difference::NobodyAnswers),
        (Answer::Error(_) | Answer::Nobody, Answer::Error(_)) => Comparison::BothRefuse,
        (Answer::Error(_) | Answer::Nobody, Answer::Result(_)) => Comparison::KarmadaFails,
        (Answer::Result(_), Answer::Error(error)) => {
            Comparison::Differs(Difference::OursRefuses(without_values(&without_indices(error))))
        }
        (Answer::Result(karmada), Answer::Result(ours)) => {
            let (karmada, ours) = (normal(operation, karmada), normal(operation, ours));
            let mut places = BTreeSet::new();
            differing(&karmada, &ours, "", &mut places);
            if places.is_empty() {
                Comparison::Same
            } else {
                Comparison::Differs(Difference::Results(places))
            }
        }
    }
}

/// Without what is empty or null; dependents in order.
fn normal(operation: &str, result: &Value) -> Value {
    let mut result = without_empty(result);
    if operation == "InterpretDependency"
        && let Value::Array(dependents) = &mut result
    {
        dependents.sort_by_cached_key(Value::to_string);
    }
    result
}

fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let left: Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), without_empty(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if left.is_empty() { Value::Null } else { Value::Object(left) }
        }
        Value::Array(items) => {
            let left: Vec<Value> = items.iter().map(without_empty).filter(|item| !item.is_null()).collect();
            if left.is_empty() { Value::Null } else { Value::Array(left) }
        }
        other => other.clone(),
    }
}

fn differing(a: &Value, b: &Value, at: &str, places: &mut BTreeSet<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let separator = if at.is_empty() { "" } else { "." };
                let at = format!("{at}{separator}{key}");
                differing(
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    &at,
                    places,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                differing(a, b, &format!("{at}[*]"), places);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if a == b => {}
        _ => {
            places.insert(if at.is_empty() { ".".to_owned() } else { at.to_owned() });
        }
    }
}

/// `containers[3]` as `containers[*]`.
pub(crate) fn without_indices(path: &str) -> String {
    let mut plain = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_index = digits > 0 && after[digits..].starts_with(']');
        plain.push_str(if is_index { "[*" } else { "[" });
        rest = if is_index { &after[digits..] } else { after };
    }
    plain + rest
}

/// A message without what it quotes: `string "many"` as `string "…"`.
fn without_values(message: &str) -> String {
    let mut plain = String::new();
    let mut rest = message;
    while let Some(open) = rest.find(['"', '`']) {
        let quote = &rest[open..=open];
        plain.push_str(&rest[..=open]);
        plain.push('…');
        rest = rest[open + 1..].split_once(quote).map_or("", |(_, after)| after);
        plain.push_str(quote);
    }
    plain + rest
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Results(places) => {
                let places: Vec<&str> = places.iter().map(String::as_str).collect();
                write!(f, "other results at {}", places.join(", "))
            }
            Difference::OursRefuses(error) => write!(f, "ours refuses: {error}"),
            Difference::NobodyAnswers => f.write_str("none of ours answers"),
            Difference::Panic(cause) => write!(f, "ours panics: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(karmada: Value, ours: Value, places: &[&str]) {
        let expected = if places.is_empty() {
            Comparison::Same
        } else {
            let places = places.iter().map(|place| (*place).to_owned()).collect();
            Comparison::Differs(Difference::Results(places))
        };
        assert_eq!(compare("InterpretStatus", &Answer::Result(karmada), &Answer::Result(ours)), expected);
    }

    #[test]
    fn what_is_empty_is_not_compared() {
        check(json!({"a": {"b": [], "c": {"d": null}}, "e": 1}), json!({"e": 1.0}), &[]);
        check(json!(null), json!({}), &[]);
        check(json!([{}]), json!([null]), &[]);
        check(json!([1, [], {"a": [[]]}]), json!([1]), &[]);
    }

    #[test]
    fn zero_false_and_the_empty_text_are_something() {
        check(json!({"a": 0, "b": 1}), json!({"b": 1}), &["a"]);
        check(json!({"a": false, "b": 1}), json!({"b": 1}), &["a"]);
        check(json!({"a": "", "b": 1}), json!({"b": 1}), &["a"]);
    }

    #[test]
    fn places_are_told_without_indices() {
        check(
            json!({"a": [{"b": 1}, {"b": 2}], "c": "x"}),
            json!({"a": [{"b": 2}, {"b": 1}], "c": "y"}),
            &["a[*].b", "c"],
        );
        check(json!([1]), json!([1, 2]), &["."]);
        assert_eq!(without_indices("a[12].b['x'][0]: [3"), "a[*].b['x'][*]: [3");
        assert_eq!(without_values("a: string \"many\", not `7`"), "a: string \"…\", not `…`");
        assert_eq!(without_values("a: \"b"), "a: \"…\"");
    }

    #[test]
    fn lists_without_an_order_are_put_in_one() {
        let in_order = |result: Value, path| ordered(&Answer::Result(result), &[path]);
        let (a, b) = (json!({"a": {"b": [2, 1]}}), json!({"a": {"b": [1, 2]}}));
        assert_eq!(in_order(a, "a.b"), Answer::Result(b.clone()));
        assert_eq!(in_order(b.clone(), "a"), Answer::Result(b));
        assert_eq!(in_order(json!([2, 1]), "."), Answer::Result(json!([1, 2])));
    }

    #[test]
    fn a_failure_of_karmadas_may_be_answered() {
        let (error, result) = (Answer::Error("nil".to_owned()), Answer::Result(json!(1)));
        assert_eq!(compare("Retain", &error, &result), Comparison::KarmadaFails);
        assert_eq!(compare("Retain", &error, &error), Comparison::BothRefuse);
        let refused = Difference::OursRefuses("nil".to_owned());
        assert_eq!(compare("Retain", &result, &error), Comparison::Differs(refused));
        assert!(matches!(compare("Retain", &error, &Answer::Nobody), Comparison::Differs(_)));
    }
}
