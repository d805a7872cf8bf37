//! What one binding uses.

use serde::Deserialize;
use serde_json::Value;
use windlass_api::quantity::{Format, Quantity};
use windlass_api::work::{Component, ReplicaRequirements, ResourceBindingSpec, TargetCluster};
use windlass_scheduler::Resources;

/// What Kubernetes holds a quantity to be at most: 2^63-1 units. No binding counts for more, so that a sum of
/// bindings never reaches the bounds of 128 bits, and what was added can be taken off again.
const MOST: i128 = (i64::MAX as i128) * 1_000_000_000;

/// What a binding uses: its components once for every cluster, or each replica's request for each replica that was
/// assigned. Amounts below zero count as none.
pub fn usage(spec: &ResourceBindingSpec) -> Resources {
    usage_on(spec, &spec.clusters)
}

/// What a binding would use on these clusters.
pub fn usage_on(spec: &ResourceBindingSpec, clusters: &[TargetCluster]) -> Resources {
    of(clusters, &spec.components, spec.replica_requirements.as_ref())
}

/// The same of a binding as JSON. A part that can't be read uses nothing: who checks the object refuses it.
pub fn usage_in(binding: &Value) -> Resources {
    fn part<'a, T: Deserialize<'a> + Default>(binding: &'a Value, name: &str) -> T {
        let part = binding.get("spec").and_then(|spec| spec.get(name));
        part.and_then(|part| T::deserialize(part).ok()).unwrap_or_default()
    }
    let clusters: Vec<TargetCluster> = part(binding, "clusters");
    if clusters.is_empty() {
        return Resources::default();
    }
    let components: Vec<Component> = part(binding, "components");
    let requirements: Option<ReplicaRequirements> = part(binding, "replicaRequirements");
    of(&clusters, &components, requirements.as_ref())
}

fn of(
    clusters: &[TargetCluster],
    components: &[Component],
    requirements: Option<&ReplicaRequirements>,
) -> Resources {
    let mut used = Resources::default();
    if components.is_empty() {
        let replicas = clusters.iter().map(|target| i64::from(target.replicas.max(0)));
        let replicas = replicas.fold(0, i64::saturating_add);
        if let Some(requirements) = requirements.filter(|_| replicas > 0) {
            used.add(&positive(&Resources::reported(&requirements.resource_request)), replicas);
        }
        return capped(&used);
    }
    let clusters = i64::try_from(clusters.len()).unwrap_or(i64::MAX);
    for component in components.iter().filter(|_| clusters > 0) {
        if let Some(requirements) = &component.replica_requirements {
            let replicas = i64::from(component.replicas.max(0)).saturating_mul(clusters);
            used.add(&positive(&Resources::reported(&requirements.resource_request)), replicas);
        }
    }
    capped(&used)
}

fn positive(amounts: &Resources) -> Resources {
    amounts.positive().collect()
}

fn capped(amounts: &Resources) -> Resources {
    let capped = |amount: Quantity| {
        if amount.nano() > MOST { Quantity::from_nano(MOST, Format::DecimalSi) } else { amount }
    };
    amounts.positive().map(|(name, amount)| (name, capped(amount))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(spec: Value, want: &[(&str, &str)]) {
        let mut whole = json!({"resource": {"apiVersion": "v1", "kind": "A", "name": "a"}});
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let used = usage_in(&json!({ "spec": whole }));
        assert_eq!(used, usage(&serde_json::from_value(whole).unwrap()), "read alike from both");
        let used: Vec<_> = used.positive().map(|(name, amount)| (name, amount.to_string())).collect();
        let want: Vec<_> = want.iter().map(|(name, amount)| (*name, (*amount).to_owned())).collect();
        assert_eq!(used, want);
    }

    fn flink(clusters: Value) -> Value {
        let component = |name: &str, cpu: &str, memory: &str| json!({"name": name, "replicas": 1, "replicaRequirements": {"resourceRequest": {"cpu": cpu, "memory": memory}}});
        json!({"clusters": clusters, "components":
            [component("jobmanager", "1", "1.024"), component("taskmanager", "2", "2.048")]})
    }

    #[test]
    fn components_count_once_for_every_cluster() {
        check(flink(json!([])), &[]);
        check(flink(json!([{"name": "m1"}])), &[("cpu", "3"), ("memory", "3072m")]);
        check(flink(json!([{"name": "m1"}, {"name": "m2"}])), &[("cpu", "6"), ("memory", "6144m")]);
    }

    #[test]
    fn replicas_count_where_they_were_assigned() {
        let request = json!({"resourceRequest": {"cpu": "500m", "gpu": "-1", "memory": "plenty"}});
        check(
            json!({"replicas": 9, "replicaRequirements": request,
                "clusters": [{"name": "m1", "replicas": 1}, {"name": "m2", "replicas": 2}, {"name": "m3"}]}),
            &[("cpu", "1500m")],
        );
    }

    #[test]
    fn nothing_counts_for_more_than_a_quantity_holds() {
        let huge = json!({"resourceRequest": {"cpu": "9223372036854775807"}});
        let clusters = json!([{"name": "m1", "replicas": i32::MAX}, {"name": "m2", "replicas": i32::MAX}]);
        check(json!({"replicaRequirements": huge, "clusters": clusters}), &[("cpu", "9223372036854775807")]);
    }
}
