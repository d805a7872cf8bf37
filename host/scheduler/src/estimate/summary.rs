//! By the summary in a cluster's status, and its grades of nodes where it has them.

use std::collections::BTreeMap;

use windlass_api::quantity::Quantity;

use super::{COUNT_MAX, Estimate, Shortage, nodes};
use crate::node::Node;
use crate::resources::Resources;
use crate::snapshot::{Capacity, ClusterState};
use crate::workload::Need;

/// As many nodes of a grade are looked at; more hold no less.
const NODES_PER_GRADE_MAX: i64 = 5_000;

/// How many whole sets a cluster has room for, by its own account.
pub(super) fn count(cluster: &ClusterState, needs: &[Need]) -> Estimate {
    let Some(capacity) = &cluster.capacity else { return Estimate::none(Shortage::Unreported) };
    let mut wanted = sum(needs);
    wanted.set("pods", Quantity::from_units(pods(needs)));
    let mut free = capacity.free.clone();
    for promise in &cluster.promises {
        let mut promised = sum(&promise.needs);
        promised.set("pods", Quantity::from_units(pods(&promise.needs)));
        free.subtract(&promised);
    }
    let mut count = COUNT_MAX;
    for (resource, wanted) in wanted.positive() {
        let free = free.get(resource).max(Quantity::ZERO);
        match free.fits(wanted) {
            Some(0) => {
                let set = needs.iter().any(|need| !need.name.is_empty());
                return Estimate::none(Shortage::Total { resource: resource.to_owned(), wanted, free, set });
            }
            Some(fits) => count = count.min(fits),
            None => {}
        }
    }
    let graded = grades(capacity, &wanted).map(|graded| nodes::count(&graded, &cluster.promises, needs));
    Estimate::of(count).least(graded)
}

fn sum(needs: &[Need]) -> Resources {
    let mut sum = Resources::default();
    for need in needs {
        sum.add(&need.request, need.replicas);
    }
    sum
}

fn pods(needs: &[Need]) -> i64 {
    needs.iter().fold(0, |pods: i64, need| pods.saturating_add(need.replicas))
}

/// One node for each that is counted in a grade, with the least that a node of its grade has left. `None` without
/// grades, or where they say nothing of a resource that is wanted.
fn grades(capacity: &Capacity, wanted: &Resources) -> Option<Vec<Node>> {
    if capacity.modelings.is_empty() || capacity.models.is_empty() {
        return None;
    }
    let mut counts = BTreeMap::<i64, i64>::new();
    for modeling in &capacity.modelings {
        let count = counts.entry(modeling.grade).or_default();
        *count = count.saturating_add(modeling.count.max(0));
    }
    let mut nodes = Vec::new();
    for model in &capacity.models {
        let ranges = model.ranges.iter().map(|range| (range.name.clone(), range.min.clone())).collect();
        let least = Resources::reported(&ranges);
        if wanted.positive().any(|(resource, _)| resource != "pods" && !least.names(resource)) {
            return None;
        }
        let count = counts.get(&model.grade).copied().unwrap_or(0).min(NODES_PER_GRADE_MAX);
        let node = Node { allocatable: least, pod_slots: i64::MAX, ..Node::default() };
        nodes.extend((0..count).map(|_| node.clone()));
    }
    Some(nodes)
}
