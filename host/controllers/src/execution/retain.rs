//! What an object in a member keeps of itself when the control plane writes it. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use windlass_api::labels::{
    CLUSTER_PROPAGATION_POLICY_NAME, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, CLUSTER_RESOURCE_BINDING_NAME,
    CLUSTER_RESOURCE_BINDING_PERMANENT_ID, MANAGED_ANNOTATIONS, MANAGED_LABELS, MANAGED_OBJECT_ANNOTATIONS,
    MANAGED_OBJECT_LABELS, PROPAGATION_POLICY_NAME, PROPAGATION_POLICY_NAMESPACE,
    PROPAGATION_POLICY_PERMANENT_ID,
};

/// Gives `desired` the observed object's resourceVersion, finalizers and owners, and those of its labels and
/// annotations that are not the control plane's.
pub(crate) fn retain_metadata(desired: &mut Value, observed: &Value) {
    let empty = json!({});
    let observed = observed.get("metadata").unwrap_or(&empty);
    let Some(root) = desired.as_object_mut() else { return };
    let Some(metadata) = root.entry("metadata").or_insert_with(|| json!({})).as_object_mut() else { return };
    for field in ["resourceVersion", "finalizers", "ownerReferences"] {
        match observed.get(field) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    for (field, record) in [("labels", MANAGED_LABELS), ("annotations", MANAGED_ANNOTATIONS)] {
        retain_map(metadata, observed, field, record);
    }
}

/// Keeps the observed keys, but for those that `record` says came from the control plane.
fn retain_map(metadata: &mut Map<String, Value>, observed: &Value, field: &str, record: &str) {
    let Some(theirs) = observed.get(field).and_then(Value::as_object) else { return };
    let recorded =
        observed.get("annotations").and_then(|annotations| annotations.get(record)).and_then(Value::as_str);
    let ours: BTreeSet<&str> = recorded.unwrap_or_default().split(',').collect();
    let Some(desired) = metadata.entry(field).or_insert_with(|| json!({})).as_object_mut() else { return };
    for (name, value) in theirs {
        if !ours.contains(name.as_str()) && !desired.contains_key(name) {
            desired.insert(name.clone(), value.clone());
        }
    }
}

/// Takes the control plane's marks off an object that it leaves behind.
pub(crate) fn strip_marks(object: &mut Value) {
    let policy_labels = [
        PROPAGATION_POLICY_PERMANENT_ID,
        CLUSTER_PROPAGATION_POLICY_PERMANENT_ID,
        CLUSTER_RESOURCE_BINDING_PERMANENT_ID,
    ];
    let policy_annotations = [
        PROPAGATION_POLICY_NAMESPACE,
        PROPAGATION_POLICY_NAME,
        CLUSTER_PROPAGATION_POLICY_NAME,
        CLUSTER_RESOURCE_BINDING_NAME,
    ];
    for (pointer, marks) in [
        ("/metadata/labels", MANAGED_OBJECT_LABELS.iter().chain(&policy_labels)),
        ("/metadata/annotations", MANAGED_OBJECT_ANNOTATIONS.iter().chain(&policy_annotations)),
    ] {
        if let Some(map) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            for mark in marks {
                map.remove(*mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_keeps_what_is_its_own() {
        let observed = json!({"metadata": {"resourceVersion": "9", "finalizers": ["f"], "uid": "u",
            "labels": {"theirs": "1", "ours-once": "1", "ours": "old"},
            "annotations": {"resourcetemplate.karmada.io/managed-labels": "ours,ours-once", "note": "x",
                "resourcetemplate.karmada.io/managed-annotations": "gone", "gone": "1"}}});
        let mut desired = json!({"metadata": {"labels": {"ours": "new"}}});
        retain_metadata(&mut desired, &observed);
        assert_eq!(desired["metadata"]["labels"], json!({"ours": "new", "theirs": "1"}));
        assert_eq!(desired["metadata"]["annotations"]["note"], "x");
        assert!(desired["metadata"]["annotations"].get("gone").is_none());
        assert_eq!(desired["metadata"]["resourceVersion"], "9");
        assert_eq!(desired["metadata"]["finalizers"], json!(["f"]));
        assert!(desired["metadata"].get("uid").is_none());
    }

    #[test]
    fn an_object_left_behind_has_no_marks() {
        let mut object = json!({"metadata": {"labels": {"app": "a", "karmada.io/managed": "true",
            "propagationpolicy.karmada.io/permanent-id": "p"}, "annotations": {"work.karmada.io/name": "w"}}});
        strip_marks(&mut object);
        assert_eq!(object, json!({"metadata": {"labels": {"app": "a"}, "annotations": {}}}));
    }
}
