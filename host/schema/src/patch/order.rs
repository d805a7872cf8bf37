//! The order of a merged list: items the patch names come in the patch's order, the others keep their place
//! relative to those items that were there before.

use std::collections::HashMap;

use serde_json::Value;

/// What tells a list's items apart: a field of theirs, or the item itself.
pub(super) fn identity(item: &Value, key: Option<&str>) -> String {
    match key {
        Some(key) => item.get(key).unwrap_or(&Value::Null).to_string(),
        None => item.to_string(),
    }
}

/// Orders `merged`: `wanted` is the patch's order, `before` what the list was.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let places = |list: &[Value]| -> HashMap<String, usize> {
        let mut places = HashMap::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            places.entry(identity(item, key)).or_insert(index);
        }
        places
    };
    let (wanted, before) = (places(wanted), places(before));
    let (mut patched, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| wanted.contains_key(&identity(item, key)));
    patched.sort_by_key(|item| wanted.get(&identity(item, key)).copied());
    others.sort_by_key(|item| before.get(&identity(item, key)).copied().unwrap_or(usize::MAX));

    let mut arranged = Vec::with_capacity(patched.len() + others.len());
    let (mut patched, mut others) = (patched.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(left), Some(right)) = (others.peek(), patched.peek()) {
        let was = |item: &Value| before.get(&identity(item, key));
        let left_first = matches!((was(left), was(right)), (Some(left), Some(right)) if left < right);
        arranged.extend(if left_first { others.next() } else { patched.next() });
    }
    arranged.extend(patched);
    arranged.extend(others);
    arranged
}
