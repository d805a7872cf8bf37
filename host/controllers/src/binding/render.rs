//! Renders a binding's Work for one cluster: the template with its replicas revised, pruned, and marked. Pure, but
//! for what it asks the interpreter.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};
use windlass_api::labels;
use windlass_api::names;
use windlass_api::policy::{ConflictResolution, PurgeMode};
use windlass_api::work::{ResourceBindingSpec, TargetCluster, Work, WorkSpec, WorkloadTemplate};

use super::prune::prune;
use crate::index::{Binding, Key, Template};
use crate::marks::{self, permanent_id};

/// The clusters that the binding's resource goes to: those chosen for it, and those that need it.
pub(crate) fn targets(spec: &ResourceBindingSpec) -> Vec<TargetCluster> {
    let mut targets = spec.clusters.clone();
    for cluster in spec.required_by.iter().flat_map(|required| &required.clusters) {
        if !targets.iter().any(|target| target.name == cluster.name) {
            targets.push(cluster.clone());
        }
    }
    targets
}

/// Whether the resource still belongs into a cluster: it goes there, or is leaving it in peace.
pub(crate) fn belongs_to(spec: &ResourceBindingSpec, cluster: &str) -> bool {
    spec.clusters.iter().any(|target| target.name == cluster)
        || spec
            .required_by
            .iter()
            .flat_map(|required| &required.clusters)
            .any(|target| target.name == cluster)
        || spec
            .graceful_eviction_tasks
            .iter()
            .any(|task| task.from_cluster == cluster && !is_direct(task.purge_mode))
}

/// Whether the resource has to be gone from a cluster before it may go elsewhere.
pub(crate) fn must_leave_first(spec: &ResourceBindingSpec, cluster: &str) -> bool {
    spec.graceful_eviction_tasks.iter().any(|task| task.from_cluster == cluster && is_direct(task.purge_mode))
}

pub(super) fn is_direct(mode: Option<PurgeMode>) -> bool {
    matches!(mode, Some(PurgeMode::Directly | PurgeMode::Immediately))
}

/// The Work for `cluster`, from the template as revised for it.
pub(crate) fn work(binding: &Binding, template: &Template, revised: Value, cluster: &str) -> Work {
    let id = template.id();
    let namespace = names::execution_namespace(cluster);
    let name = names::work(&id.gvk.kind, &id.name, &id.namespace);
    let binding_key = Key::of(&binding.metadata);
    let binding_id = marks::binding_id(&binding.metadata).unwrap_or_default();
    let work_id = permanent_id(&[&namespace, &name, binding_id]);
    let conflict = conflict_resolution(template, binding.spec.conflict_resolution);
    let (id_label, named) = if binding_key.namespace.is_empty() {
        let named = vec![(labels::CLUSTER_RESOURCE_BINDING_NAME, binding_key.name)];
        (labels::CLUSTER_RESOURCE_BINDING_PERMANENT_ID, named)
    } else {
        let named = vec![
            (labels::RESOURCE_BINDING_NAMESPACE, binding_key.namespace),
            (labels::RESOURCE_BINDING_NAME, binding_key.name),
        ];
        (labels::RESOURCE_BINDING_PERMANENT_ID, named)
    };

    let mut manifest = revised;
    prune(&mut manifest);
    let mut object_labels = policy_marks(binding.metadata.labels.as_ref(), &POLICY_LABELS);
    object_labels.extend(
        [
            (id_label, binding_id),
            (labels::MANAGED, labels::MANAGED_TRUE),
            (labels::WORK_PERMANENT_ID, &work_id),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let mut object_annotations = policy_marks(binding.metadata.annotations.as_ref(), &POLICY_ANNOTATIONS);
    object_annotations.extend(named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    object_annotations.extend(
        [
            (labels::TEMPLATE_UID, template.uid()),
            (labels::WORK_NAME, name.as_str()),
            (labels::WORK_NAMESPACE, namespace.as_str()),
            (labels::CONFLICT_RESOLUTION, conflict),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if let Some(generation) = template.meta.generation.filter(|generation| *generation > 0) {
        object_annotations.insert(labels::TEMPLATE_GENERATION.to_owned(), generation.to_string());
    }
    mark(&mut manifest, object_labels, object_annotations);

    let mut annotations: BTreeMap<String, String> =
        named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    annotations.insert(labels::CONFLICT_RESOLUTION.to_owned(), conflict.to_owned());
    Work {
        metadata: ObjectMeta {
            labels: Some(
                [(id_label, binding_id), (labels::WORK_PERMANENT_ID, &work_id)]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            ),
            annotations: Some(annotations),
            finalizers: Some(vec![labels::EXECUTION_FINALIZER.to_owned()]),
            ..ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() }
        },
        spec: WorkSpec {
            workload: WorkloadTemplate { manifests: vec![manifest] },
            suspend_dispatching: Some(is_suspended(&binding.spec, cluster)),
            preserve_resources_on_deletion: Some(
                binding.spec.preserve_resources_on_deletion.unwrap_or(false),
            ),
        },
        status: None,
    }
}

const POLICY_LABELS: [&str; 2] =
    [labels::PROPAGATION_POLICY_PERMANENT_ID, labels::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID];
const POLICY_ANNOTATIONS: [&str; 3] = [
    labels::PROPAGATION_POLICY_NAMESPACE,
    labels::PROPAGATION_POLICY_NAME,
    labels::CLUSTER_PROPAGATION_POLICY_NAME,
];

/// The policy's marks, as the binding has them: the template gets the same ones, but maybe a moment later, and the
/// Work must not change for it.
fn policy_marks(of: Option<&BTreeMap<String, String>>, names: &[&str]) -> BTreeMap<String, String> {
    let of = of.into_iter().flatten();
    of.filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Sets labels and annotations on a manifest, and records which of them are the control plane's: all others that a
/// member's object has are the member's own.
pub(crate) fn mark(
    manifest: &mut Value,
    new_labels: BTreeMap<String, String>,
    new_annotations: BTreeMap<String, String>,
) {
    let Some(root) = manifest.as_object_mut() else { return };
    let metadata = object_at(root, "metadata");
    let on_object = object_at(metadata, "labels");
    on_object.extend(new_labels.into_iter().map(|(name, value)| (name, Value::String(value))));
    let managed_labels = joined(on_object.keys());
    let on_object = object_at(metadata, "annotations");
    on_object.extend(new_annotations.into_iter().map(|(name, value)| (name, Value::String(value))));
    on_object.insert(labels::MANAGED_LABELS.to_owned(), json!(managed_labels));
    on_object.insert(labels::MANAGED_ANNOTATIONS.to_owned(), Value::Null);
    let managed_annotations = joined(on_object.keys());
    on_object.insert(labels::MANAGED_ANNOTATIONS.to_owned(), json!(managed_annotations));
}

fn joined<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names.join(",")
}

/// The object at `field`, made where there is none.
fn object_at<'a>(parent: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(field).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("made an object above")
}

/// The template's own annotation goes before the policy's field.
fn conflict_resolution(template: &Template, by_policy: Option<ConflictResolution>) -> &'static str {
    match template.annotation(labels::CONFLICT_RESOLUTION) {
        Some(labels::CONFLICT_RESOLUTION_OVERWRITE) => labels::CONFLICT_RESOLUTION_OVERWRITE,
        Some(labels::CONFLICT_RESOLUTION_ABORT) => labels::CONFLICT_RESOLUTION_ABORT,
        _ if by_policy == Some(ConflictResolution::Overwrite) => labels::CONFLICT_RESOLUTION_OVERWRITE,
        _ => labels::CONFLICT_RESOLUTION_ABORT,
    }
}

fn is_suspended(spec: &ResourceBindingSpec, cluster: &str) -> bool {
    let Some(suspension) = &spec.suspension else { return false };
    suspension.dispatching.unwrap_or(false)
        || suspension
            .dispatching_on_clusters
            .as_ref()
            .is_some_and(|clusters| clusters.cluster_names.iter().any(|name| name == cluster))
}

/// `existing` as `desired` wants it; `None` where it is so already.
pub(crate) fn merged(existing: &Work, desired: Work) -> Option<Work> {
    let mut merged = existing.clone();
    merged.spec = desired.spec;
    merged.metadata.labels.get_or_insert_default().extend(desired.metadata.labels.into_iter().flatten());
    merged
        .metadata
        .annotations
        .get_or_insert_default()
        .extend(desired.metadata.annotations.into_iter().flatten());
    if !marks::has_finalizer(&merged.metadata, labels::EXECUTION_FINALIZER) {
        merged.metadata.finalizers.get_or_insert_default().push(labels::EXECUTION_FINALIZER.to_owned());
    }
    (merged != *existing).then_some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::api::DynamicObject;
    use windlass_core::Gvk;

    fn template(annotations: Value) -> Template {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "nginx", "namespace": "default", "uid": "t", "generation": 3, "labels": {"app": "nginx"},
                "annotations": annotations},
            "spec": {"replicas": 2}}))
        .unwrap();
        Template::new(&Gvk::new("apps/v1", "Deployment"), object).unwrap()
    }

    fn binding(spec: Value) -> Binding {
        let mut spec = spec;
        spec["resource"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "nginx"});
        serde_json::from_value(json!({
            "metadata": {"name": "nginx-deployment", "namespace": "default", "labels": {
                "resourcebinding.karmada.io/permanent-id": "b-id", "propagationpolicy.karmada.io/permanent-id": "p-id"}},
            "spec": spec}))
        .unwrap()
    }

    fn rendered(annotations: Value, spec: Value) -> Work {
        let template = template(annotations);
        work(&binding(spec), &template, template.object.to_value(), "m1")
    }

    #[test]
    fn a_work_is_named_and_marked_as_karmadas() {
        let work = rendered(json!({}), json!({}));
        assert_eq!(Key::of(&work.metadata).to_string(), "karmada-es-m1/nginx-687f7fb96f");
        assert_eq!(marks::binding_id(&work.metadata), Some("b-id"));
        assert_eq!(marks::binding_key(&work.metadata), Some(Key::new("default", "nginx-deployment")));
        let manifest = &work.spec.workload.manifests[0];
        let label = |name: &str| manifest["metadata"]["labels"][name].as_str();
        assert_eq!(label("app"), Some("nginx"));
        assert_eq!(label("karmada.io/managed"), Some("true"));
        assert_eq!(label("propagationpolicy.karmada.io/permanent-id"), Some("p-id"));
        let annotation = |name: &str| manifest["metadata"]["annotations"][name].as_str();
        assert_eq!(annotation("resourcetemplate.karmada.io/uid"), Some("t"));
        assert_eq!(annotation("resourcetemplate.karmada.io/generation"), Some("3"));
        assert_eq!(annotation("work.karmada.io/namespace"), Some("karmada-es-m1"));
        assert!(annotation("resourcetemplate.karmada.io/managed-labels").unwrap().contains("app,"));
        assert!(
            annotation("resourcetemplate.karmada.io/managed-annotations")
                .unwrap()
                .contains("managed-annotations")
        );
        assert!(manifest["metadata"].get("uid").is_none());
    }

    #[test]
    fn the_same_work_is_not_written_again() {
        let mut existing = rendered(json!({}), json!({}));
        existing.metadata.annotations.as_mut().unwrap().insert("mine".to_owned(), "1".to_owned());
        assert!(merged(&existing, rendered(json!({}), json!({}))).is_none());
        let suspended =
            merged(&existing, rendered(json!({}), json!({"suspension": {"dispatching": true}}))).unwrap();
        assert_eq!(suspended.spec.suspend_dispatching, Some(true));
        assert!(marks::annotation(&suspended.metadata, "mine").is_some());
    }

    #[test]
    fn a_templates_own_conflict_resolution_goes_before_the_policys() {
        let of = |annotations: Value, spec: Value| {
            rendered(annotations, spec).metadata.annotations.unwrap()["work.karmada.io/conflict-resolution"]
                .clone()
        };
        assert_eq!(of(json!({}), json!({})), "abort");
        assert_eq!(of(json!({}), json!({"conflictResolution": "Overwrite"})), "overwrite");
        let annotated = json!({"work.karmada.io/conflict-resolution": "abort"});
        assert_eq!(of(annotated, json!({"conflictResolution": "Overwrite"})), "abort");
        assert_eq!(of(json!({"work.karmada.io/conflict-resolution": "what"}), json!({})), "abort");
    }

    #[test]
    fn dispatching_is_suspended_everywhere_or_by_cluster() {
        let of = |suspension: Value| {
            rendered(json!({}), json!({"suspension": suspension})).spec.suspend_dispatching
        };
        assert_eq!(of(json!({"scheduling": true})), Some(false));
        assert_eq!(of(json!({"dispatchingOnClusters": {"clusterNames": ["m1"]}})), Some(true));
        assert_eq!(of(json!({"dispatchingOnClusters": {"clusterNames": ["m2"]}})), Some(false));
    }

    #[test]
    fn a_resource_goes_also_where_its_dependents_are_and_leaves_evicted_clusters_last() {
        let spec = binding(json!({
            "clusters": [{"name": "m1", "replicas": 1}],
            "requiredBy": [{"name": "other", "clusters": [{"name": "m1"}, {"name": "m2"}]}],
            "gracefulEvictionTasks": [
                {"fromCluster": "m3", "reason": "r", "producer": "p", "purgeMode": "Gracefully"},
                {"fromCluster": "m4", "reason": "r", "producer": "p", "purgeMode": "Directly"}]}))
        .spec;
        let names: Vec<_> = targets(&spec).into_iter().map(|target| target.name).collect();
        assert_eq!(names, ["m1", "m2"]);
        assert!(belongs_to(&spec, "m3") && !belongs_to(&spec, "m4") && !belongs_to(&spec, "m5"));
        assert!(must_leave_first(&spec, "m4") && !must_leave_first(&spec, "m3"));
    }
}
