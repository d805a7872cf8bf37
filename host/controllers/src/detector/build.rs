//! Builds a template's binding from the template, its policy and its interpretation, and merges it into what is
//! there. Pure.

use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::TypeMeta;
use windlass_api::policy::{
    self, ConflictResolution, PropagationSpec, SchedulePreemption, WorkloadAffinityTerm,
};
use windlass_api::work::{
    Component, ObjectReference, ReplicaRequirements, ResourceBindingSpec, SchedulePriority, Suspension,
    WorkloadAffinityGroups,
};
use windlass_api::{labels, names};

use super::claim::Marks;
use crate::index::{Binding, Key, Policy, Template, binding_resource};
use crate::marks::{label, permanent_id};

/// What an interpreter says of a template's needs: components, or replicas.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) replicas: i32,
    pub(crate) requirements: Option<ReplicaRequirements>,
    pub(crate) components: Vec<Component>,
}

/// The key of the binding of an object.
pub(crate) fn binding_key(kind: &str, namespace: &str, name: &str) -> Key {
    Key { namespace: namespace.to_owned(), name: names::binding(kind, name) }
}

/// The binding of `template` as `policy` wants it, without what the scheduler decides.
pub(crate) fn binding(
    template: &Template,
    policy: &Policy,
    needs: Needs,
    priority: Option<SchedulePriority>,
) -> Binding {
    let id = template.id();
    let key = binding_key(&id.gvk.kind, &id.namespace, &id.name);
    let namespaced = !id.namespace.is_empty();
    let resource = binding_resource(namespaced);
    let (id_label, finalizer) = if namespaced {
        (labels::RESOURCE_BINDING_PERMANENT_ID, labels::BINDING_FINALIZER)
    } else {
        (labels::CLUSTER_RESOURCE_BINDING_PERMANENT_ID, labels::CLUSTER_RESOURCE_BINDING_FINALIZER)
    };
    let mut metadata = ObjectMeta {
        name: Some(key.name.clone()),
        namespace: namespaced.then(|| key.namespace.clone()),
        owner_references: Some(vec![owner(template)]),
        finalizers: Some(vec![finalizer.to_owned()]),
        ..ObjectMeta::default()
    };
    Marks::of(policy).set(&mut metadata);
    let permanent = permanent_id(&[&key.namespace, &key.name, template.uid()]);
    metadata.labels.get_or_insert_default().insert(id_label.to_owned(), permanent);
    Binding {
        types: Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind }),
        metadata,
        spec: spec(template, &policy.spec, needs, priority),
        status: None,
    }
}

pub(crate) fn owner(template: &Template) -> OwnerReference {
    let id = template.id();
    OwnerReference {
        api_version: id.gvk.api_version(),
        kind: id.gvk.kind.clone(),
        name: id.name.clone(),
        uid: template.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

fn spec(
    template: &Template,
    policy: &PropagationSpec,
    needs: Needs,
    priority: Option<SchedulePriority>,
) -> ResourceBindingSpec {
    let id = template.id();
    let scheduler =
        if policy.scheduler_name.is_empty() { labels::DEFAULT_SCHEDULER } else { &policy.scheduler_name };
    ResourceBindingSpec {
        resource: ObjectReference {
            api_version: id.gvk.api_version(),
            kind: id.gvk.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            uid: template.uid().to_owned(),
            resource_version: template.meta.resource_version.clone().unwrap_or_default(),
        },
        propagate_deps: policy.propagate_deps,
        replica_requirements: needs.requirements,
        replicas: needs.replicas,
        components: needs.components,
        placement: Some(policy.placement.clone()),
        scheduler_name: scheduler.to_owned(),
        failover: policy.failover.clone(),
        conflict_resolution: policy.conflict_resolution.or(Some(ConflictResolution::Abort)),
        suspension: policy.suspension.as_ref().map(|suspension| Suspension {
            dispatching: suspension.dispatching,
            dispatching_on_clusters: suspension.dispatching_on_clusters.clone(),
            scheduling: None,
        }),
        preserve_resources_on_deletion: policy.preserve_resources_on_deletion,
        schedule_priority: priority,
        workload_affinity_groups: affinity_groups(template, policy),
        ..ResourceBindingSpec::default()
    }
}

/// The groups of workloads to which a template belongs by its labels. Groups are of a namespace: a template without
/// one is in none.
fn affinity_groups(template: &Template, policy: &PropagationSpec) -> Option<WorkloadAffinityGroups> {
    let wanted =
        policy.placement.workload_affinity.as_ref().filter(|_| !template.id().namespace.is_empty())?;
    let group = |term: &Option<WorkloadAffinityTerm>| {
        let key = &term.as_ref()?.group_by_label_key;
        label(&template.meta, key).map(|value| format!("{key}={value}"))
    };
    let groups = WorkloadAffinityGroups {
        affinity_group: group(&wanted.affinity).unwrap_or_default(),
        anti_affinity_group: group(&wanted.anti_affinity).unwrap_or_default(),
    };
    (groups != WorkloadAffinityGroups::default()).then_some(groups)
}

/// How urgent a resource is: as its PriorityClass says. Room is taken from others only where the policy asks for it
/// and the class doesn't forbid it.
pub(crate) fn schedule_priority(
    wanted: &policy::SchedulePriority,
    class: &PriorityClass,
) -> SchedulePriority {
    let forbidden = class.preemption_policy.as_deref() == Some("Never");
    let preemption =
        wanted.preemption.map(|wanted| if forbidden { SchedulePreemption::Never } else { wanted });
    SchedulePriority { priority: class.value.unwrap_or(0), preemption }
}

/// `existing` with all that the policy and the template decide as in `desired`; what others decide (clusters,
/// evictions, `suspension.scheduling`, their labels) stays. `None` where nothing but the template's
/// resourceVersion would change: that alone is not worth a write.
pub(crate) fn merged(existing: &Binding, desired: Binding) -> Option<Binding> {
    let mut merged = existing.clone();
    let labels = merged.metadata.labels.get_or_insert_default();
    // The permanent id stays what it was first, whoever set it.
    for (name, value) in desired.metadata.labels.into_iter().flatten() {
        let is_id = name == labels::RESOURCE_BINDING_PERMANENT_ID
            || name == labels::CLUSTER_RESOURCE_BINDING_PERMANENT_ID;
        if !(is_id && labels.contains_key(&name)) {
            labels.insert(name, value);
        }
    }
    merged
        .metadata
        .annotations
        .get_or_insert_default()
        .extend(desired.metadata.annotations.into_iter().flatten());
    let finalizers = merged.metadata.finalizers.get_or_insert_default();
    for finalizer in desired.metadata.finalizers.into_iter().flatten() {
        if !finalizers.contains(&finalizer) {
            finalizers.push(finalizer);
        }
    }
    merged.metadata.owner_references = desired.metadata.owner_references;
    let spec = desired.spec;
    let suspension = merge_suspension(merged.spec.suspension.take(), spec.suspension);
    let version = spec.resource.resource_version.clone();
    merged.spec = ResourceBindingSpec {
        clusters: merged.spec.clusters,
        graceful_eviction_tasks: merged.spec.graceful_eviction_tasks,
        required_by: merged.spec.required_by,
        reschedule_triggered_at: merged.spec.reschedule_triggered_at,
        suspension,
        resource: ObjectReference {
            resource_version: existing.spec.resource.resource_version.clone(),
            ..spec.resource
        },
        ..spec
    };
    if merged.spec == existing.spec && same_marks(&merged.metadata, &existing.metadata) {
        return None;
    }
    merged.spec.resource.resource_version = version;
    Some(merged)
}

fn same_marks(a: &ObjectMeta, b: &ObjectMeta) -> bool {
    let empty = |map: &Option<std::collections::BTreeMap<String, String>>| map.clone().unwrap_or_default();
    empty(&a.labels) == empty(&b.labels)
        && empty(&a.annotations) == empty(&b.annotations)
        && a.finalizers.as_deref().unwrap_or_default() == b.finalizers.as_deref().unwrap_or_default()
        && a.owner_references.as_deref().unwrap_or_default()
            == b.owner_references.as_deref().unwrap_or_default()
}

/// Dispatching is the policy's, scheduling the binding's own.
fn merge_suspension(existing: Option<Suspension>, policy: Option<Suspension>) -> Option<Suspension> {
    let scheduling = existing.and_then(|suspension| suspension.scheduling);
    match (policy, scheduling) {
        (None, None) => None,
        (policy, scheduling) => Some(Suspension { scheduling, ..policy.unwrap_or_default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::api::DynamicObject;
    use serde_json::{Value, json};
    use windlass_core::Gvk;

    fn template(namespace: Option<&str>) -> Template {
        let object: DynamicObject =
            serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "nginx", "namespace": namespace, "uid": "t-uid", "resourceVersion": "7",
                "labels": {"app": "shop", "tier": "web"}}}))
            .unwrap();
        Template::new(&Gvk::new("apps/v1", "Deployment"), object).unwrap()
    }

    fn policy(spec: Value) -> Policy {
        let mut spec = spec;
        spec["resourceSelectors"] = json!([]);
        serde_json::from_value(
            json!({"metadata": {"name": "p", "namespace": "default", "uid": "p-uid"}, "spec": spec}),
        )
        .unwrap()
    }

    fn built(spec: Value) -> Binding {
        let priority = SchedulePriority { priority: 5, preemption: None };
        let needs = Needs { replicas: 2, ..Needs::default() };
        binding(&template(Some("default")), &policy(spec), needs, Some(priority))
    }

    #[test]
    fn a_binding_is_named_owned_and_marked_as_karmadas() {
        let binding = built(json!({"propagateDeps": true, "schedulerName": "mine"}));
        let meta = &binding.metadata;
        assert_eq!(meta.name.as_deref(), Some("nginx-deployment"));
        assert_eq!(meta.owner_references.as_ref().unwrap()[0].uid, "t-uid");
        assert_eq!(meta.finalizers.as_deref(), Some(&["karmada.io/binding-controller".to_owned()][..]));
        let labels = meta.labels.as_ref().unwrap();
        assert_eq!(labels["propagationpolicy.karmada.io/permanent-id"], "p-uid");
        assert_eq!(labels["resourcebinding.karmada.io/permanent-id"].len(), 36);
        assert_eq!(binding.spec.resource.resource_version, "7");
        assert_eq!(binding.spec.scheduler_name, "mine");
        assert!(binding.spec.propagate_deps);
        assert_eq!(binding.spec.schedule_priority.unwrap().priority, 5);
        let cluster_wide = super::binding(&template(None), &policy(json!({})), Needs::default(), None);
        assert_eq!(cluster_wide.types.unwrap().kind, "ClusterResourceBinding");
        assert_eq!(cluster_wide.spec.scheduler_name, "default-scheduler");
    }

    #[test]
    fn workloads_are_grouped_by_their_labels() {
        let by = |affinity: &str, anti: &str| {
            let term = |key: &str| json!({"groupByLabelKey": key});
            json!({"placement": {"workloadAffinity": {"affinity": term(affinity), "antiAffinity": term(anti)}}})
        };
        let groups = |affinity: &str, anti: &str| {
            Some(WorkloadAffinityGroups {
                affinity_group: affinity.to_owned(),
                anti_affinity_group: anti.to_owned(),
            })
        };
        assert_eq!(built(by("app", "tier")).spec.workload_affinity_groups, groups("app=shop", "tier=web"));
        assert_eq!(built(by("zone", "tier")).spec.workload_affinity_groups, groups("", "tier=web"));
        assert_eq!(built(by("zone", "rack")).spec.workload_affinity_groups, None);
        assert_eq!(built(json!({})).spec.workload_affinity_groups, None);
        let cluster_wide = binding(&template(None), &policy(by("app", "tier")), Needs::default(), None);
        assert_eq!(cluster_wide.spec.workload_affinity_groups, None);
        let merged = merged(&built(by("app", "tier")), built(by("app", "rack"))).unwrap();
        assert_eq!(merged.spec.workload_affinity_groups, groups("app=shop", ""));
    }

    #[test]
    fn room_is_taken_from_others_only_where_policy_and_class_let_it() {
        use SchedulePreemption::{Never, PreemptLowerPriority};
        for (wanted, class, want) in [
            (None, None, None),
            (None, Some("PreemptLowerPriority"), None),
            (Some(PreemptLowerPriority), None, Some(PreemptLowerPriority)),
            (Some(PreemptLowerPriority), Some("Never"), Some(Never)),
            (Some(Never), Some("PreemptLowerPriority"), Some(Never)),
        ] {
            let wanted = policy::SchedulePriority { preemption: wanted, ..Default::default() };
            let class = PriorityClass {
                value: Some(9),
                preemption_policy: class.map(str::to_owned),
                ..PriorityClass::default()
            };
            assert_eq!(
                schedule_priority(&wanted, &class),
                SchedulePriority { priority: 9, preemption: want }
            );
        }
    }

    #[test]
    fn what_others_decided_survives_a_merge() {
        let mut existing = built(json!({"suspension": {"dispatching": true}}));
        existing.spec.clusters = serde_json::from_value(json!([{"name": "m1", "replicas": 2}])).unwrap();
        existing.spec.suspension.as_mut().unwrap().scheduling = Some(true);
        existing.metadata.labels.as_mut().unwrap().insert("mine".to_owned(), "1".to_owned());
        let merged = merged(&existing, built(json!({"propagateDeps": true}))).unwrap();
        assert_eq!(merged.spec.clusters, existing.spec.clusters);
        assert_eq!(merged.metadata.labels.as_ref().unwrap()["mine"], "1");
        assert_eq!(
            merged.spec.suspension,
            Some(Suspension { scheduling: Some(true), ..Suspension::default() })
        );
        assert!(merged.spec.propagate_deps);
    }

    #[test]
    fn a_newer_resource_version_alone_is_not_written() {
        let existing = built(json!({}));
        let mut newer = built(json!({}));
        newer.spec.resource.resource_version = "8".to_owned();
        assert!(merged(&existing, newer.clone()).is_none());
        newer.spec.replicas = 3;
        assert_eq!(merged(&existing, newer).unwrap().spec.resource.resource_version, "8");
    }
}
