//! What an update of a built-in kind may not change, from `kinds/updates.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::walk::{self, at};
use crate::crd;
use crate::field::FieldError;

/// Definition → rows of path, rule, and the rule's arguments.
pub(super) type Updates = BTreeMap<String, Vec<Vec<String>>>;

const IMMUTABLE: &str = "field is immutable";

pub(super) fn read() -> Updates {
    serde_json::from_str(include_str!("../../kinds/updates.json"))
        .expect("kinds/updates.json is read by every test")
}

/// What `new` changes of `old` and may not.
pub(super) fn run(updates: &Updates, definition: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    let rows = updates.get(definition).into_iter().flatten();
    rows.flat_map(|row| match row.as_slice() {
        [path, rule, arguments @ ..] => check(path, rule, arguments, new, old),
        _ => Vec::new(),
    })
    .collect()
}

fn check(path: &str, rule: &str, arguments: &[String], new: &Value, old: &Value) -> Vec<FieldError> {
    let (found, before) = (at(new, path), at(old, path));
    let argument = arguments.first().map(String::as_str);
    let one = |error: FieldError| vec![error];
    match rule {
        "definition" => return crd::validate_update(new, old),
        // Only these fields below the path may differ.
        "only" => {
            let allowed = arguments.get(1..).unwrap_or_default();
            return if differs(found, before, allowed) {
                one(FieldError::forbidden(path, argument.unwrap_or_default()))
            } else {
                Vec::new()
            };
        }
        _ if found == before => return Vec::new(),
        // As many items as before, which may differ in these fields only.
        "items" => {
            let allowed = arguments.get(1..).unwrap_or_default();
            let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let (found, before) = (items(found), items(before));
            let same = found.len() == before.len()
                && found.iter().zip(&before).all(|(new, old)| !differs(new, old, allowed));
            return if same {
                Vec::new()
            } else {
                one(FieldError::forbidden("spec", argument.unwrap_or_default()))
            };
        }
        _ => {}
    }
    // A first condition is on the object before, a second one on the object after.
    let holds = || {
        argument.is_none_or(|condition| walk::holds(condition, old))
            && arguments.get(1).is_none_or(|condition| walk::holds(condition, new))
    };
    match rule {
        "immutable" if holds() => one(FieldError::invalid(path, found, IMMUTABLE)),
        "fixed" => one(FieldError::invalid(path, found, argument.unwrap_or_default())),
        "forbidden" => one(FieldError::forbidden(path, argument.unwrap_or_default())),
        "sealed" if holds() => one(FieldError::forbidden(path, "field is immutable when `immutable` is set")),
        // Once true it stays so.
        "latch" if before == &Value::Bool(true) => {
            one(FieldError::forbidden(path, "field is immutable when `immutable` is set"))
        }
        // Once given it stays so.
        "once" if holds() && !walk::is_missing(before) => {
            let shown = Value::Array(vec![found.clone()]);
            one(FieldError::invalid(format!("{path}s[0]"), &shown, "may not change once set"))
        }
        _ => Vec::new(),
    }
}

fn differs(new: &Value, old: &Value, allowed: &[String]) -> bool {
    let none = Map::new();
    let (new, old) = (new.as_object().unwrap_or(&none), old.as_object().unwrap_or(&none));
    let names = new.keys().chain(old.keys()).filter(|name| !allowed.contains(name));
    names.into_iter().any(|name| given(new, name) != given(old, name))
}

/// A null says nothing.
fn given<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}
