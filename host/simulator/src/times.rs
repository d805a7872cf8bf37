//! Times in simulated statuses. An interpreter has no clock: where it answers `null` under a name that ends in
//! `Time`, the simulator puts in when that came to be.

use serde_json::{Map, Value};

/// `want` with its times filled in: those that `before` has already are kept, a condition's as long as its status
/// stays what it is.
pub(crate) fn stamped(want: Value, before: &Value, now: &str) -> Value {
    match want {
        Value::Object(fields) => {
            let changed = ["status", "type"].iter().any(|name| {
                fields.get(*name).is_some_and(|value| value.is_string() && before.get(*name) != Some(value))
            });
            let stamp = |(name, value): (String, Value)| {
                let known = before.get(&name).filter(|known| !known.is_null());
                let value = match known {
                    _ if !(value.is_null() && name.ends_with("Time")) => {
                        stamped(value, known.unwrap_or(&Value::Null), now)
                    }
                    Some(known) if !changed => known.clone(),
                    _ => now.into(),
                };
                (name, value)
            };
            Value::Object(fields.into_iter().map(stamp).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let before = before.as_array().map(Vec::as_slice).unwrap_or_default();
            let same = |item: &Value| match item.get("type") {
                Some(kind) => before.iter().find(|old| old.get("type") == Some(kind)),
                None => None,
            };
            let stamp = |item: Value| {
                let old = same(&item).cloned().unwrap_or_default();
                stamped(item, &old, now)
            };
            Value::Array(items.into_iter().map(stamp).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_is_set_once_and_again_when_its_condition_turns() {
        let at = |status: &str| {
            json!({"startTime": null, "active": null, "conditions": [
                {"type": "Ready", "status": status, "lastTransitionTime": null}]})
        };
        let first = stamped(at("True"), &Value::Null, "t1");
        assert_eq!(first["startTime"], "t1");
        assert_eq!(first["active"], Value::Null);
        assert_eq!(stamped(at("True"), &first, "t2"), first);
        let turned = stamped(at("False"), &first, "t3");
        assert_eq!(turned["startTime"], "t1");
        assert_eq!(turned["conditions"][0]["lastTransitionTime"], "t3");
    }
}
