//! Making changes to an object, as the host makes them.

use serde_json::{Map, Value};

/// Sets the value at the JSON pointer `path`, making parents as needed; or removes it.
pub(super) fn apply(object: &mut Value, path: &str, value: Option<Value>) {
    let tokens: Vec<String> =
        path.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let (last, parents) = tokens.split_last().unwrap_or_else(|| panic!("{path:?} is no JSON pointer"));
    let mut at = object;
    for token in parents {
        if value.is_none() && at.get(token).is_none() && at.as_array().is_none() {
            return;
        }
        at = child(at, token, path);
    }
    match value {
        Some(value) => *child(at, last, path) = value,
        None => {
            if let Some(map) = at.as_object_mut() {
                map.remove(last);
            }
        }
    }
}

fn child<'a>(at: &'a mut Value, token: &str, path: &str) -> &'a mut Value {
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    match at {
        Value::Object(map) => map.entry(token).or_insert(Value::Null),
        Value::Array(items) => {
            let length = items.len();
            let index: usize = token.parse().unwrap_or_else(|_| panic!("{path}: {token} is no index"));
            if index == length {
                items.push(Value::Null);
            }
            items.get_mut(index).unwrap_or_else(|| panic!("{path}: there are only {length} items"))
        }
        other => panic!("{path} leads through {other}"),
    }
}
