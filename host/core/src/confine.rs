//! A whole object that somebody else has changed, held to the part that they may change.
//!
//! Plugins answer with changes, whose paths say where they land. A remote interpreter answers with a patch, and mostly
//! one that a program made by comparing texts: a struct of Go adds `creationTimestamp: null` and `status: {}` to
//! whatever it prints. So what counts is what has become of the object.

use serde_json::{Map, Value};

use crate::change::{ChangeError, Fence};

/// `before` with what `after` has within the fence.
///
/// # Errors
/// Something outside the fence is different too; empty and absent are the same there.
pub fn confined(before: &Value, after: &Value, fence: Fence) -> Result<Value, ChangeError> {
    let outside = |path: String| ChangeError::OutsideFence { path, allowed: fence.allowed() };
    let kept: Vec<&[&str]> = match fence {
        Fence::AllButIdentity => {
            let changed = IDENTITY.iter().find(|path| at(before, path) != at(after, path));
            if let Some(path) = changed {
                return Err(outside(format!("/{}", path.join("/"))));
            }
            return if after.is_object() { Ok(after.clone()) } else { Err(outside("/".to_owned())) };
        }
        Fence::Spec => vec![&["spec"], &["metadata", "labels"], &["metadata", "annotations"]],
        Fence::Status => vec![&["status"]],
    };
    let (mut rest_before, mut rest_after) = (before.clone(), after.clone());
    for path in &kept {
        take(&mut rest_before, path);
        take(&mut rest_after, path);
    }
    if let Some(path) = difference(&rest_before, &rest_after) {
        return Err(outside(path));
    }
    let mut result = before.clone();
    for path in &kept {
        put(&mut result, path, at(after, path).cloned());
    }
    Ok(result)
}

const IDENTITY: [&[&str]; 6] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
];

fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, name| at.get(name)).filter(|value| !is_nothing(value))
}

fn take(object: &mut Value, path: &[&str]) {
    put(object, path, None);
}

/// Puts `value` there, or removes what is there. Parents are made only for a value.
fn put(object: &mut Value, path: &[&str], value: Option<Value>) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = object;
    for name in parents {
        let Value::Object(fields) = at else { return };
        if value.is_none() && !fields.contains_key(*name) {
            return;
        }
        at = fields.entry(*name).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Value::Object(fields) = at {
        match value {
            Some(value) => fields.insert((*last).to_owned(), value),
            None => fields.remove(*last),
        };
    }
}

/// What a program that prints a struct may add, or leave out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The pointer of the first place where the two differ, if they do.
fn difference(one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
            for name in names {
                let (ours, theirs) = (ours.get(name), theirs.get(name));
                let (ours, theirs) = (ours.unwrap_or(&Value::Null), theirs.unwrap_or(&Value::Null));
                if let Some(path) = difference(ours, theirs) {
                    return Some(format!("/{}{path}", name.replace('~', "~0").replace('/', "~1")));
                }
            }
            None
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.find_map(|(index, (ours, theirs))| {
                difference(ours, theirs).map(|path| format!("/{index}{path}"))
            })
        }
        _ if is_nothing(one) && is_nothing(other) => None,
        _ => (one != other).then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn thing() -> Value {
        json!({"apiVersion": "example.io/v1", "kind": "Thing", "metadata": {"name": "t", "labels": {"a": "b"}},
            "spec": {"replicas": 1, "containers": [{"name": "c"}]}})
    }

    /// What becomes of the thing when `changes` are made to it, by pointer.
    fn check(fence: Fence, changes: &[(&str, Value)], want: Result<&[(&str, Value)], &str>) {
        let changed = |changes: &[(&str, Value)]| {
            let mut changed = thing();
            for (pointer, value) in changes {
                let path: Vec<&str> = pointer[1..].split('/').collect();
                put(&mut changed, &path, (*value != json!("absent")).then(|| value.clone()));
            }
            changed
        };
        match (confined(&thing(), &changed(changes), fence), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, changed(want)),
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn what_a_struct_of_go_adds_is_not_taken_for_a_change() {
        let printed = [
            ("/metadata/creationTimestamp", Value::Null),
            ("/status", json!({"conditions": []})),
            ("/spec/replicas", json!(3)),
        ];
        check(Fence::Spec, &printed, Ok(&[("/spec/replicas", json!(3))]));
        let labels = [("/metadata/labels", json!("absent")), ("/spec/replicas", json!(2))];
        check(Fence::Spec, &labels, Ok(&labels));
    }

    #[test]
    fn the_items_of_a_list_are_compared_one_by_one() {
        let containers = |more: Value| ("/spec/containers", json!([{"name": "c", "resources": more}]));
        check(Fence::Status, &[containers(json!({}))], Ok(&[]));
        check(Fence::Status, &[containers(json!({"limits": 1}))], Err("/spec/containers/0/resources"));
        check(Fence::Status, &[("/spec/containers", json!([]))], Err("/spec/containers"));
    }

    #[test]
    fn a_change_outside_is_refused_by_its_path() {
        check(Fence::Spec, &[("/status", json!({"ready": 1}))], Err("\"/status\""));
        check(Fence::Spec, &[("/metadata/name", json!("u"))], Err("/metadata/name"));
        check(Fence::Status, &[("/spec/replicas", json!(2))], Err("/spec/replicas"));
        check(Fence::Status, &[("/kind", json!("absent"))], Err("/kind"));
        check(Fence::AllButIdentity, &[("/metadata/uid", json!("u"))], Err("/metadata/uid"));
        check(Fence::AllButIdentity, &[("/metadata", json!({}))], Err("/metadata/name"));
        for fence in [Fence::Spec, Fence::Status, Fence::AllButIdentity] {
            assert!(confined(&thing(), &json!([1]), fence).is_err());
        }
    }

    #[test]
    fn what_is_within_is_taken_whole() {
        let status = [("/status", json!({"ready": 1}))];
        check(Fence::Status, &status, Ok(&status));
        let anything = [("/spec", json!({"paused": true})), ("/metadata/finalizers", json!(["f"]))];
        check(Fence::AllButIdentity, &anything, Ok(&anything));
    }
}
