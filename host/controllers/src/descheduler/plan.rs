//! Which bindings may lose replicas, and how many. Pure.

use serde_json::Value;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::policy::{Placement, ReplicaDivisionPreference, ReplicaSchedulingType};
use windlass_api::work::{AggregatedStatusItem, TargetCluster};

use crate::index::Binding;
use crate::marks;

/// A cluster that has fewer ready replicas than it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) cluster: String,
    /// `None`: nothing was reported of them.
    ready: Option<i64>,
    /// How many there are, ready or not, if that was reported; else all that was.
    pub(super) reported: Value,
}

/// What the descheduler takes from whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taken {
    pub(super) targets: Vec<TargetCluster>,
    /// How many replicas from which cluster; never empty.
    pub(super) from: Vec<(String, i64)>,
}

/// The clusters of a binding that may have replicas which they can't place. None for a binding whose replicas would
/// not be dealt out anew by what clusters have room for: there they stay where they were put.
pub(super) fn short(binding: &Binding) -> Vec<Short> {
    let spec = &binding.spec;
    let suspended = spec.suspension.as_ref().and_then(|suspension| suspension.scheduling).unwrap_or(false);
    if binding.metadata.deletion_timestamp.is_some()
        || suspended
        || !spec.components.is_empty()
        || !is_divided_by_room(binding)
    {
        return Vec::new();
    }
    let items = binding.status.as_ref().map(|status| status.aggregated_status.as_slice()).unwrap_or_default();
    let given = spec.clusters.iter().filter(|target| target.replicas > 0);
    given
        .map(|target| {
            let status = reported(items, &target.name);
            let count = |field: &str| status.and_then(|status| status.get(field));
            (
                target,
                Short {
                    cluster: target.name.clone(),
                    // As all workloads have it that have replicas.
                    ready: count("readyReplicas").and_then(Value::as_i64),
                    reported: count("replicas").or(status).cloned().unwrap_or_default(),
                },
            )
        })
        .filter(|(target, short)| short.ready.is_none_or(|ready| ready < i64::from(target.replicas)))
        .map(|(_, short)| short)
        .collect()
}

/// By the placement that the present assignment was made by, which is not always the binding's own.
fn is_divided_by_room(binding: &Binding) -> bool {
    let applied = marks::annotation(&binding.metadata, APPLIED_PLACEMENT);
    let applied = applied.and_then(|json| serde_json::from_str::<Option<Placement>>(json).ok().flatten());
    let Some(scheduling) = applied.and_then(|placement| placement.replica_scheduling) else { return false };
    if scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Duplicated) {
        return false;
    }
    match scheduling.replica_division_preference {
        Some(ReplicaDivisionPreference::Aggregated) => true,
        Some(ReplicaDivisionPreference::Weighted) => {
            scheduling.weight_preference.is_some_and(|weights| weights.dynamic_weight.is_some())
        }
        None => false,
    }
}

/// The status of the workload in a cluster.
fn reported<'a>(items: &'a [AggregatedStatusItem], cluster: &str) -> Option<&'a Value> {
    items.iter().find(|item| item.cluster_name == cluster)?.status.as_ref()
}

/// The binding's clusters without the replicas that can't be placed; `unschedulable` says how many there are in each
/// of `short`. `None` where nothing is to be taken.
///
/// A cluster never has fewer than are ready in it, and one with more pods that wait than it has replicas is left to
/// itself: it is in the middle of something else.
pub(super) fn taken(
    targets: &[TargetCluster],
    short: &[Short],
    unschedulable: impl Fn(&str) -> i64,
) -> Option<Taken> {
    let mut taken = Taken { targets: targets.to_vec(), from: Vec::new() };
    for target in &mut taken.targets {
        let Some(short) = short.iter().find(|short| short.cluster == target.name) else { continue };
        let (has, waiting) = (i64::from(target.replicas), unschedulable(&target.name));
        if waiting <= 0 || waiting > has {
            continue;
        }
        let left = (has - waiting).max(short.ready.unwrap_or(0).clamp(0, has));
        if left < has {
            taken.from.push((target.name.clone(), has - left));
            target.replicas = i32::try_from(left).unwrap_or(target.replicas);
        }
    }
    (!taken.from.is_empty()).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn binding(scheduling: Value, change: impl FnOnce(&mut Value)) -> Binding {
        let placement = json!({ "replicaScheduling": scheduling }).to_string();
        let mut binding = json!({
            "metadata": {"name": "a", "namespace": "shop", "annotations": {APPLIED_PLACEMENT: placement}},
            "spec": {"resource": {"apiVersion": "apps/v1", "kind": "A", "name": "a"}, "replicas": 9, "clusters": [
                {"name": "m1", "replicas": 3}, {"name": "m2", "replicas": 3}, {"name": "m3", "replicas": 3}]},
            "status": {"aggregatedStatus": [
                {"clusterName": "m1", "status": {"readyReplicas": 3}},
                {"clusterName": "m2", "status": {"readyReplicas": 2}},
                {"clusterName": "m3", "status": {"replicas": 3}}]}});
        change(&mut binding);
        serde_json::from_value(binding).unwrap()
    }

    fn aggregated() -> Value {
        json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"})
    }

    fn names(short: &[Short]) -> Vec<&str> {
        short.iter().map(|short| short.cluster.as_str()).collect()
    }

    #[test]
    fn clusters_are_short_of_what_they_were_given_and_is_not_ready() {
        let found = short(&binding(aggregated(), |_| ()));
        assert_eq!(names(&found), ["m2", "m3"]);
        let scaled = binding(aggregated(), |binding| {
            binding["spec"]["clusters"] = json!([{"name": "m1", "replicas": 2}, {"name": "m3"}]);
        });
        assert!(short(&scaled).is_empty());
    }

    #[test]
    fn only_what_is_divided_by_room_is_dealt_out_anew() {
        let weighted = |preference: Value| {
            json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
                "weightPreference": preference})
        };
        for (scheduling, want) in [
            (aggregated(), 2),
            (weighted(json!({"dynamicWeight": "AvailableReplicas"})), 2),
            (weighted(json!({"staticWeightList": []})), 0),
            (json!({"replicaSchedulingType": "Duplicated"}), 0),
            (json!({"replicaSchedulingType": "Divided"}), 0),
            (json!(null), 0),
        ] {
            assert_eq!(short(&binding(scheduling.clone(), |_| ())).len(), want, "{scheduling}");
        }
        let changes: [fn(&mut Value); 4] = [
            |binding| binding["metadata"]["annotations"] = json!({APPLIED_PLACEMENT: "nonsense"}),
            |binding| binding["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            |binding| binding["spec"]["suspension"] = json!({"scheduling": true}),
            |binding| binding["spec"]["components"] = json!([{"name": "c", "replicas": 1}]),
        ];
        for change in changes {
            assert!(short(&binding(aggregated(), change)).is_empty());
        }
    }

    /// What is left of 3 replicas, of which so many are ready, when so many can't be placed.
    fn left(ready: Option<i64>, unschedulable: i64) -> i32 {
        let targets: Vec<TargetCluster> =
            serde_json::from_value(json!([{"name": "m0", "replicas": 3}, {"name": "m1", "replicas": 3}]))
                .unwrap();
        let short = [Short { cluster: "m1".to_owned(), ready, reported: Value::Null }];
        match taken(&targets, &short, |_| unschedulable) {
            None => 3,
            Some(Taken { targets, from }) => {
                assert_eq!(targets[0].replicas, 3, "nobody was asked about it");
                assert_eq!(from, [("m1".to_owned(), i64::from(3 - targets[1].replicas))]);
                targets[1].replicas
            }
        }
    }

    #[test]
    fn what_cannot_be_placed_is_taken_and_what_is_ready_stays() {
        assert_eq!(left(Some(1), 0), 3);
        assert_eq!(left(Some(1), 1), 2);
        assert_eq!(left(Some(1), 2), 1);
        assert_eq!(left(Some(2), 3), 2);
        assert_eq!(left(None, 3), 0);
        assert_eq!(left(Some(-7), 3), 0);
        assert_eq!(left(Some(i64::MAX), 3), 3);
        assert_eq!(left(Some(1), 4), 3);
        assert_eq!(left(Some(1), i64::MAX), 3);
        assert_eq!(left(Some(1), -1), 3);
    }
}
