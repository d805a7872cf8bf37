//! Where an answer is not the expected one.

use serde::Serialize;
use serde_json::Value;

/// A field in which two documents differ. What is not there is null, which means the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `result.spec.template.containers[0].name`
    pub field: String,
    pub expected: Value,
    pub answered: Value,
}

/// The fields in which `answered` differs from `expected`, below `field`: the deepest that do.
pub fn between(field: &str, expected: &Value, answered: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(field, expected, answered, &mut found);
    found
}

fn compare(field: &str, expected: &Value, answered: &Value, found: &mut Vec<Difference>) {
    match (expected, answered) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, value) in wanted {
                compare(&child(field, key), value, got.get(key).unwrap_or(&Value::Null), found);
            }
            for (key, value) in got.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                compare(&child(field, key), &Value::Null, value, found);
            }
        }
        (Value::Array(wanted), Value::Array(got)) => {
            for index in 0..wanted.len().max(got.len()) {
                let item = |items: &[Value]| items.get(index).cloned().unwrap_or_default();
                compare(&format!("{field}[{index}]"), &item(wanted), &item(got), found);
            }
        }
        _ if without_nulls(expected) == without_nulls(answered) => {}
        _ => found.push(Difference {
            field: field.to_owned(),
            expected: expected.clone(),
            answered: answered.clone(),
        }),
    }
}

/// `parent.key`, as Kubernetes writes the path of a field.
pub fn child(parent: &str, key: &str) -> String {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    match (parent, plain && !key.is_empty()) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{parent}.{key}"),
        (_, false) => format!("{parent}['{key}']"),
    }
}

/// The same with nothing where null was: an object that lacks a field says what one says in which it is null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(expected: Value, answered: Value) -> Vec<String> {
        between("result", &expected, &answered).into_iter().map(|difference| difference.field).collect()
    }

    #[test]
    fn the_deepest_field_that_differs_is_named() {
        let expected = json!({"spec": {"a": 1, "list": [{"x": 1}, {"x": 2}], "same": {"y": [1]}}});
        let answered = json!({"spec": {"a": 2, "list": [{"x": 1}, {"x": 3}, {"x": 4}], "same": {"y": [1]}}});
        assert_eq!(
            fields(expected, answered),
            ["result.spec.a", "result.spec.list[1].x", "result.spec.list[2]"]
        );
        assert_eq!(fields(json!(true), json!(false)), ["result"]);
        assert_eq!(
            fields(json!({"labels": {"app.io/a": 1}}), json!({"labels": {}})),
            ["result.labels['app.io/a']"]
        );
        assert_eq!(fields(json!({"a": 1}), json!([1])), ["result"]);
    }

    #[test]
    fn absent_and_null_are_the_same() {
        assert_eq!(fields(json!({"a": null, "b": 1}), json!({"b": 1, "c": null})), [""; 0]);
        assert_eq!(fields(json!({"a": {"b": null}}), json!({"a": {}})), [""; 0]);
        assert_eq!(fields(json!({"a": {}}), json!({})), ["result.a"]);
    }
}
