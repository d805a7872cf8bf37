//! What a schema says of a value's parts, for apply: which maps and lists are one field, and which are many.

use serde_json::{Map, Value};

use super::fields::FieldSet;
use crate::structural::{ListType, Place};

/// A place in a schema; `None` is a place of which nothing is known: maps there are many fields, lists are one.
pub(super) type At<'a> = Option<Place<'a>>;

/// How a value's parts are owned.
pub(super) enum Parts<'v> {
    /// As one.
    Whole,
    Fields(&'v Map<String, Value>),
    /// A list whose items are told apart by value or key; with each its step.
    Items(Vec<(String, &'v Value)>),
}

pub(super) fn parts<'v>(at: At<'_>, value: &'v Value) -> Parts<'v> {
    match value {
        Value::Object(fields) if !at.is_some_and(Place::is_atomic_map) => Parts::Fields(fields),
        Value::Array(items) => match at {
            Some(place) if place.list_type() != ListType::Atomic => {
                let steps = items.iter().enumerate();
                Parts::Items(steps.map(|(index, item)| (step_of(place, index, item), item)).collect())
            }
            _ => Parts::Whole,
        },
        _ => Parts::Whole,
    }
}

/// The step to a list's item. One without its keys is told by its index: it may not be applied, but may exist.
fn step_of(place: Place<'_>, index: usize, item: &Value) -> String {
    match place.list_type() {
        ListType::Map => key_of(place, item).map_or_else(|_| format!("i:{index}"), |key| format!("k:{key}")),
        ListType::Set | ListType::Atomic => format!("v:{item}"),
    }
}

/// The keys of an item of a list of type map, or the key that is missing.
pub(super) fn key_of<'a>(place: Place<'a>, item: &Value) -> Result<Value, &'a str> {
    let mut keys = Map::new();
    for name in place.list_keys() {
        let default = || place.items().and_then(|items| items.field(name)).and_then(Place::default_value);
        let value = item.get(&**name).filter(|value| !value.is_null()).or_else(default).ok_or(&**name)?;
        keys.insert(name.to_string(), value.clone());
    }
    Ok(Value::Object(keys))
}

pub(super) fn field<'a>(at: At<'a>, name: &str) -> At<'a> {
    at.and_then(|place| place.field(name))
}

pub(super) fn items(at: At<'_>) -> At<'_> {
    at.and_then(Place::items)
}

/// Whether a field is one that the schema names, rather than a key of a map.
fn is_named(at: At<'_>, name: &str) -> bool {
    at.is_some_and(|place| place.has_property(name))
}

/// The fields that a value has.
pub(super) fn field_set(at: At<'_>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match parts(at, value) {
        Parts::Whole => set.member = true,
        Parts::Fields(fields) => {
            for (name, value) in fields {
                let mut below = field_set(field(at, name), value);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                below.member |= empty || !is_named(at, name);
                set.put(format!("f:{name}"), below);
            }
        }
        Parts::Items(steps) => {
            for (step, item) in steps {
                let mut below = field_set(items(at), item);
                below.member = true;
                set.put(step, below);
            }
        }
    }
    set
}

/// The set with those named fields added that lead to its members: who owns `spec.replicas` holds `spec`.
pub(super) fn with_named(at: At<'_>, set: &FieldSet) -> FieldSet {
    let mut all = FieldSet { member: set.member, ..FieldSet::default() };
    for (step, below) in &set.below {
        let inner = below_of(at, step);
        let mut below = with_named(inner, below);
        if let Some(name) = step.strip_prefix("f:") {
            below.member |= is_named(at, name);
        }
        all.put(step.clone(), below);
    }
    all
}

fn below_of<'a>(at: At<'a>, step: &str) -> At<'a> {
    match step.strip_prefix("f:") {
        Some(name) => field(at, name),
        None => items(at),
    }
}

/// The value without the places in `unwanted`. What becomes empty by that goes too.
pub(super) fn without(at: At<'_>, value: &Value, unwanted: &FieldSet) -> Option<Value> {
    if unwanted.member {
        return None;
    }
    if unwanted.below.is_empty() {
        return Some(value.clone());
    }
    match parts(at, value) {
        Parts::Whole => Some(value.clone()),
        Parts::Fields(fields) => {
            let left: Map<String, Value> = fields
                .iter()
                .filter_map(|(name, value)| {
                    let value = match unwanted.below.get(&format!("f:{name}")) {
                        Some(unwanted) => without(field(at, name), value, unwanted)?,
                        None => value.clone(),
                    };
                    Some((name.clone(), value))
                })
                .collect();
            (!left.is_empty() || fields.is_empty()).then_some(Value::Object(left))
        }
        Parts::Items(steps) => {
            let was_empty = steps.is_empty();
            let left: Vec<Value> = steps
                .into_iter()
                .filter_map(|(step, item)| match unwanted.below.get(&step) {
                    Some(unwanted) => without(items(at), item, unwanted),
                    None => Some(item.clone()),
                })
                .collect();
            (!left.is_empty() || was_empty).then_some(Value::Array(left))
        }
    }
}
