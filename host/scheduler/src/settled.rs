//! Whether what is placed is as it should be, so that it stays: among groups of clusters a better choice turns up as
//! easily as room comes and goes, and nobody wants to move for that.

use std::collections::BTreeSet;

use windlass_api::work::ResourceBindingSpec;

use crate::plan::{Plan, Range, Strategy};
use crate::score::Candidate;
use crate::workload::Workload;

/// The clusters where the binding is, if the placement could have chosen just those, and none would be added to them.
/// Only asked where clusters are grouped: otherwise those where it is are the better ones anyway.
pub(crate) fn settled<'a>(
    plan: &Plan<'_>,
    spec: &ResourceBindingSpec,
    workload: &Workload,
    candidates: &[Candidate<'a>],
) -> Option<Vec<Candidate<'a>>> {
    if plan.spread.topologies.is_empty() || !plan.is_spread() {
        return None;
    }
    let mut placed: Vec<Candidate<'a>> =
        candidates.iter().filter(|candidate| candidate.score > 0).copied().collect();
    if placed.is_empty() || placed.len() != spec.clusters.len() {
        return None;
    }
    let divided = match (workload, plan.strategy) {
        (Workload::Replicas(need), Strategy::Duplicated) => {
            if placed.iter().any(|cluster| cluster.assigned != need.replicas) {
                return None;
            }
            false
        }
        (Workload::Replicas(need), _) => {
            let assigned = placed.iter().fold(0i64, |sum, cluster| sum.saturating_add(cluster.assigned));
            if assigned != need.replicas {
                return None;
            }
            true
        }
        _ => false,
    };
    let clusters = plan.spread.clusters.unwrap_or(Range::ANY);
    let mut full = placed.len() >= clusters.max;
    let mut others: Vec<&Candidate<'a>> =
        candidates.iter().filter(|candidate| candidate.score == 0).collect();
    for (topology, range) in &plan.spread.topologies {
        let covered: BTreeSet<&String> =
            placed.iter().flat_map(|cluster| topology.groups_of(cluster.cluster)).collect();
        if !(range.min..=range.max).contains(&covered.len()) {
            return None;
        }
        others.retain(|other| topology.groups_of(other.cluster).iter().all(|group| covered.contains(group)));
    }
    // Of divided replicas those that have none are not listed, though they were chosen.
    full |= divided || others.is_empty();
    if !full || !(clusters.min..=clusters.max).contains(&placed.len()) {
        return None;
    }
    placed.sort_unstable_by(Candidate::order);
    Some(placed)
}
