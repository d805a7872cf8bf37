//! By the summary in a cluster's status, and its grades of nodes where it has them.

use std::collections::BTreeMap;

use windlass_api::quantity::Quantity;

use super::{COUNT_MAX, Estimate, Shortage, nodes};
use crate::node::Node;
use crate::resources::Resources;
use crate::snapshot::{Capacity, ClusterState, Promise};
use crate::workload::Need;

/// As many nodes of a grade are looked at; more hold no less.
const NODES_PER_GRADE_MAX: i64 = 5_000;

/// What one set takes of each resource, `pods` among them.
#[derive(Debug)]
pub(super) struct Total {
    wanted: Vec<(String, Quantity)>,
    /// Whether it is a set, and not a replica.
    set: bool,
}

impl Total {
    pub(super) fn of(needs: &[Need]) -> Total {
        let mut sum = Resources::default();
        let mut pods = 0i64;
        for need in needs {
            sum.add(&need.request, need.replicas);
            pods = pods.saturating_add(need.replicas);
        }
        sum.set(PODS, Quantity::from_units(pods));
        let wanted = sum.positive().map(|(resource, wanted)| (resource.to_owned(), wanted)).collect();
        Total { wanted, set: needs.iter().any(|need| !need.name.is_empty()) }
    }
}

const PODS: &str = "pods";

/// How many whole sets a cluster has room for, by its own account.
pub(super) fn count(cluster: &ClusterState, needs: &[Need], total: &Total) -> Estimate {
    let Some(capacity) = &cluster.capacity else { return Estimate::none(Shortage::Unreported) };
    let mut count = COUNT_MAX;
    for (resource, wanted) in &total.wanted {
        let free = capacity.free.get(resource).minus(promised(&cluster.promises, resource));
        let free = free.max(Quantity::ZERO);
        match free.fits(*wanted) {
            Some(0) => {
                let (resource, wanted, set) = (resource.clone(), *wanted, total.set);
                return Estimate::none(Shortage::Total { resource, wanted, free, set });
            }
            Some(fits) => count = count.min(fits),
            None => {}
        }
    }
    let graded = grades(capacity, total).map(|graded| nodes::count_best(&graded, &cluster.promises, needs));
    Estimate::of(count).least(graded)
}

/// What was promised of one resource.
fn promised(promises: &[Promise], resource: &str) -> Quantity {
    let needs = promises.iter().flat_map(|promise| &promise.needs);
    needs.fold(Quantity::ZERO, |sum, need| {
        let each = if resource == PODS { Quantity::from_units(1) } else { need.request.get(resource) };
        sum.plus(each.times(need.replicas))
    })
}

/// One node for each that is counted in a grade, with the least that a node of its grade has left. `None` without
/// grades, where nothing is wanted of nodes but a slot, or where they say nothing of a resource that is wanted.
fn grades(capacity: &Capacity, total: &Total) -> Option<Vec<Node>> {
    let anything = total.wanted.iter().any(|(resource, _)| resource != PODS);
    if capacity.modelings.is_empty() || capacity.models.is_empty() || !anything {
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
        if total.wanted.iter().any(|(resource, _)| resource != PODS && !least.names(resource)) {
            return None;
        }
        let count = counts.get(&model.grade).copied().unwrap_or(0).min(NODES_PER_GRADE_MAX);
        let node = Node { allocatable: least, pod_slots: i64::MAX, ..Node::default() };
        nodes.extend((0..count).map(|_| node.clone()));
    }
    Some(nodes)
}
