//! A policy's marks on what it propagates: how they are made, and how they are taken off again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};
use windlass_api::labels::{
    CLUSTER_PROPAGATION_POLICY_NAME, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, PROPAGATION_POLICY_NAME,
    PROPAGATION_POLICY_NAMESPACE, PROPAGATION_POLICY_PERMANENT_ID,
};

use super::matching::{Claimant, policy_id};
use crate::index::Policy;
use crate::marks;

/// The marks of a policy, and the absence of the other kind's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    labels: [(&'static str, Option<String>); 2],
    annotations: [(&'static str, Option<String>); 3],
}

impl Marks {
    /// The marks of `policy`.
    pub(crate) fn of(policy: &Policy) -> Marks {
        let id = Some(policy_id(policy));
        let name = policy.metadata.name.clone();
        match policy.metadata.namespace.clone() {
            Some(namespace) => Marks::new([id, Some(namespace), name], [None, None]),
            None => Marks::new([None, None, None], [id, name]),
        }
    }

    /// No marks.
    pub(crate) fn none() -> Marks {
        Marks::new([None, None, None], [None, None])
    }

    fn new(
        [id, namespace, name]: [Option<String>; 3],
        [cluster_id, cluster_name]: [Option<String>; 2],
    ) -> Marks {
        Marks {
            labels: [
                (PROPAGATION_POLICY_PERMANENT_ID, id),
                (CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, cluster_id),
            ],
            annotations: [
                (PROPAGATION_POLICY_NAMESPACE, namespace),
                (PROPAGATION_POLICY_NAME, name),
                (CLUSTER_PROPAGATION_POLICY_NAME, cluster_name),
            ],
        }
    }

    /// Sets the marks on an object that is about to be written.
    pub(crate) fn set(&self, meta: &mut ObjectMeta) {
        for (map, marks) in
            [(&mut meta.labels, &self.labels[..]), (&mut meta.annotations, &self.annotations[..])]
        {
            let map = map.get_or_insert_default();
            for (name, value) in marks {
                match value {
                    Some(value) => map.insert((*name).to_owned(), value.clone()),
                    None => map.remove(*name),
                };
            }
        }
    }

    /// The merge patch that puts the marks on an object with this metadata; `None` where it has them.
    pub(crate) fn patch(&self, meta: &ObjectMeta) -> Option<Value> {
        let changes = |marks: &[(&'static str, Option<String>)],
                       read: fn(&ObjectMeta, &str) -> Option<String>| {
            let mut changes = Map::new();
            for (name, value) in marks {
                if read(meta, name) != *value {
                    changes.insert((*name).to_owned(), value.clone().map_or(Value::Null, Value::String));
                }
            }
            changes
        };
        let labels = changes(&self.labels, |meta, name| marks::label(meta, name).map(str::to_owned));
        let annotations =
            changes(&self.annotations, |meta, name| marks::annotation(meta, name).map(str::to_owned));
        if labels.is_empty() && annotations.is_empty() {
            return None;
        }
        let mut metadata = Map::new();
        for (field, changes) in [("labels", labels), ("annotations", annotations)] {
            if !changes.is_empty() {
                metadata.insert(field.to_owned(), Value::Object(changes));
            }
        }
        Some(json!({ "metadata": metadata }))
    }
}

/// Whether an object has the marks of just this claimant, so that they may be taken off for it.
pub(crate) fn has_marks_of(meta: &ObjectMeta, claimant: &Claimant) -> bool {
    let label = if claimant.policy.namespace.is_empty() {
        CLUSTER_PROPAGATION_POLICY_PERMANENT_ID
    } else {
        PROPAGATION_POLICY_PERMANENT_ID
    };
    marks::label(meta, label) == Some(claimant.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(metadata: Value) -> Policy {
        serde_json::from_value(json!({"metadata": metadata, "spec": {"resourceSelectors": []}})).unwrap()
    }

    #[test]
    fn a_claim_replaces_the_marks_of_the_other_kind_of_policy() {
        let mut meta = ObjectMeta::default();
        let cluster_wide = Marks::of(&policy(json!({"name": "c", "uid": "u1"})));
        cluster_wide.set(&mut meta);
        assert_eq!(cluster_wide.patch(&meta), None);
        let namespaced = Marks::of(&policy(json!({"name": "p", "namespace": "n", "uid": "u2"})));
        assert_eq!(
            namespaced.patch(&meta),
            Some(json!({"metadata": {
                "labels": {"propagationpolicy.karmada.io/permanent-id": "u2",
                    "clusterpropagationpolicy.karmada.io/permanent-id": null},
                "annotations": {"propagationpolicy.karmada.io/namespace": "n", "propagationpolicy.karmada.io/name": "p",
                    "clusterpropagationpolicy.karmada.io/name": null}}}))
        );
        namespaced.set(&mut meta);
        assert_eq!(namespaced.patch(&meta), None);
        assert!(Marks::none().patch(&meta).is_some());
    }
}
