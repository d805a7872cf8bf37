//! Reading and setting the fields of metadata that the server itself looks at.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A string below `metadata`; empty where it is absent or something else.
pub(crate) fn meta<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata`, made if it is absent.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    child(object, "metadata")
}

/// The object at `name`, made if there is something else.
pub(crate) fn child<'a>(object: &'a mut Value, name: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let place = object.as_object_mut().expect("made above").entry(name).or_insert(Value::Null);
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut().expect("made above")
}

/// Gives an object's field a value, or takes it away.
pub(crate) fn set_or_remove(object: &mut Value, name: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(crate) fn set_finalizers(object: &mut Value, finalizers: &[&str]) {
    if finalizers.is_empty() {
        metadata(object).remove("finalizers");
    } else {
        metadata(object).insert("finalizers".to_owned(), finalizers.iter().copied().collect());
    }
}

pub(crate) fn is_being_deleted(object: &Value) -> bool {
    !meta(object, "deletionTimestamp").is_empty()
}

/// What is read of a stored object without parsing all of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Head {
    #[serde(default)]
    pub(crate) metadata: HeadMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HeadMetadata {
    pub(crate) deletion_timestamp: Option<String>,
}

/// # Panics
/// Never: what is stored was JSON when it was stored.
pub(crate) fn parse(stored: &crate::store::Stored) -> Value {
    serde_json::from_slice(&stored.json).expect("stored objects are JSON")
}
