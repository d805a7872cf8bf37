//! What is filled in on the way to storage. Works on the object as it is, so that nothing unknown is lost.

use serde_json::{Map, Value, json};
use windlass_api::labels;
use windlass_core::{AdmissionRequest, Verb};

use crate::chain::Random;

/// How long a resource that leaves gracefully may take, where the policy doesn't say.
const GRACE_PERIOD_SECONDS: i64 = 600;

pub(super) fn propagation_policy(request: &AdmissionRequest, object: &mut Value, random: &Random) {
    for selector in
        object.pointer_mut("/spec/resourceSelectors").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if is_empty(selector.get("namespace"))
            && let Some(selector) = selector.as_object_mut()
        {
            selector.insert("namespace".to_owned(), json!(request.namespace));
        }
    }
    let (label, finalizer) = (labels::PROPAGATION_POLICY_PERMANENT_ID, labels::PROPAGATION_POLICY_FINALIZER);
    policy(request, object, random, label, finalizer);
}

pub(super) fn cluster_propagation_policy(request: &AdmissionRequest, object: &mut Value, random: &Random) {
    let (label, finalizer) =
        (labels::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, labels::CLUSTER_PROPAGATION_POLICY_FINALIZER);
    policy(request, object, random, label, finalizer);
}

fn policy(request: &AdmissionRequest, object: &mut Value, random: &Random, label: &str, finalizer: &str) {
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        if is_empty(spec.get("schedulerName")) {
            spec.insert("schedulerName".to_owned(), json!(labels::DEFAULT_SCHEDULER));
        }
        if selects_an_import(spec) {
            spec.insert("propagateDeps".to_owned(), json!(true));
        }
    }
    spread_constraints(object);
    if let Some(scheduling) =
        object.pointer_mut("/spec/placement/replicaScheduling").and_then(Value::as_object_mut)
        && scheduling.get("replicaSchedulingType").and_then(Value::as_str) == Some("Divided")
        && is_empty(scheduling.get("replicaDivisionPreference"))
    {
        scheduling.insert("replicaDivisionPreference".to_owned(), json!("Weighted"));
    }
    if let Some(failover) = object.pointer_mut("/spec/failover/application").and_then(Value::as_object_mut)
        && matches!(failover.get("purgeMode").and_then(Value::as_str), Some("Gracefully" | "Graciously"))
        && failover.get("gracePeriodSeconds").is_none_or(Value::is_null)
    {
        failover.insert("gracePeriodSeconds".to_owned(), json!(GRACE_PERIOD_SECONDS));
    }
    if request.verb == Verb::Create {
        // One that the user brought is another policy's, by copy.
        set_label(object, label, &uuid(random()));
        add_finalizer(object, finalizer);
    }
}

/// A ServiceImport is of no use in a member without the objects that it stands for.
fn selects_an_import(spec: &Map<String, Value>) -> bool {
    spec.get("resourceSelectors").and_then(Value::as_array).into_iter().flatten().any(|selector| {
        selector.get("kind").and_then(Value::as_str) == Some("ServiceImport")
            && selector.get("apiVersion").and_then(Value::as_str) == Some("multicluster.x-k8s.io/v1alpha1")
    })
}

fn spread_constraints(object: &mut Value) {
    let constraints = object.pointer_mut("/spec/placement/spreadConstraints").and_then(Value::as_array_mut);
    for constraint in constraints.into_iter().flatten().filter_map(Value::as_object_mut) {
        if is_empty(constraint.get("spreadByLabel")) && is_empty(constraint.get("spreadByField")) {
            constraint.insert("spreadByField".to_owned(), json!("cluster"));
        }
        if constraint.get("minGroups").and_then(Value::as_i64).unwrap_or_default() == 0 {
            constraint.insert("minGroups".to_owned(), json!(1));
        }
    }
}

pub(super) fn resource_binding(_: &AdmissionRequest, object: &mut Value, random: &Random) {
    keep_or_make_id(object, labels::RESOURCE_BINDING_PERMANENT_ID, random);
}

pub(super) fn cluster_resource_binding(_: &AdmissionRequest, object: &mut Value, random: &Random) {
    keep_or_make_id(object, labels::CLUSTER_RESOURCE_BINDING_PERMANENT_ID, random);
}

/// Beside its id: its manifests know which Work they come from.
pub(super) fn work(_: &AdmissionRequest, object: &mut Value, random: &Random) {
    keep_or_make_id(object, labels::WORK_PERMANENT_ID, random);
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = object.pointer("/metadata/labels").and_then(|all| all.get(labels::WORK_PERMANENT_ID));
    let id = id.and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let manifests = object.pointer_mut("/spec/workload/manifests").and_then(Value::as_array_mut);
    for manifest in manifests.into_iter().flatten().filter(|manifest| manifest.is_object()) {
        set_label(manifest, labels::WORK_PERMANENT_ID, &id);
        set_annotation(manifest, labels::WORK_NAMESPACE, &namespace);
        set_annotation(manifest, labels::WORK_NAME, &name);
    }
}

/// One zone is a list of one; the first grade begins at nothing and the last has no end.
pub(super) fn cluster(_: &AdmissionRequest, object: &mut Value, _: &Random) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let zone = spec.get("zone").and_then(Value::as_str).unwrap_or_default().to_owned();
    let without_zones = spec.get("zones").is_none_or(|zones| zones.as_array().is_none_or(Vec::is_empty));
    if !zone.is_empty() && without_zones {
        spec.insert("zones".to_owned(), json!([zone]));
        spec.remove("zone");
    }
    let Some(models) = spec.get_mut("resourceModels").and_then(Value::as_array_mut) else { return };
    models.sort_by_key(|model| model.get("grade").and_then(Value::as_i64).unwrap_or_default());
    let bound = |model: Option<&mut Value>, end: &str, to: &str| {
        let ranges = model.and_then(|model| model.get_mut("ranges")).and_then(Value::as_array_mut);
        for range in ranges.into_iter().flatten().filter_map(Value::as_object_mut) {
            range.insert(end.to_owned(), json!(to));
        }
    };
    bound(models.first_mut(), "min", "0");
    bound(models.last_mut(), "max", "9223372036854775807");
}

fn keep_or_make_id(object: &mut Value, label: &str, random: &Random) {
    let known = object.pointer("/metadata/labels").and_then(|all| all.get(label));
    if is_empty(known) {
        set_label(object, label, &uuid(random()));
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_str().is_none_or(str::is_empty))
}

fn set_label(object: &mut Value, key: &str, value: &str) {
    set_in_metadata(object, "labels", key, value);
}

fn set_annotation(object: &mut Value, key: &str, value: &str) {
    set_in_metadata(object, "annotations", key, value);
}

fn set_in_metadata(object: &mut Value, map: &str, key: &str, value: &str) {
    let Some(metadata) = metadata(object) else { return };
    let entries = metadata.entry(map).or_insert_with(|| json!({}));
    if entries.is_null() {
        *entries = json!({});
    }
    if let Some(entries) = entries.as_object_mut() {
        entries.insert(key.to_owned(), json!(value));
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let Some(metadata) = metadata(object) else { return };
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(finalizers) = finalizers.as_array_mut()
        && !finalizers.iter().any(|known| known == finalizer)
    {
        finalizers.push(json!(finalizer));
    }
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.as_object_mut()?.entry("metadata").or_insert_with(|| json!({})).as_object_mut()
}

/// A UUID of version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, random};
    use super::*;
    use crate::native::default;

    const ID: &str = "07070707-0707-4707-8707-070707070707";

    #[test]
    fn a_policy_gets_what_karmada_gives_it() {
        let request = create(
            "policy.karmada.io",
            "propagationpolicies",
            json!({"metadata": {"name": "p"}, "spec": {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"},
                {"apiVersion": "v1", "kind": "Secret", "namespace": "other"}],
            "failover": {"application": {"purgeMode": "Gracefully"}},
            "placement": {"spreadConstraints": [{}, {"spreadByLabel": "tier", "minGroups": 2}],
                "replicaScheduling": {"replicaSchedulingType": "Divided"}}}}),
        );
        let object = default(&request, &random()).unwrap();
        assert_eq!(
            object,
            json!({"metadata": {"name": "p", "labels": {labels::PROPAGATION_POLICY_PERMANENT_ID: ID},
                "finalizers": [labels::PROPAGATION_POLICY_FINALIZER]}, "spec": {
            "schedulerName": "default-scheduler",
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop"},
                {"apiVersion": "v1", "kind": "Secret", "namespace": "other"}],
            "failover": {"application": {"purgeMode": "Gracefully", "gracePeriodSeconds": 600}},
            "placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1},
                {"spreadByLabel": "tier", "minGroups": 2}],
                "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted"}}}})
        );
    }

    #[test]
    fn an_update_makes_no_new_id() {
        let mut request =
            create("policy.karmada.io", "clusterpropagationpolicies", json!({"metadata": {}, "spec": {}}));
        request.verb = Verb::Update;
        assert_eq!(default(&request, &random()).unwrap()["metadata"], json!({}));
    }

    #[test]
    fn bindings_and_works_keep_the_id_they_have() {
        let own = json!({"metadata": {"name": "w", "namespace": "ns", "labels": {labels::WORK_PERMANENT_ID: "mine"}},
            "spec": {"workload": {"manifests": [{"kind": "A", "metadata": {"name": "a"}}, 7]}}});
        let object = default(&create("work.karmada.io", "works", own), &random()).unwrap();
        assert_eq!(
            object["spec"]["workload"]["manifests"][0]["metadata"],
            json!({"name": "a",
            "labels": {labels::WORK_PERMANENT_ID: "mine"},
            "annotations": {labels::WORK_NAMESPACE: "ns", labels::WORK_NAME: "w"}})
        );
        let object = default(&create("work.karmada.io", "resourcebindings", json!({})), &random()).unwrap();
        assert_eq!(object["metadata"]["labels"][labels::RESOURCE_BINDING_PERMANENT_ID], ID);
    }

    #[test]
    fn grades_of_a_cluster_are_put_in_order() {
        let object = json!({"spec": {"zone": "z1", "resourceModels": [
            {"grade": 2, "ranges": [{"name": "cpu", "min": "1", "max": "2"}]},
            {"grade": 1, "ranges": [{"name": "cpu", "min": "500m", "max": "1"}]}]}});
        let object = default(&create("cluster.karmada.io", "clusters", object), &random()).unwrap();
        assert_eq!(
            object,
            json!({"spec": {"zones": ["z1"], "resourceModels": [
            {"grade": 1, "ranges": [{"name": "cpu", "min": "0", "max": "1"}]},
            {"grade": 2, "ranges": [{"name": "cpu", "min": "1", "max": "9223372036854775807"}]}]}})
        );
    }

    #[test]
    fn nonsense_is_left_for_validation() {
        for object in
            [json!(null), json!([]), json!({"metadata": 7, "spec": []}), json!({"spec": {"placement": 1}})]
        {
            for (group, resource) in [
                ("policy.karmada.io", "propagationpolicies"),
                ("work.karmada.io", "works"),
                ("cluster.karmada.io", "clusters"),
            ] {
                default(&create(group, resource, object.clone()), &random());
            }
        }
    }
}
