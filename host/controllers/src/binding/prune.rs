//! What a template holds only because an API server or a controller put it there, and must not be sent to members.
//!
//! The rules are by API group and field, not by kind: a field of that name means the same in every kind of the group.

use serde_json::{Map, Value};

/// Fields of metadata that only servers write.
const METADATA: [&str; 11] = [
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Annotations that a cluster's own controllers keep for themselves.
const ANNOTATIONS: [&str; 4] = [
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "kubernetes.io/service-account.uid",
    "volume.kubernetes.io/selected-node",
];

/// Labels that a batch controller generates to tell its pods from others'.
const GENERATED_LABELS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// Takes off `object` what must not be propagated.
pub(crate) fn prune(object: &mut Value) {
    let group = object.get("apiVersion").and_then(Value::as_str).and_then(|version| version.split_once('/'));
    let group = group.map_or("", |(group, _)| group).to_owned();
    let Some(root) = object.as_object_mut() else { return };
    root.remove("status");
    prune_metadata(root);
    match group.as_str() {
        "" => prune_core(root),
        "batch" => prune_batch(root),
        _ => {}
    }
}

fn prune_metadata(root: &mut Map<String, Value>) {
    let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in METADATA {
        metadata.remove(field);
    }
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    for annotation in ANNOTATIONS {
        annotations.remove(annotation);
    }
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

fn prune_core(root: &mut Map<String, Value>) {
    // Addresses are allocated by each cluster; "None" is a wish, not an address.
    if let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("clusterIP").and_then(Value::as_str).is_some_and(|address| address != "None")
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    // A token is issued by each cluster.
    if root.get("type").and_then(Value::as_str) == Some("kubernetes.io/service-account-token") {
        root.remove("data");
    }
    let token_prefix = root
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(Value::as_str)
        .map(|name| format!("{name}-token-"));
    if let (Some(prefix), Some(secrets)) =
        (token_prefix, root.get_mut("secrets").and_then(Value::as_array_mut))
    {
        let generated = |secret: &Value| {
            secret.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(&prefix))
        };
        secrets.retain(|secret| !generated(secret));
    }
}

fn prune_batch(root: &mut Map<String, Value>) {
    let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut) else { return };
    // Else the member deletes what has finished, and the control plane makes it again, for ever.
    spec.remove("ttlSecondsAfterFinished");
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let selected = spec.get_mut("selector").and_then(|selector| selector.get_mut("matchLabels"));
    remove_generated(selected);
    let labels = spec
        .get_mut("template")
        .and_then(|template| template.get_mut("metadata"))
        .and_then(|metadata| metadata.get_mut("labels"));
    remove_generated(labels);
}

fn remove_generated(labels: Option<&mut Value>) {
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        for label in GENERATED_LABELS {
            labels.remove(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(mut object: Value, expect: Value) {
        prune(&mut object);
        assert_eq!(object, expect);
    }

    #[test]
    fn what_servers_write_is_taken_off() {
        check(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1}, "spec": {"replicas": 1},
                "metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "generation": 2, "managedFields": [],
                    "ownerReferences": [], "finalizers": ["x"], "creationTimestamp": "t", "labels": {"a": "b"},
                    "annotations": {"deployment.kubernetes.io/revision": "3"}}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1},
                "metadata": {"name": "a", "labels": {"a": "b"}}}),
        );
    }

    #[test]
    fn addresses_are_each_clusters_own() {
        check(
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}}),
            json!({"apiVersion": "v1", "kind": "Service", "spec": {}}),
        );
        let headless = json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}});
        check(headless.clone(), headless);
    }

    #[test]
    fn tokens_are_each_clusters_own() {
        check(
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": {"annotations": {"kubernetes.io/service-account.uid": "u"}}, "data": {"token": "x"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "metadata": {}}),
        );
        check(
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"},
                "secrets": [{"name": "a-token-x"}, {"name": "mine"}, {}]}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"},
                "secrets": [{"name": "mine"}, {}]}),
        );
    }

    #[test]
    fn generated_selectors_go_unless_they_are_meant() {
        let job = |manual: bool| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"manualSelector": manual,
                "ttlSecondsAfterFinished": 5,
                "selector": {"matchLabels": {"controller-uid": "u", "a": "b"}},
                "template": {"metadata": {"labels": {"job-name": "j", "batch.kubernetes.io/job-name": "j", "a": "b"}}}}})
        };
        let mut expect = job(false);
        expect["spec"]["selector"]["matchLabels"] = json!({"a": "b"});
        expect["spec"]["template"]["metadata"]["labels"] = json!({"a": "b"});
        expect["spec"].as_object_mut().unwrap().remove("ttlSecondsAfterFinished");
        check(job(false), expect);
        let mut manual = job(true);
        manual["spec"].as_object_mut().unwrap().remove("ttlSecondsAfterFinished");
        check(job(true), manual);
    }

    #[test]
    fn odd_shapes_are_left_alone() {
        for odd in
            [json!(null), json!([]), json!({"apiVersion": "v1", "secrets": {}, "metadata": 7, "spec": []})]
        {
            check(odd.clone(), odd);
        }
    }
}
