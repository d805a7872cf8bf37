//! From an object and what a script made of it to the changes between them.

use serde_json::Value;
use windlass_sdk::Changes;

/// The changes that make `after` of `before`.
///
/// What Lua can't tell apart is the same here: null and absent, a number and its nearest double. Where a list differs,
/// it is set as a whole.
pub(crate) fn difference(before: &Value, after: &Value) -> Changes {
    let mut changes = Changes::none();
    collect(before, after, &mut String::new(), &mut changes);
    changes
}

fn collect(before: &Value, after: &Value, path: &mut String, changes: &mut Changes) {
    if same(before, after) {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        *changes = std::mem::take(changes).set(&*path, after);
        return;
    };
    for (name, value) in old {
        if !value.is_null() && new.get(name).is_none_or(Value::is_null) {
            let length = descend(path, name);
            *changes = std::mem::take(changes).remove(&*path);
            path.truncate(length);
        }
    }
    for (name, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        let length = descend(path, name);
        collect(old.get(name).unwrap_or(&Value::Null), value, path, changes);
        path.truncate(length);
    }
}

/// Appends a field's name to a JSON pointer; its length before.
fn descend(path: &mut String, name: &str) -> usize {
    let length = path.len();
    path.push('/');
    path.push_str(&name.replace('~', "~0").replace('/', "~1"));
    length
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(name, value)| same(value, b.get(name).unwrap_or(&Value::Null)))
                && b.iter().all(|(name, value)| value.is_null() || a.contains_key(name))
        }
        (Value::Array(a), Value::Array(b)) => {
            let (mut a, mut b) =
                (a.iter().filter(|item| !item.is_null()), b.iter().filter(|item| !item.is_null()));
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if same(a, b) => {}
                    _ => return false,
                }
            }
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value, changes: Changes) {
        assert_eq!(format!("{:?}", difference(&before, &after)), format!("{changes:?}"));
    }

    #[test]
    fn only_what_differs_is_changed() {
        check(
            json!({"spec": {"a": 1, "b/c": {"x": 1, "y": null}, "list": [1, 2], "gone": {}}}),
            json!({"spec": {"a": 2, "b/c": {"x": 1.0}, "list": [1, 3], "new": {"deep": true}}}),
            Changes::none()
                .remove("/spec/gone")
                .set("/spec/a", 2)
                .set("/spec/list", json!([1, 3]))
                .set("/spec/new", json!({"deep": true})),
        );
    }

    #[test]
    fn what_lua_can_not_tell_apart_is_no_difference() {
        check(
            json!({"n": 9_007_199_254_740_993_i64, "list": [null, 1], "none": null}),
            json!({"n": 9_007_199_254_740_992_i64, "list": [1]}),
            Changes::none(),
        );
        check(json!({"a": {"b": null}}), json!({"a": {}}), Changes::none());
    }
}
