//! Which part of an old object a part of a new one succeeds: fields by name, items of keyed lists by their keys, and
//! nothing else. Items of other lists have no identity.

use std::collections::HashMap;

use serde_json::Value;

use super::{ListType, Place};

/// The items of an old list, found by their keys.
pub(super) struct Items<'a>(HashMap<String, &'a Value>);

impl<'a> Items<'a> {
    pub(super) fn of(place: Place<'_>, old: Option<&'a Value>) -> Items<'a> {
        let keyed = place.list_type() == ListType::Map;
        let items = old.and_then(Value::as_array).filter(|_| keyed);
        Items(items.into_iter().flatten().map(|item| (item_key(place, item).to_string(), item)).collect())
    }

    pub(super) fn before(&self, place: Place<'_>, item: &Value) -> Option<&'a Value> {
        if self.0.is_empty() { None } else { self.0.get(&item_key(place, item).to_string()).copied() }
    }
}

/// The key fields of a list's item, with their defaults where they are absent.
pub(super) fn item_key(place: Place<'_>, item: &Value) -> Value {
    let of = |key: &str| {
        let default =
            || place.items().and_then(|items| items.field(key)).and_then(Place::default_value).cloned();
        item.get(key).cloned().or_else(default)
    };
    place.list_keys().iter().filter_map(|key| Some((key.to_string(), of(key)?))).collect()
}
