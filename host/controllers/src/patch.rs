//! Merge patches that say just what differs, so that writers of different fields don't disturb each other.

use serde_json::{Map, Value};

/// The merge patch (RFC 7386) that turns `from` into `to`; `None` where they are equal. Arrays are replaced whole.
pub(crate) fn difference(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let mut patch = Map::new();
    for (name, value) in to {
        match from.get(name) {
            None => {
                patch.insert(name.clone(), value.clone());
            }
            Some(old) => {
                if let Some(changed) = difference(old, value) {
                    patch.insert(name.clone(), changed);
                }
            }
        }
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_says_only_what_differs() {
        let from = json!({"a": 1, "b": {"c": 1, "d": [1]}, "e": 1});
        let to = json!({"a": 1, "b": {"c": 2, "d": [1]}, "f": [2]});
        assert_eq!(difference(&from, &to), Some(json!({"b": {"c": 2}, "e": null, "f": [2]})));
        assert_eq!(difference(&from, &from), None);
    }

    #[test]
    fn another_type_replaces() {
        assert_eq!(difference(&json!({"a": {"b": 1}}), &json!({"a": [1]})), Some(json!({"a": [1]})));
    }
}
