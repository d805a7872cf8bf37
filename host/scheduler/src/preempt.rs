//! Whom a binding of higher priority asks to leave: the fewest, of those the lowest, of those the newest.
//!
//! What a placed binding would set free is known by its own requests, not by the nodes of its pods: so where nodes are
//! known its pods are taken to be on the first nodes that hold as much. Which bindings leave is the whole answer; that
//! the room really comes free is seen when it does.

mod relief;

use std::cmp::Reverse;

use windlass_api::policy::SchedulePreemption;
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus, TargetCluster};

use crate::context::Context;
use crate::decide::{Decision, consider};
use crate::estimate::Estimator;
use crate::snapshot::Snapshot;
use crate::workload::Workload;
use relief::{Relief, Tenancy};

/// A binding that is placed.
#[derive(Clone, Copy, Debug)]
pub struct Occupant<'a> {
    pub spec: &'a ResourceBindingSpec,
    pub priority: i32,
    /// Since when it is there: of two the newer one has the larger number.
    pub since: i64,
}

/// Who leaves, and where the binding can go then.
#[derive(Clone, Debug, PartialEq)]
pub struct Preemption {
    /// By their places among those that were asked about, in ascending order; empty where those who leave already are
    /// enough.
    pub victims: Vec<usize>,
    pub targets: Vec<TargetCluster>,
    /// The group of `clusterAffinities` that the targets are from.
    pub affinity: Option<String>,
}

/// As many clusters are looked at, all attempts together.
const LOOKS_MAX: usize = 400_000;

/// Whether the binding takes room from others, where its priority allows that.
pub(crate) fn preempts(spec: &ResourceBindingSpec) -> bool {
    let asker = spec.schedule_priority.as_ref();
    asker.and_then(|asker| asker.preemption) == Some(SchedulePreemption::PreemptLowerPriority)
}

/// Chooses which of the placed bindings of lower priority leave, so that this one can be scheduled. Those who are
/// `leaving` in any case, whatever their priority, are still seen where they were: their room is counted on. `None`: its
/// policy does not want that, nobody needs to leave, or it would not help. The binding itself is no occupant.
pub fn preempt(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    context: &Context,
    occupants: &[Occupant<'_>],
    leaving: &[Occupant<'_>],
) -> Option<Preemption> {
    if !preempts(spec) {
        return None;
    }
    let asker = spec.schedule_priority.as_ref()?;
    let workload = Workload::of(spec).ok()?;
    let estimator = Estimator::of(&workload, &spec.resource.namespace)?;
    // Only clusters that it may go to matter, of whichever group.
    let mut allowed = vec![false; snapshot.clusters().len()];
    let mut alone = true;
    let decision = consider(snapshot, spec, status, context, |attempt, _, trial| {
        trial.candidates.iter().for_each(|candidate| allowed[candidate.index] = true);
        alone &= attempt.goes_whole_to_one();
    });
    if let Decision::Scheduled { .. } = decision {
        return None;
    }
    let leaving = leaving.iter().enumerate();
    let leaving: Vec<Tenancy> =
        leaving.filter_map(|(index, it)| Tenancy::of(snapshot, &allowed, index, it)).collect();
    let emptier;
    let snapshot = if leaving.is_empty() {
        snapshot
    } else {
        let mut relief = Relief::new(snapshot, &leaving);
        relief.release(&(0..leaving.len()).collect::<Vec<_>>(), None);
        emptier = relief.snapshot();
        &emptier
    };
    if !leaving.is_empty()
        && let Decision::Scheduled { targets, affinity } =
            consider(snapshot, spec, status, context, |_, _, _| {})
    {
        return Some(Preemption { victims: Vec::new(), targets, affinity });
    }
    let tenancies: Vec<Tenancy> = occupants
        .iter()
        .enumerate()
        .filter(|(_, occupant)| occupant.priority < asker.priority)
        .filter_map(|(index, occupant)| Tenancy::of(snapshot, &allowed, index, occupant))
        .collect();
    let mut relief = Relief::new(snapshot, &tenancies);
    let chosen = if alone {
        // A set goes to one cluster: whoever leaves another one is of no help.
        let mut best: Option<Vec<usize>> = None;
        for cluster in (0..allowed.len()).filter(|cluster| allowed[*cluster]) {
            let here: Vec<usize> =
                (0..tenancies.len()).filter(|tenancy| tenancies[*tenancy].is_in(cluster)).collect();
            let order = relief.by_use(here, &workload, Some(cluster));
            let mut search = Search { tenancies: &tenancies, looks: LOOKS_MAX / allowed.len().max(1) };
            let found = search.fewest(&order, 1, |leaving| {
                relief.release(leaving, Some(cluster));
                estimator.count(relief.cluster(cluster)) > 0
            });
            relief.release(&[], Some(cluster));
            best = better(&tenancies, best, found);
        }
        best?
    } else {
        let order = relief.by_use((0..tenancies.len()).collect(), &workload, None);
        let mut search = Search { tenancies: &tenancies, looks: LOOKS_MAX };
        search.fewest(&order, allowed.len().max(1), |leaving| {
            relief.release(leaving, None);
            let decision = consider(&relief.snapshot(), spec, status, context, |_, _, _| {});
            matches!(decision, Decision::Scheduled { .. })
        })?
    };
    relief.release(&chosen, None);
    match consider(&relief.snapshot(), spec, status, context, |_, _, _| {}) {
        Decision::Scheduled { targets, affinity } => {
            let mut victims: Vec<usize> = chosen.iter().map(|tenancy| tenancies[*tenancy].occupant).collect();
            victims.sort_unstable();
            Some(Preemption { victims, targets, affinity })
        }
        Decision::Refused(_) => None,
    }
}

/// The one of two choices that asks less: fewer, then of lower priority, then newer.
fn better(tenancies: &[Tenancy], a: Option<Vec<usize>>, b: Option<Vec<usize>>) -> Option<Vec<usize>> {
    let cost = |chosen: &[usize]| {
        let mut ranks: Vec<_> = chosen.iter().map(|tenancy| tenancies[*tenancy].rank()).collect();
        // The dearest one first.
        ranks.sort_unstable_by_key(|rank| Reverse(*rank));
        (chosen.len(), ranks)
    };
    match (a, b) {
        (Some(a), Some(b)) => Some(if cost(&b) < cost(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

struct Search<'a> {
    tenancies: &'a [Tenancy],
    /// How many looks at a cluster are left.
    looks: usize,
}

impl Search<'_> {
    /// The fewest that have to leave until it `fits`, out of `order`: those that help most first. Whoever leaves never
    /// makes it fit less. Nearly always the fewest there are: it is taken for granted that whoever helps more alone
    /// helps more together with others.
    fn fewest(
        &mut self,
        order: &[usize],
        looks: usize,
        mut fits: impl FnMut(&[usize]) -> bool,
    ) -> Option<Vec<usize>> {
        if order.is_empty() || !fits(order) {
            return None;
        }
        // The shortest beginning that does.
        let (mut too_few, mut enough) = (0, order.len());
        while enough - too_few > 1 {
            let middle = usize::midpoint(too_few, enough);
            if fits(&order[..middle]) { enough = middle } else { too_few = middle }
        }
        let mut chosen = order[..enough].to_vec();
        // The dearest first: perhaps those after it do without it, or somebody cheaper does in its place.
        chosen.sort_unstable_by_key(|tenancy| Reverse(self.tenancies[*tenancy].rank()));
        let mut index = 0;
        while index < chosen.len() && self.spend(looks) {
            let dropped = chosen.remove(index);
            if chosen.is_empty() || !fits(&chosen) {
                chosen.insert(index, dropped);
                index += 1;
            }
        }
        let mut cheap: Vec<usize> = order.to_vec();
        cheap.sort_unstable_by_key(|tenancy| self.tenancies[*tenancy].rank());
        for index in 0..chosen.len() {
            let dear = chosen[index];
            for other in &cheap {
                if self.tenancies[*other].rank() >= self.tenancies[dear].rank() || !self.spend(looks) {
                    break;
                }
                if chosen.contains(other) {
                    continue;
                }
                chosen[index] = *other;
                if fits(&chosen) {
                    break;
                }
                chosen[index] = dear;
            }
        }
        Some(chosen)
    }

    fn spend(&mut self, looks: usize) -> bool {
        let left = self.looks.checked_sub(looks);
        self.looks = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests;
