//! What changed between two objects, and one object merged into another.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::fields::FieldSet;
use super::shape::{At, Parts, field, items, parts};

/// The fields that differ.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Comparison {
    /// What `new` sets differently from `old`.
    pub(super) fn between(at: At<'_>, old: Option<&Value>, new: Option<&Value>) -> Comparison {
        let mut comparison = Comparison::default();
        // A null is there, and empty: what a list has instead of it is added item by item.
        let (old_parts, new_parts) = (
            old.filter(|old| !old.is_null()).map(|old| parts(at, old)),
            new.filter(|new| !new.is_null()).map(|new| parts(at, new)),
        );
        let is_empty = |parts: &Option<Parts<'_>>| match parts {
            None => true,
            Some(Parts::Whole) => false,
            Some(Parts::Fields(fields)) => fields.is_empty(),
            Some(Parts::Items(items)) => items.is_empty(),
        };
        if is_empty(&old_parts) && is_empty(&new_parts) {
            comparison.leaf(old, new);
            return comparison;
        }
        match (old_parts, new_parts) {
            (Some(Parts::Fields(old)), Some(Parts::Fields(new))) => {
                comparison.fields(at, Some(old), Some(new))
            }
            (Some(Parts::Fields(old)), None) => comparison.fields(at, Some(old), None),
            (None, Some(Parts::Fields(new))) => comparison.fields(at, None, Some(new)),
            (Some(Parts::Items(old)), Some(Parts::Items(new))) => comparison.items(at, old, new),
            (Some(Parts::Items(old)), None) => comparison.items(at, old, Vec::new()),
            (None, Some(Parts::Items(new))) => comparison.items(at, Vec::new(), new),
            _ => comparison.leaf(old, new),
        }
        match (old, new) {
            (None, Some(_)) => comparison.added.member = true,
            (Some(_), None) => comparison.removed.member = true,
            _ => {}
        }
        comparison
    }

    pub(super) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, Some(_)) => self.added.member = true,
            (Some(_), None) => self.removed.member = true,
            (Some(old), Some(new)) if old != new => self.modified.member = true,
            _ => {}
        }
    }

    fn fields(&mut self, at: At<'_>, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) {
        let names = old.into_iter().chain(new).flat_map(Map::keys);
        let names: HashSet<&String> = names.collect();
        for name in names {
            let (old, new) = (old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)));
            if old != new {
                self.put(&format!("f:{name}"), Comparison::between(field(at, name), old, new));
            }
        }
    }

    fn items(&mut self, at: At<'_>, old: Vec<(String, &Value)>, new: Vec<(String, &Value)>) {
        let mut pairs: BTreeMap<String, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
        for (step, item) in old {
            pairs.entry(step).or_default().0.get_or_insert(item);
        }
        for (step, item) in new {
            pairs.entry(step).or_default().1.get_or_insert(item);
        }
        for (step, (old, new)) in pairs {
            if old != new {
                self.put(&step, Comparison::between(items(at), old, new));
            }
        }
    }

    fn put(&mut self, step: &str, below: Comparison) {
        self.added.put(step.to_owned(), below.added);
        self.modified.put(step.to_owned(), below.modified);
        self.removed.put(step.to_owned(), below.removed);
    }
}

/// `live` with `applied` merged in: maps by field, lists by item, all else replaced.
pub(super) fn merge(at: At<'_>, live: &Value, applied: &Value) -> Value {
    match (parts(at, live), parts(at, applied)) {
        (Parts::Fields(live), Parts::Fields(applied)) => {
            let mut merged = live.clone();
            for (name, value) in applied {
                let value = match live.get(name) {
                    Some(live) => merge(field(at, name), live, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Parts::Items(live), Parts::Items(applied)) => Value::Array(merge_items(at, &live, &applied)),
        _ => applied.clone(),
    }
}

/// Keeps both orders as far as they agree; where they don't, the applied one counts.
fn merge_items(at: At<'_>, live: &[(String, &Value)], applied: &[(String, &Value)]) -> Vec<Value> {
    let wanted: HashSet<&str> = applied.iter().map(|(step, _)| step.as_str()).collect();
    let mut existing: HashMap<&str, &Value> = HashMap::with_capacity(live.len());
    for (step, item) in live {
        existing.entry(step).or_insert(item);
    }
    let mut done: HashSet<&str> = HashSet::with_capacity(applied.len());
    let mut merged = Vec::with_capacity(live.len() + applied.len());
    let (mut live, mut applied) = (live.iter().peekable(), applied.iter());
    loop {
        while let Some((step, item)) = live.peek() {
            let shared = wanted.contains(step.as_str());
            if shared && !done.contains(step.as_str()) {
                break;
            }
            if !shared {
                merged.push((*item).clone());
            }
            live.next();
        }
        let Some((step, item)) = applied.next() else { break };
        if done.insert(step) {
            merged.push(match existing.get(step.as_str()) {
                Some(live) => merge(items(at), live, item),
                None => (*item).clone(),
            });
        }
    }
    merged
}
