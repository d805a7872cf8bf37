//! Leaving out what says nothing.

use serde_json::Value;

/// `value` without what counts for nothing anywhere in it: null, 0, `""`, the duration `0s`, and lists and objects that
/// are empty or become so. Null where nothing is left.
pub fn omit_empty(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => Value::Null,
        Value::String(text) if text.is_empty() || text == "0s" => Value::Null,
        Value::Array(items) => {
            let left: Vec<Value> = items.into_iter().map(omit_empty).filter(|item| !item.is_null()).collect();
            if left.is_empty() { Value::Null } else { left.into() }
        }
        Value::Object(fields) => {
            let left: serde_json::Map<_, _> = fields
                .into_iter()
                .map(|(name, value)| (name, omit_empty(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if left.is_empty() { Value::Null } else { left.into() }
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_says_nothing_is_left_out_however_deep() {
        let value = json!({"a": {"b": [0, "", {"c": "0s"}]}, "d": false, "e": [0, 1.5], "f": null});
        assert_eq!(omit_empty(value), json!({"d": false, "e": [1.5]}));
        assert_eq!(omit_empty(json!({"a": [{}]})), Value::Null);
    }
}
