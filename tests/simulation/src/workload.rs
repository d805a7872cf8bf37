//! Bindings as people make them: every way of placing, over a few clusters.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};
use windlass_api::Key;
use windlass_api::policy::Placement;
use windlass_api::work::{Binding, ResourceBindingSpec};

use crate::random::Random;

/// The regions that clusters are in.
pub(crate) const REGIONS: [&str; 2] = ["east", "west"];
/// The namespaces that bindings are in; the last one is none.
pub(crate) const NAMESPACES: [&str; 3] = ["blue", "green", ""];
const PRIORITIES: [i32; 6] = [0, 0, 0, 5, 10, 1000];

/// A new binding; where it is `crowded`, most want room that others have.
pub(crate) fn binding(random: &mut Random, key: &Key, crowded: bool) -> Binding {
    let plain = !crowded && random.chance(15);
    let components = !plain && random.chance(20);
    let (api_version, kind) = if plain { ("v1", "ConfigMap") } else { ("apps/v1", "Deployment") };
    let mut spec = json!({
        "resource": {"apiVersion": api_version, "kind": kind, "namespace": key.namespace, "name": key.name},
        "placement": placement(random, components),
        "schedulePriority": {"priority": random.pick(&PRIORITIES)},
    });
    if random.chance(if crowded { 70 } else { 30 }) {
        spec["schedulePriority"]["preemption"] = json!("PreemptLowerPriority");
    }
    if crowded && !components && random.chance(80) {
        spec["placement"] = json!({"replicaScheduling":
            {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}});
    }
    let requires = |cpu: i64| json!({"resourceRequest": {"cpu": cpu.to_string()}});
    if components {
        spec["components"] = json!([
            {"name": "head", "replicas": 1, "replicaRequirements": requires(1)},
            {"name": "workers", "replicas": random.between(1, 3), "replicaRequirements": requires(1)}]);
    } else if !plain {
        spec["replicas"] = json!(random.between(1, 5));
        spec["replicaRequirements"] = requires(random.between(1, 2));
    }
    if random.chance(if crowded { 3 } else { 10 }) {
        spec["suspension"] = json!({"scheduling": true});
    }
    let metadata = if key.namespace.is_empty() {
        json!({"name": key.name})
    } else {
        json!({"name": key.name, "namespace": key.namespace})
    };
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).expect("a binding")
}

pub(crate) fn priority(random: &mut Random) -> i32 {
    *random.pick(&PRIORITIES)
}

/// Another placement.
pub(crate) fn new_placement(random: &mut Random, spec: &ResourceBindingSpec) -> Option<Placement> {
    serde_json::from_value(placement(random, !spec.components.is_empty())).ok()
}

fn placement(random: &mut Random, whole: bool) -> Value {
    let mut placement = json!({});
    match random.below(6) {
        0 => placement["clusterAffinity"] = affinity(random),
        1 => {
            placement["clusterAffinities"] = json!([named("one", affinity(random)), named("two", json!({}))]);
        }
        2 => placement["clusterAffinity"] = json!({"exclude": ["m1"]}),
        _ => {}
    }
    if random.chance(30) {
        placement["clusterTolerations"] = json!([{"key": "maintenance", "operator": "Exists"}]);
    }
    if whole {
        placement["spreadConstraints"] =
            json!([{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]);
    } else if random.chance(25) {
        placement["spreadConstraints"] =
            json!([{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 2}]);
    }
    let divided = |how: Value| {
        let mut scheduling = json!({"replicaSchedulingType": "Divided"});
        for (field, value) in how.as_object().into_iter().flatten() {
            scheduling[field] = value.clone();
        }
        scheduling
    };
    placement["replicaScheduling"] = match random.below(7) {
        0 => json!({"replicaSchedulingType": "Duplicated"}),
        1 => divided(json!({"replicaDivisionPreference": "Weighted"})),
        2..=4 => divided(json!({"replicaDivisionPreference": "Aggregated"})),
        _ => divided(json!({"replicaDivisionPreference": "Weighted",
            "weightPreference": {"dynamicWeight": "AvailableReplicas"}})),
    };
    placement
}

fn affinity(random: &mut Random) -> Value {
    if random.chance(50) {
        let region = *random.pick(&REGIONS);
        return json!({"labelSelector": {"matchLabels": {"region": region}}});
    }
    json!({"clusterNames": ["m0", format!("m{}", random.below(5))]})
}

fn named(name: &str, mut affinity: Value) -> Value {
    affinity["affinityName"] = json!(name);
    affinity
}

/// Whether a decision for the binding counts room at every cluster that it takes.
pub(crate) fn goes_by_room(spec: &ResourceBindingSpec) -> bool {
    if !spec.components.is_empty() {
        return true;
    }
    let scheduling = spec.placement.as_ref().and_then(|placement| placement.replica_scheduling.as_ref());
    let Some(scheduling) = scheduling else { return false };
    let division = serde_json::to_value(scheduling).unwrap_or_default();
    spec.replica_requirements.is_some()
        && division["replicaSchedulingType"] == "Divided"
        && (division["replicaDivisionPreference"] == "Aggregated"
            || division["weightPreference"]["dynamicWeight"].is_string())
}

/// How many cpus the binding's workload takes in a cluster that gets so many replicas.
pub(crate) fn cpus(spec: &ResourceBindingSpec, replicas: i32) -> i64 {
    let cpu = |request: &BTreeMap<String, Quantity>| {
        request.get("cpu").and_then(|cpu| cpu.0.parse::<i64>().ok()).unwrap_or(0)
    };
    if spec.components.is_empty() {
        let requirements = spec.replica_requirements.as_ref();
        return i64::from(replicas) * requirements.map_or(0, |them| cpu(&them.resource_request));
    }
    let components = spec.components.iter().filter_map(|component| {
        let requirements = component.replica_requirements.as_ref()?;
        Some(i64::from(component.replicas) * cpu(&requirements.resource_request))
    });
    components.sum()
}

/// How many cpus the binding has in a cluster.
pub(crate) fn assigned(binding: &Binding, cluster: &str) -> i64 {
    let targets = binding.spec.clusters.iter().filter(|target| target.name == cluster);
    targets.map(|target| cpus(&binding.spec, target.replicas)).sum()
}
