//! Fields that have one path in a version and another in the other.

use serde_json::{Map, Value};

/// Moves each value from the first path of a pair to the second. All are taken before the first is put, so that a
/// path may lead where another came from.
pub(super) fn forth<'a>(object: &mut Value, paths: impl Iterator<Item = (&'a str, &'a str)>) {
    let taken: Vec<(Value, &str)> = paths.filter_map(|(from, to)| Some((take(object, from)?, to))).collect();
    for (value, to) in taken {
        put(object, to, value);
    }
}

/// The same from the second to the first.
pub(super) fn back<'a>(object: &mut Value, paths: impl Iterator<Item = (&'a str, &'a str)>) {
    forth(object, paths.map(|(here, there)| (there, here)));
}

pub(super) fn take(object: &mut Value, path: &str) -> Option<Value> {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = object;
    for step in parents.split('.').filter(|step| !step.is_empty()) {
        place = place.get_mut(step)?;
    }
    place.as_object_mut()?.remove(name)
}

/// Puts a value where objects or nothing are in the way; elsewhere it is dropped.
pub(super) fn put(object: &mut Value, path: &str, value: Value) {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = object;
    for step in parents.split('.').filter(|step| !step.is_empty()) {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(step).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Some(fields) = place.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
