//! Whether a binding needs a decision.

use windlass_api::policy::{Placement, ReplicaSchedulingType};
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus};

use crate::snapshot::Snapshot;
use crate::workload::comes_in_sets;

/// Why a decision is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing has been chosen yet.
    Unplaced,
    /// The placement is not the one that was applied last.
    Placement,
    /// The replicas have changed.
    Replicas,
    /// Somebody asked for a fresh decision.
    Rescheduled,
    /// What goes to every cluster that fits follows the clusters.
    Duplicated,
    /// A chosen cluster is gone, or going.
    ClusterGone,
}

/// Why the binding needs a decision; `None` if the last one holds.
///
/// `applied` is the placement that the last decision was made for, as JSON: the annotation
/// `policy.karmada.io/applied-placement`. A divided workload is not moved just because clusters have changed: only the
/// loss of one of its own makes a decision due.
pub fn due(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    applied: Option<&str>,
) -> Option<Cause> {
    let applied = applied.and_then(|json| serde_json::from_str::<Placement>(json).ok());
    let unchanged = match (&spec.placement, &applied) {
        (Some(placement), Some(applied)) => placement_holds(placement, applied, status),
        _ => false,
    };
    if !unchanged {
        return Some(Cause::Placement);
    }
    if spec.clusters.is_empty() {
        return Some(Cause::Unplaced);
    }
    let duplicated = is_duplicated(spec);
    let has_replicas = spec.replicas > 0 || spec.replica_requirements.is_some();
    if has_replicas && !comes_in_sets(spec) {
        let changed = if duplicated {
            spec.clusters.iter().any(|target| target.replicas != spec.replicas)
        } else {
            spec.clusters.iter().map(|target| i64::from(target.replicas)).sum::<i64>()
                != i64::from(spec.replicas)
        };
        if changed {
            return Some(Cause::Replicas);
        }
    }
    if is_fresh(spec, status) {
        return Some(Cause::Rescheduled);
    }
    if follows_clusters(spec) {
        return Some(Cause::Duplicated);
    }
    let gone = |name: &str| snapshot.get(name).is_none_or(|cluster| cluster.deleting);
    spec.clusters.iter().any(|target| gone(&target.name)).then_some(Cause::ClusterGone)
}

/// Whether the binding goes wherever it may, so that clusters that come or go concern it.
pub(crate) fn follows_clusters(spec: &ResourceBindingSpec) -> bool {
    let has_pods = spec.replicas > 0 || spec.replica_requirements.is_some() || !spec.components.is_empty();
    is_duplicated(spec) || !has_pods
}

fn is_duplicated(spec: &ResourceBindingSpec) -> bool {
    let scheduling = spec.placement.as_ref().and_then(|placement| placement.replica_scheduling.as_ref());
    scheduling.is_none_or(|scheduling| {
        scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Duplicated)
    })
}

/// Whether a decision was asked for that counts the present assignment for nothing.
pub(crate) fn is_fresh(spec: &ResourceBindingSpec, status: &ResourceBindingStatus) -> bool {
    match (&spec.reschedule_triggered_at, &status.last_scheduled_time) {
        (Some(triggered), Some(scheduled)) => triggered.0 > scheduled.0,
        _ => false,
    }
}

/// Groups of clusters may be added and removed, as long as the one that was chosen is still there and unchanged.
fn placement_holds(placement: &Placement, applied: &Placement, status: &ResourceBindingStatus) -> bool {
    if placement == applied {
        return true;
    }
    let same_but_groups = placement.cluster_affinity == applied.cluster_affinity
        && placement.cluster_tolerations == applied.cluster_tolerations
        && placement.spread_constraints == applied.spread_constraints
        && placement.replica_scheduling == applied.replica_scheduling
        && placement.workload_affinity == applied.workload_affinity;
    let chosen = |placement: &Placement| {
        let mut terms = placement.cluster_affinities.iter();
        terms.find(|term| term.affinity_name == status.scheduler_observed_affinity_name).cloned()
    };
    same_but_groups && chosen(placement).is_some_and(|term| chosen(applied) == Some(term))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cluster, config_map, deployment, flink, snapshot, unseen};
    use serde_json::{Value, json};

    fn divided() -> Value {
        json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}})
    }

    fn on(mut spec: ResourceBindingSpec, targets: Value) -> ResourceBindingSpec {
        spec.clusters = serde_json::from_value(targets).unwrap();
        spec
    }

    /// With the placement that was applied being the present one.
    fn settled(spec: &ResourceBindingSpec, status: &ResourceBindingStatus) -> Option<Cause> {
        let applied = serde_json::to_string(&spec.placement).unwrap();
        due(&snapshot([cluster("a"), cluster("b")]), spec, status, Some(&applied))
    }

    #[test]
    fn a_divided_workload_that_is_placed_is_left_alone() {
        let spec =
            on(deployment(3, divided()), json!([{"name": "a", "replicas": 1}, {"name": "b", "replicas": 2}]));
        assert_eq!(settled(&spec, &unseen()), None);
    }

    #[test]
    fn each_change_that_matters_makes_a_decision_due() {
        let spec = deployment(3, divided());
        assert_eq!(settled(&spec, &unseen()), Some(Cause::Unplaced));
        let placed = on(spec.clone(), json!([{"name": "a", "replicas": 3}]));
        assert_eq!(due(&snapshot([cluster("a")]), &placed, &unseen(), None), Some(Cause::Placement));
        assert_eq!(due(&snapshot([cluster("a")]), &placed, &unseen(), Some("{}")), Some(Cause::Placement));
        assert_eq!(
            due(&snapshot([cluster("a")]), &placed, &unseen(), Some("nonsense")),
            Some(Cause::Placement)
        );
        let scaled = on(spec.clone(), json!([{"name": "a", "replicas": 2}]));
        assert_eq!(settled(&scaled, &unseen()), Some(Cause::Replicas));
        let gone = on(spec, json!([{"name": "gone", "replicas": 3}]));
        assert_eq!(settled(&gone, &unseen()), Some(Cause::ClusterGone));
        let mut asked = placed;
        asked.reschedule_triggered_at = Some(serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap());
        let mut status = unseen();
        status.last_scheduled_time = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        assert_eq!(settled(&asked, &status), Some(Cause::Rescheduled));
        status.last_scheduled_time = Some(serde_json::from_value(json!("2026-01-03T00:00:00Z")).unwrap());
        assert_eq!(settled(&asked, &status), None);
    }

    #[test]
    fn what_goes_everywhere_follows_the_clusters() {
        let map = on(config_map(divided()), json!([{"name": "a"}]));
        assert_eq!(settled(&map, &unseen()), Some(Cause::Duplicated));
        assert_eq!(settled(&on(flink(), json!([{"name": "a"}])), &unseen()), Some(Cause::Duplicated));
    }

    #[test]
    fn groups_that_were_not_chosen_may_change() {
        let groups = |names: &[&str]| {
            let mut placement = divided();
            let terms: Vec<Value> =
                names.iter().map(|name| json!({"affinityName": name, "clusterNames": ["a"]})).collect();
            placement["clusterAffinities"] = json!(terms);
            placement
        };
        let spec = on(deployment(3, groups(&["one", "two"])), json!([{"name": "a", "replicas": 3}]));
        let mut status = unseen();
        status.scheduler_observed_affinity_name = "one".to_owned();
        let clusters = snapshot([cluster("a")]);
        let check = |applied: Value| due(&clusters, &spec, &status, Some(&applied.to_string()));
        assert_eq!(check(groups(&["one", "other"])), None);
        assert_eq!(check(groups(&["two"])), Some(Cause::Placement));
    }
}
