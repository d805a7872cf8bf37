//! Times in simulated statuses. An interpreter has no clock: where it answers `null` under a name that ends in
//! `Time`, the simulator puts in when that came to be.

use serde_json::{Map, Value};

/// What says which of a list's items is which: conditions have a type, and some have nothing but a status.
const IDENTITIES: [&str; 3] = ["type", "name", "status"];

/// What an object is in. Where one of these turns, the times of the last turn are new.
const STATES: [&str; 4] = ["type", "status", "phase", "state"];

/// `want` with its times filled in: those that `before` has already are kept, that of the last of something as long as
/// the state is what it was.
pub(crate) fn stamped(want: Value, before: &Value, now: &str) -> Value {
    match want {
        Value::Object(fields) => {
            let changed = STATES.iter().any(|name| {
                fields.get(*name).is_some_and(|value| value.is_string() && before.get(*name) != Some(value))
            });
            let stamp = |(name, value): (String, Value)| {
                let known = before.get(&name).filter(|known| !known.is_null());
                let value = match known {
                    _ if !(value.is_null() && name.ends_with("Time")) => {
                        stamped(value, known.unwrap_or(&Value::Null), now)
                    }
                    Some(known) if !(changed && name.starts_with("last")) => known.clone(),
                    _ => now.into(),
                };
                (name, value)
            };
            Value::Object(fields.into_iter().map(stamp).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let before = before.as_array().map(Vec::as_slice).unwrap_or_default();
            let same = |item: &Value| {
                let (name, identity) = IDENTITIES.iter().find_map(|name| Some((name, item.get(name)?)))?;
                before.iter().find(|old| old.get(name) == Some(identity))
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

    #[test]
    fn a_phase_turns_as_a_condition_does_and_what_began_stays_begun() {
        let at = |phase: &str| {
            json!({"phase": phase, "startTime": null, "lastTransitionTime": null, "conditions": [
                {"status": "Pending", "lastTransitionTime": null}]})
        };
        let first = stamped(at("Pending"), &Value::Null, "t1");
        assert_eq!(stamped(at("Pending"), &first, "t2"), first);
        let turned = stamped(at("Running"), &first, "t3");
        assert_eq!((&turned["startTime"], &turned["lastTransitionTime"]), (&json!("t1"), &json!("t3")));
        assert_eq!(turned["conditions"], first["conditions"]);
    }
}
