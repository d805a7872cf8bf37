//! Collects what has lost its owners, and lets owners wait for, or let go of, their dependents.
//!
//! An owner that is not in the store does not exist: the store is all there is, and changes are seen in their order,
//! an owner's creation before anything that can know its uid. Each request holds only for the revision it was
//! decided on.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::driver::{Plan, Planner};
use super::observed::Observed;
use super::ownership::{Ending, FOREGROUND, Node, ORPHAN, Ownership, Uid};
use super::request::{ApiRequest, Propagation};
use crate::store::{Change, Store, Stored};

/// Keys are objects' uids.
pub(super) struct Collector {
    store: Arc<Store>,
    objects: Ownership,
}

impl Collector {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Collector { store, objects: Ownership::default() }
    }

    /// The object of that revision; `None` if it has changed since, which will be observed in its turn.
    fn unchanged(&self, node: &Node) -> Option<Arc<Stored>> {
        self.store.get(&node.key).filter(|object| object.revision == node.revision)
    }

    /// What is due for an object that is not being deleted: it may have lost its owners.
    fn dependent(&self, uid: &Uid, node: &Node) -> Option<ApiRequest> {
        let mut lost = HashSet::new();
        let mut is_held = false;
        let mut is_awaited = false;
        for reference in &node.owners {
            match self.objects.owner(node, reference).map(|owner| owner.ending) {
                None => {
                    lost.insert(reference.uid.as_str());
                }
                Some(Ending::Foreground) => {
                    is_awaited = true;
                    lost.insert(reference.uid.as_str());
                }
                Some(Ending::Not | Ending::Deleting | Ending::Orphaning) => is_held = true,
            }
        }
        if lost.is_empty() {
            return None;
        }
        let object = self.unchanged(node)?;
        let seen = Observed::of(&object);
        if is_held {
            return Some(without_owners(&object, &seen, &lost));
        }
        let has_dependents = self.objects.dependents(uid).next().is_some();
        if is_awaited && has_dependents {
            // In a circle of owners each would wait for the next: this one no longer does.
            let is_circle = self.objects.dependents(uid).any(|(_, node)| node.ending == Ending::Foreground);
            if is_circle && node.owners.iter().any(|reference| reference.block_owner_deletion) {
                return Some(unblocking(&object, &seen));
            }
            return Some(ApiRequest::delete(&object, &seen, Propagation::Foreground, true));
        }
        let propagation = if seen.has_finalizer(ORPHAN) {
            Propagation::Orphan
        } else if seen.has_finalizer(FOREGROUND) {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        Some(ApiRequest::delete(&object, &seen, propagation, true))
    }

    /// What is due for an object that lets its dependents live on.
    fn orphaning(&self, uid: &Uid, node: &Node) -> Vec<ApiRequest> {
        let lost = HashSet::from([&**uid]);
        let mut dependents = self.objects.dependents(uid).peekable();
        if dependents.peek().is_none() {
            return self.finished(node, ORPHAN).into_iter().collect();
        }
        dependents
            .filter_map(|(_, dependent)| self.unchanged(dependent))
            .map(|object| without_owners(&object, &Observed::of(&object), &lost))
            .collect()
    }

    /// What is due for an object that waits for its dependents to go.
    fn foreground(&self, uid: &Uid, node: &Node) -> Option<ApiRequest> {
        let is_blocked = self.objects.dependents(uid).any(|(_, dependent)| dependent.blocks(uid));
        if is_blocked { None } else { self.finished(node, FOREGROUND) }
    }

    /// Takes a finalizer off an object.
    fn finished(&self, node: &Node, finalizer: &str) -> Option<ApiRequest> {
        let object = self.unchanged(node)?;
        let seen = Observed::of(&object);
        let left = seen.metadata.finalizers.iter().filter(|left| **left != finalizer);
        let left = or_null(left.map(|left| left.as_str().into()).collect());
        Some(ApiRequest::patch(&object, &seen, "", json!({"metadata": {"finalizers": left}})))
    }
}

/// Takes owner references off an object.
fn without_owners(object: &Stored, seen: &Observed, lost: &HashSet<&str>) -> ApiRequest {
    let left: Vec<Value> = references(object)
        .into_iter()
        .filter(|reference| reference["uid"].as_str().is_none_or(|uid| !lost.contains(uid)))
        .collect();
    ApiRequest::patch(object, seen, "", json!({"metadata": {"ownerReferences": or_null(left)}}))
}

/// Lets an object no longer block its owners' deletion.
fn unblocking(object: &Stored, seen: &Observed) -> ApiRequest {
    let mut references = references(object);
    for reference in &mut references {
        reference["blockOwnerDeletion"] = false.into();
    }
    ApiRequest::patch(object, seen, "", json!({"metadata": {"ownerReferences": references}}))
}

/// A list for a merge patch: what would be empty is taken away.
fn or_null(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}

fn references(object: &Stored) -> Vec<Value> {
    let value: Value = serde_json::from_slice(&object.json).unwrap_or_default();
    value.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default()
}

impl Planner for Collector {
    type Key = Uid;
    const NAME: &'static str = "garbage collection";

    fn observe(&mut self, change: Change, object: &Stored, keys: &mut Vec<Uid>) {
        if object.uid.is_empty() {
            return;
        }
        match change {
            Change::Added | Change::Modified => self.objects.set(&object.uid, Node::of(object), keys),
            Change::Deleted => self.objects.remove(&object.uid, keys),
        }
    }

    fn restart(&mut self, _: &mut Vec<Uid>) {
        self.objects.clear();
    }

    fn plan(&self, uid: &Uid, _: Timestamp) -> Plan {
        let Some(node) = self.objects.get(uid) else { return Plan::Nothing };
        let requests: Vec<ApiRequest> = match node.ending {
            Ending::Not => self.dependent(uid, node).into_iter().collect(),
            Ending::Orphaning => self.orphaning(uid, node),
            Ending::Foreground => self.foreground(uid, node).into_iter().collect(),
            Ending::Deleting => Vec::new(),
        };
        if requests.is_empty() { Plan::Nothing } else { Plan::Requests(requests) }
    }
}
