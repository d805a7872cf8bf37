//! Strategic merge patch, as Kubernetes' API server applies it: lists merge by the key the schema names, and
//! directives (`$patch`, `$retainKeys`, `$setElementOrder/x`, `$deleteFromPrimitiveList/x`) say what merging alone
//! can't.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::PatchError;
use super::order::{arrange, identity};
use crate::structural::Place;

type Fields = Map<String, Value>;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// `original` with `patch` merged in, at a place of the schema; `None` is a place of which nothing is known.
pub(super) fn merge(
    place: Option<Place<'_>>,
    mut original: Fields,
    mut patch: Fields,
) -> Result<Fields, PatchError> {
    match patch.remove(DIRECTIVE) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => return Ok(without_nulls(patch)),
        Some(Value::String(directive)) if directive == "delete" => return Ok(Fields::new()),
        Some(other) => {
            return Err(malformed(format!("unknown patch type {other} in a map: use replace or delete")));
        }
    }
    if let Some(keys) = patch.remove(RETAIN_KEYS) {
        retain_keys(&mut original, &patch, &keys)?;
    }
    let orders = take_prefixed(&mut patch, SET_ORDER);
    let deletions = take_prefixed(&mut patch, DELETE_FROM);
    for (name, order) in orders {
        let Value::Array(order) = order else {
            return Err(malformed(format!("{SET_ORDER}{name} has to be a list")));
        };
        let before = original.get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(change) = patch.remove(&name) {
            merge_field(place, &mut original, &name, change)?;
        }
        let key = list_key(field(place, &name));
        if let Some(Value::Array(merged)) = original.get_mut(&name) {
            let list = std::mem::take(merged);
            *merged = arrange(list, &order, &before, key);
        }
    }
    for (name, change) in patch {
        merge_field(place, &mut original, &name, change)?;
    }
    for (name, unwanted) in deletions {
        let Value::Array(unwanted) = unwanted else {
            return Err(malformed(format!("{DELETE_FROM}{name} has to be a list")));
        };
        if let Some(Value::Array(items)) = original.get_mut(&name) {
            let unwanted: HashSet<String> = unwanted.iter().map(Value::to_string).collect();
            items.retain(|item| !unwanted.contains(&item.to_string()));
        }
    }
    Ok(original)
}

fn merge_field(
    place: Option<Place<'_>>,
    original: &mut Fields,
    name: &str,
    change: Value,
) -> Result<(), PatchError> {
    let inner = field(place, name);
    let strategy = strategy(inner);
    let merged = match (original.remove(name), change) {
        (_, Value::Null) => return Ok(()),
        (Some(Value::Object(old)), Value::Object(change)) if strategy != Some("replace") => {
            Value::Object(merge(inner, old, change)?)
        }
        (Some(Value::Array(old)), Value::Array(change)) if strategy == Some("merge") => {
            Value::Array(merge_list(inner, name, old, change)?)
        }
        (_, change) => match cleaned(change) {
            Some(change) => change,
            None => return Ok(()),
        },
    };
    original.insert(name.to_owned(), merged);
    Ok(())
}

fn merge_list(
    place: Option<Place<'_>>,
    name: &str,
    mut original: Vec<Value>,
    patch: Vec<Value>,
) -> Result<Vec<Value>, PatchError> {
    let objects = |list: &[Value]| list.iter().all(Value::is_object);
    if !objects(&original) || !objects(&patch) {
        let mut seen = HashSet::new();
        let before = original.clone();
        let all = original.into_iter().chain(patch.iter().cloned());
        let merged: Vec<Value> = all.filter(|item| seen.insert(item.to_string())).collect();
        return Ok(arrange(merged, &patch, &before, None));
    }
    let key = list_key(place)
        .ok_or_else(|| malformed(format!("cannot merge lists without merge key for {name}")))?;
    let mut changes = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        match item.get(DIRECTIVE).and_then(Value::as_str) {
            None if item.get(DIRECTIVE).is_some() => {
                return Err(malformed(format!("unknown patch type in {item}")));
            }
            None => changes.push(item),
            Some("delete") => {
                let unwanted = item.get(key).ok_or_else(|| no_key(&item, key))?;
                original.retain(|old| old.get(key) != Some(unwanted));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(malformed("merging lists cannot yet be specified in the patch".to_owned()));
            }
            Some(_) => return Err(malformed(format!("unknown patch type in {item}"))),
        }
    }
    if replace {
        return Ok(changes.into_iter().filter_map(cleaned).collect());
    }
    let before = original.clone();
    let mut places: HashMap<String, usize> = HashMap::with_capacity(original.len());
    for (index, item) in original.iter().enumerate() {
        places.entry(identity(item, Some(key))).or_insert(index);
    }
    let items = place.and_then(Place::items);
    for change in &changes {
        if change.get(key).is_none() {
            return Err(no_key(change, key));
        }
        let Value::Object(fields) = change.clone() else { continue };
        match places.get(&identity(change, Some(key))) {
            Some(index) => {
                if let Value::Object(old) = original[*index].take() {
                    original[*index] = Value::Object(merge(items, old, fields)?);
                }
            }
            None => {
                places.insert(identity(change, Some(key)), original.len());
                // Merged into nothing, so that directives within are carried out and nulls left out.
                original.push(Value::Object(merge(items, Fields::new(), fields)?));
            }
        }
    }
    Ok(arrange(original, &changes, &before, Some(key)))
}

/// Leaves only the named fields of a union, e.g. of a volume or a strategy.
fn retain_keys(original: &mut Fields, patch: &Fields, keys: &Value) -> Result<(), PatchError> {
    let wrong = || {
        malformed(format!("invalid patch format of {RETAIN_KEYS}: a list of all the fields the patch sets"))
    };
    let keys: HashSet<&str> = keys.as_array().ok_or_else(wrong)?.iter().filter_map(Value::as_str).collect();
    let said = patch.iter().filter(|(name, value)| !value.is_null() && !name.starts_with('$'));
    if said.into_iter().any(|(name, _)| !keys.contains(name.as_str())) {
        return Err(wrong());
    }
    original.retain(|name, _| keys.contains(name.as_str()));
    Ok(())
}

fn field<'a>(place: Option<Place<'a>>, name: &str) -> Option<Place<'a>> {
    place.and_then(|place| place.field(name))
}

/// `merge` or `replace`, where the schema says so; `retainKeys` only asks clients for a directive.
fn strategy(place: Option<Place<'_>>) -> Option<&str> {
    place?.patch_strategies().find(|strategy| *strategy != "retainKeys")
}

fn list_key(place: Option<Place<'_>>) -> Option<&str> {
    place.and_then(Place::patch_merge_key)
}

fn take_prefixed(patch: &mut Fields, prefix: &str) -> Vec<(String, Value)> {
    let names: Vec<String> = patch.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
    names
        .into_iter()
        .filter_map(|name| {
            let value = patch.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), value))
        })
        .collect()
}

/// A value as it is put where nothing was: without directives, and without nulls, which ask to remove.
fn cleaned(value: Value) -> Option<Value> {
    Some(match value {
        Value::Object(fields) if fields.get(DIRECTIVE).is_some_and(|directive| directive != "replace") => {
            return None;
        }
        Value::Object(fields) => Value::Object(without_nulls(fields)),
        Value::Array(items) => Value::Array(items.into_iter().filter_map(cleaned).collect()),
        plain => plain,
    })
}

fn without_nulls(fields: Fields) -> Fields {
    fields
        .into_iter()
        .filter(|(name, value)| !value.is_null() && !is_directive(name))
        .filter_map(|(name, value)| Some((name, cleaned(value)?)))
        .collect()
}

fn is_directive(name: &str) -> bool {
    name == DIRECTIVE || name == RETAIN_KEYS || name.starts_with(SET_ORDER) || name.starts_with(DELETE_FROM)
}

fn malformed(text: String) -> PatchError {
    PatchError::Malformed(text)
}

fn no_key(item: &Value, key: &str) -> PatchError {
    malformed(format!("map: {item} does not contain declared merge key: {key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin;
    use crate::patch::strategic;

    fn check(object: Value, patch: Value, expected: Value) {
        let kinds = builtin::kinds();
        let deployment = kinds.iter().find(|kind| kind.names.kind == "Deployment").unwrap();
        assert_eq!(strategic(deployment.schema(), &object, &patch).unwrap(), expected);
    }

    fn pod(spec: Value) -> Value {
        json!({"spec": {"template": {"spec": spec}}})
    }

    #[test]
    fn set_image_changes_one_container_by_name() {
        check(
            pod(json!({"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]})),
            pod(json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                "containers": [{"name": "b", "image": "b:2"}]})),
            pod(json!({"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"}]})),
        );
    }

    #[test]
    fn new_items_come_before_those_the_patch_does_not_name() {
        check(
            pod(json!({"containers": [{"name": "a"}, {"name": "b"}]})),
            pod(json!({"containers": [{"name": "c"}, {"name": "b", "image": "b:2"}]})),
            pod(json!({"containers": [{"name": "c"}, {"name": "a"}, {"name": "b", "image": "b:2"}]})),
        );
    }

    #[test]
    fn directives_delete_and_replace() {
        check(
            pod(json!({"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1"}})),
            pod(json!({"containers": [{"name": "a", "$patch": "delete"}],
                "nodeSelector": {"$patch": "replace", "y": "2"}})),
            pod(json!({"containers": [{"name": "b"}], "nodeSelector": {"y": "2"}})),
        );
        check(
            pod(json!({"containers": [{"name": "a"}, {"name": "b"}]})),
            pod(json!({"containers": [{"$patch": "replace"}, {"name": "c"}]})),
            pod(json!({"containers": [{"name": "c"}]})),
        );
    }

    #[test]
    fn retained_keys_clear_the_rest_of_a_union() {
        check(
            json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}),
            json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
            json!({"spec": {"strategy": {"type": "Recreate"}}}),
        );
    }

    #[test]
    fn primitive_lists_merge_and_lose_what_is_named() {
        check(
            json!({"metadata": {"finalizers": ["a", "b"]}}),
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"],
                "$setElementOrder/finalizers": ["b", "c"]}}),
            json!({"metadata": {"finalizers": ["b", "c"]}}),
        );
    }

    #[test]
    fn nulls_remove_and_atomic_lists_are_replaced() {
        check(
            json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 1}}),
            json!({"metadata": {"labels": {"a": null, "c": "3"}}, "spec": {"replicas": null, "x": {"y": null}}}),
            json!({"metadata": {"labels": {"b": "2", "c": "3"}}, "spec": {"x": {}}}),
        );
        check(
            pod(json!({"containers": [{"name": "a", "args": ["1", "2"]}]})),
            pod(json!({"containers": [{"name": "a", "args": ["3"]}]})),
            pod(json!({"containers": [{"name": "a", "args": ["3"]}]})),
        );
    }

    #[test]
    fn bad_directives_are_malformed() {
        let kinds = builtin::kinds();
        let schema = kinds.iter().find(|kind| kind.names.kind == "Deployment").unwrap().schema().clone();
        let mut object = pod(json!({"containers": [{"name": "a"}]}));
        object["metadata"] = json!({"name": "x"});
        for patch in [
            json!({"$patch": "explode"}),
            pod(json!({"containers": [{"image": "x"}]})),
            pod(json!({"containers": [{"$patch": "merge", "name": "a"}]})),
            json!({"metadata": {"$setElementOrder/finalizers": "x"}}),
            json!({"spec": {"$retainKeys": ["a"], "b": 1}}),
            json!([]),
        ] {
            let result = strategic(&schema, &object, &patch);
            assert!(matches!(result, Err(PatchError::Malformed(_))), "{patch} gave {result:?}");
        }
    }
}
