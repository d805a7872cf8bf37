//! Empties namespaces that are being deleted, and lets them go when they are empty.
//!
//! Pods go first and everything else when they are gone, so that nothing that guards a pod (a network policy, say)
//! goes before it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::driver::{Plan, Planner};
use super::observed::Observed;
use super::request::{ApiRequest, Propagation, path};
use crate::store::{Change, Key, Store, Stored};

const NAMESPACES: &str = "/namespaces";
const FIRST: &str = "/pods";
/// The finalizer in a namespace's spec that stands for this chore.
const FINALIZER: &str = "kubernetes";

/// Keys are namespaces' names.
pub(super) struct NamespaceDeletion {
    store: Arc<Store>,
    /// Those that are being deleted.
    terminating: HashSet<Arc<str>>,
}

impl NamespaceDeletion {
    pub(super) fn new(store: Arc<Store>) -> Self {
        NamespaceDeletion { store, terminating: HashSet::new() }
    }

    fn contents(&self, namespace: &str) -> Vec<Arc<Stored>> {
        let snapshots = self.store.snapshot_all();
        let objects = snapshots.iter().flat_map(|(_, snapshot)| snapshot.range(Some(namespace), None));
        objects.cloned().collect()
    }
}

impl Planner for NamespaceDeletion {
    type Key = Arc<str>;
    const NAME: &'static str = "namespace deletion";

    fn observe(&mut self, change: Change, object: &Stored, keys: &mut Vec<Arc<str>>) {
        let Key { resource, namespace, name } = &object.key;
        if **resource != *NAMESPACES {
            keys.extend(self.terminating.get(namespace).cloned());
        } else if change == Change::Deleted {
            self.terminating.remove(name);
        } else if Observed::of(object).is_being_deleted() {
            self.terminating.insert(Arc::clone(name));
            keys.push(Arc::clone(name));
        }
    }

    fn restart(&mut self, _: &mut Vec<Arc<str>>) {
        self.terminating.clear();
    }

    fn plan(&self, namespace: &Arc<str>, now: Timestamp) -> Plan {
        let Some(found) = self.store.get(&Key::new(NAMESPACES, "", Arc::clone(namespace))) else {
            return Plan::Nothing;
        };
        let seen = Observed::of(&found);
        let value: Value = serde_json::from_slice(&found.json).unwrap_or_default();
        let finalizers =
            value.pointer("/spec/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
        if !seen.is_being_deleted() || !finalizers.contains(&FINALIZER.into()) {
            return Plan::Nothing;
        }
        let contents: Vec<(Arc<Stored>, Observed)> = self
            .contents(namespace)
            .into_iter()
            .map(|object| (Arc::clone(&object), Observed::of(&object)))
            .collect();
        if contents.is_empty() {
            return Plan::Requests(vec![finalize(&found, &seen, value, finalizers)]);
        }
        let has_first = contents.iter().any(|(object, _)| *object.key.resource == *FIRST);
        let mut requests: Vec<ApiRequest> = contents
            .iter()
            .filter(|(object, _)| !has_first || *object.key.resource == *FIRST)
            .filter(|(_, seen)| !seen.is_being_deleted())
            .map(|(object, seen)| ApiRequest::delete(object, seen, Propagation::Background, false))
            .collect();
        if requests.is_empty() {
            // Everything is asked to go; say what it is waiting for.
            requests.extend(report(&found, &seen, &value, &contents, now));
        }
        if requests.is_empty() { Plan::Nothing } else { Plan::Requests(requests) }
    }
}

fn finalize(namespace: &Stored, seen: &Observed, mut value: Value, mut finalizers: Vec<Value>) -> ApiRequest {
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    value["spec"]["finalizers"] = finalizers.into();
    ApiRequest::replace(path(namespace, seen) + "/finalize", value)
}

/// Sets the conditions that tell what is left, where they differ from those that are set.
fn report(
    namespace: &Stored,
    seen: &Observed,
    value: &Value,
    contents: &[(Arc<Stored>, Observed)],
    now: Timestamp,
) -> Option<ApiRequest> {
    let present = value.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut conditions = present.clone();
    for (kind, status, reason, message) in conditions_of(contents) {
        let at = conditions.iter().position(|condition| condition["type"] == kind);
        let unchanged = |condition: &&Value| {
            condition["status"] == status && condition["reason"] == reason && condition["message"] == *message
        };
        if at.and_then(|at| conditions.get(at)).filter(unchanged).is_some() {
            continue;
        }
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": format!("{now:.0}")});
        match at {
            Some(at) => conditions[at] = condition,
            None => conditions.push(condition),
        }
    }
    (conditions != present)
        .then(|| ApiRequest::patch(namespace, seen, "/status", json!({"status": {"conditions": conditions}})))
}

type Condition = (&'static str, &'static str, &'static str, String);

fn conditions_of(contents: &[(Arc<Stored>, Observed)]) -> [Condition; 5] {
    let mut by_resource: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_finalizer: BTreeMap<&str, usize> = BTreeMap::new();
    for (object, seen) in contents {
        // Kubernetes writes `pods.` and `deployments.apps`.
        let (group, plural) = object.key.resource.rsplit_once('/').unwrap_or_default();
        *by_resource.entry(format!("{plural}.{group}")).or_default() += 1;
        for finalizer in &seen.metadata.finalizers {
            *by_finalizer.entry(finalizer).or_default() += 1;
        }
    }
    let resources: Vec<String> = by_resource
        .iter()
        .map(|(resource, count)| format!("{resource} has {count} resource instances"))
        .collect();
    let finalizers: Vec<String> = by_finalizer
        .iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
        .collect();
    let finalizing: Condition = if finalizers.is_empty() {
        let message = "All content-preserving finalizers finished".to_owned();
        ("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", message)
    } else {
        let message =
            format!("Some content in the namespace has finalizers remaining: {}", finalizers.join(", "));
        ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message)
    };
    let fine = |kind, reason, message: &str| (kind, "False", reason, message.to_owned());
    [
        fine(
            "NamespaceDeletionDiscoveryFailure",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        fine(
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        fine(
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            format!("Some resources are remaining: {}", resources.join(", ")),
        ),
        finalizing,
    ]
}
