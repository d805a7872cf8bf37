//! Whether a binding needs a decision.

use windlass_api::policy::{Placement, ReplicaSchedulingType};
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus};

use crate::snapshot::Snapshot;

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
    let scheduling = spec.placement.as_ref().and_then(|placement| placement.replica_scheduling.as_ref());
    let duplicated = scheduling.is_none_or(|scheduling| {
        scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Duplicated)
    });
    let has_replicas = spec.replicas > 0 || spec.replica_requirements.is_some();
    if has_replicas && spec.components.is_empty() {
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
    if duplicated || !(has_replicas || !spec.components.is_empty()) {
        return Some(Cause::Duplicated);
    }
    let gone = |name: &str| snapshot.get(name).is_none_or(|cluster| cluster.deleting);
    spec.clusters.iter().any(|target| gone(&target.name)).then_some(Cause::ClusterGone)
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
        && placement.replica_scheduling == applied.replica_scheduling;
    let chosen = |placement: &Placement| {
        let mut terms = placement.cluster_affinities.iter();
        terms.find(|term| term.affinity_name == status.scheduler_observed_affinity_name).cloned()
    };
    same_but_groups && chosen(placement).is_some_and(|term| chosen(applied) == Some(term))
}
