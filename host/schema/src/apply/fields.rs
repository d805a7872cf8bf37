//! Sets of fields, as managedFields' `fieldsV1` writes them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

/// A set of fields of one object, as a tree. A step is written as in `fieldsV1`: `f:name`, `k:{"name":"a"}`,
/// `v:"x"`, `i:0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether this very place is in the set, and not only places below it.
    pub(super) member: bool,
    pub(super) below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    /// Puts `set` below `step`, unless it is empty.
    pub(super) fn put(&mut self, step: String, set: FieldSet) {
        if set.is_empty() {
            return;
        }
        match self.below.entry(step) {
            Entry::Vacant(place) => {
                place.insert(set);
            }
            Entry::Occupied(mut place) => place.get_mut().unite(&set),
        }
    }

    pub(super) fn unite(&mut self, other: &FieldSet) {
        self.member |= other.member;
        for (step, set) in &other.below {
            match self.below.get_mut(step) {
                Some(own) => own.unite(set),
                None => {
                    self.below.insert(step.clone(), set.clone());
                }
            }
        }
    }

    pub(super) fn union(mut self, other: &FieldSet) -> FieldSet {
        self.unite(other);
        self
    }

    /// The members that are not members of `other`.
    pub(super) fn difference(&self, other: &FieldSet) -> FieldSet {
        let mut left = FieldSet { member: self.member && !other.member, below: BTreeMap::new() };
        for (step, set) in &self.below {
            let set = match other.below.get(step) {
                Some(other) => set.difference(other),
                None => set.clone(),
            };
            left.put(step.clone(), set);
        }
        left
    }

    pub(super) fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut both = FieldSet { member: self.member && other.member, below: BTreeMap::new() };
        for (step, set) in &self.below {
            if let Some(other) = other.below.get(step) {
                both.put(step.clone(), set.intersection(other));
            }
        }
        both
    }

    /// Drops the place at `path` itself; with `deep`, all below it too.
    pub(super) fn forget(&mut self, path: &[&str], deep: bool) {
        match path {
            [] if deep => *self = FieldSet::default(),
            [] => self.member = false,
            [step, rest @ ..] => {
                if let Some(set) = self.below.get_mut(*step) {
                    set.forget(rest, deep);
                    if set.is_empty() {
                        self.below.remove(*step);
                    }
                }
            }
        }
    }

    /// The members' paths, each as its steps.
    pub(super) fn paths(&self) -> Vec<Vec<&str>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect<'a>(&'a self, path: &mut Vec<&'a str>, paths: &mut Vec<Vec<&'a str>>) {
        if self.member {
            paths.push(path.clone());
        }
        for (step, set) in &self.below {
            path.push(step);
            set.collect(path, paths);
            path.pop();
        }
    }

    /// As `fieldsV1`.
    pub(super) fn encode(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.below.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, set) in &self.below {
            fields.insert(step.clone(), set.encode());
        }
        Value::Object(fields)
    }

    /// From `fieldsV1`; `None` where it is none.
    pub(super) fn decode(fields: &Value) -> Option<FieldSet> {
        let mut set = FieldSet::decode_below(fields)?;
        // The root is no field.
        set.member = false;
        Some(set)
    }

    fn decode_below(fields: &Value) -> Option<FieldSet> {
        let fields = fields.as_object()?;
        let mut set = FieldSet { member: fields.is_empty(), below: BTreeMap::new() };
        for (step, below) in fields {
            if step == "." {
                set.member = true;
                continue;
            }
            let (kind, rest) = step.split_once(':')?;
            let step = match kind {
                "f" => step.clone(),
                "i" => format!("i:{}", rest.parse::<i64>().ok()?),
                // Written anew, so that other spellings of the same JSON are the same step.
                "k" | "v" => format!("{kind}:{}", serde_json::from_str::<Value>(rest).ok()?),
                _ => return None,
            };
            set.below.insert(step, FieldSet::decode_below(below)?);
        }
        Some(set)
    }
}

/// A path as conflicts show it: `.spec.containers[name="a"].image`.
pub(super) fn shown(path: &[&str]) -> String {
    let mut text = String::new();
    for step in path {
        match step.split_once(':') {
            Some(("f", name)) => {
                text.push('.');
                text.push_str(name);
            }
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
            Some(("v", value)) => text.push_str(&format!("[={value}]")),
            Some((_, index)) => text.push_str(&format!("[{index}]")),
            None => text.push_str(step),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_v1_reads_back_as_it_was_written() {
        let encoded = json!({"f:spec": {".": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}}},
            "f:metadata": {"f:finalizers": {"v:\"a\"": {}}}});
        let set = FieldSet::decode(&encoded).unwrap();
        assert_eq!(set.encode(), encoded);
        let paths: Vec<String> = set.paths().iter().map(|path| shown(path)).collect();
        assert_eq!(
            paths,
            [
                ".metadata.finalizers[=\"a\"]",
                ".spec",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].name"
            ]
        );
        assert!(FieldSet::decode(&json!({"spec": {}})).is_none());
        assert!(FieldSet::decode(&json!({"k:nonsense": {}})).is_none());
    }

    #[test]
    fn sets_subtract_by_membership() {
        let set = |value: Value| FieldSet::decode(&value).unwrap();
        let all = set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}}));
        assert_eq!(
            all.difference(&set(json!({"f:a": {"f:b": {}}}))),
            set(json!({"f:a": {".": {}, "f:c": {}}}))
        );
        assert_eq!(all.intersection(&set(json!({"f:a": {}, "f:d": {}}))), set(json!({"f:a": {}})));
        assert_eq!(
            set(json!({"f:a": {}})).union(&set(json!({"f:a": {"f:b": {}}}))),
            set(json!({"f:a": {".": {}, "f:b": {}}}))
        );
    }
}
