//! What Go's types write of fields that nobody set. From `kinds/zeros.json`, fields that are written all the same: an
//! empty struct, a zero, a null; clients see them in every object, and server-side apply counts them as there from
//! the beginning. From `kinds/omitted.json`, fields that are not written, even if somebody set them to nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::walk;
use crate::structural::Place;

/// Definition → its fields that are always written, with what is written where they are not set.
pub(super) type Zeros = BTreeMap<String, Map<String, Value>>;

pub(super) fn read() -> Zeros {
    serde_json::from_str(include_str!("../../kinds/zeros.json"))
        .expect("kinds/zeros.json is read by every test")
}

/// Definition → its fields that are left out where they are empty, zero or false.
pub(super) type Omitted = BTreeMap<String, BTreeSet<String>>;

pub(super) fn read_omitted() -> Omitted {
    serde_json::from_str(include_str!("../../kinds/omitted.json"))
        .expect("kinds/omitted.json is read by every test")
}

/// Leaves out what Go's types leave out.
pub(super) fn omit(omitted: &Omitted, root: Place<'_>, object: &mut Value) {
    walk::each_mut(root, object, &mut |definition, value| {
        let (Some(omitted), Some(fields)) = (omitted.get(definition), value.as_object_mut()) else { return };
        fields.retain(|name, value| !(is_zero(value) && omitted.contains(name)));
    });
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_i64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Fills in missing structs alone: what is inside them has defaults.
pub(super) fn fill_structs(zeros: &Zeros, root: Place<'_>, object: &mut Value) {
    fill_where(zeros, root, object, Value::is_object);
}

/// Fills in all that is missing.
pub(super) fn fill(zeros: &Zeros, root: Place<'_>, object: &mut Value) {
    fill_where(zeros, root, object, |_| true);
}

fn fill_where(zeros: &Zeros, root: Place<'_>, object: &mut Value, wanted: impl Fn(&Value) -> bool) {
    walk::each_mut(root, object, &mut |definition, value| {
        let (Some(zeros), Some(fields)) = (zeros.get(definition), value.as_object_mut()) else { return };
        for (name, zero) in zeros {
            if wanted(zero) && !fields.contains_key(name) {
                fields.insert(name.clone(), zero.clone());
            }
        }
    });
}

/// The object without nulls and empty strings that say no more than that a field is not set.
pub(super) fn without(zeros: &Zeros, root: Place<'_>, object: &Value) -> Value {
    let mut object = object.clone();
    walk::each_mut(root, &mut object, &mut |definition, value| {
        let (Some(zeros), Some(fields)) = (zeros.get(definition), value.as_object_mut()) else { return };
        fields.retain(|name, value| {
            let unset = value.is_null() || value.as_str() == Some("");
            !(unset && zeros.get(name) == Some(value))
        });
    });
    object
}
