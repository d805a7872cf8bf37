//! One decision, from filter to assignment.

use windlass_api::policy::ClusterAffinity;
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus, TargetCluster};

use crate::assign::{Division, assign};
use crate::estimate::{COUNT_MAX, replicas, sets};
use crate::filter::{FilterReason, refuse};
use crate::plan::{Plan, Strategy};
use crate::refusal::{Diagnosis, Reason, Refusal, Why};
use crate::score::Candidate;
use crate::select::{SelectError, select};
use crate::snapshot::{ClusterState, Snapshot};
use crate::trigger::is_fresh;
use crate::webster::TieOrder;
use crate::workload::Workload;

/// Where a binding goes, or why nowhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// To these clusters, in the order of their names: for `spec.clusters`. Empty for a workload of no replicas.
    Scheduled {
        targets: Vec<TargetCluster>,
        /// The group of `clusterAffinities` they are from: for `status.schedulerObservingAffinityName`.
        affinity: Option<String>,
    },
    /// Nowhere new.
    Refused(Refusal),
}

/// Decides where a binding goes.
///
/// The same arguments always give the same decision, and a decision that was carried out is decided again in the same
/// way: what is placed stays where it may stay. Suspension is not looked at: a suspended binding is not to be decided
/// on at all. Of `status` the group chosen last and the time of the last decision are read.
pub fn decide(snapshot: &Snapshot, spec: &ResourceBindingSpec, status: &ResourceBindingStatus) -> Decision {
    let workload = match Workload::of(spec) {
        Ok(workload) => workload,
        Err(error) => return Decision::Refused(Refusal::contradiction(&error)),
    };
    let plan = match Plan::of(spec.placement.as_ref(), &workload) {
        Ok(plan) => plan,
        Err(error) => return Decision::Refused(Refusal::contradiction(&error)),
    };
    let attempt = Attempt { snapshot, spec, plan: &plan, workload: &workload, fresh: is_fresh(spec, status) };
    let mut first: Option<Refusal> = None;
    for (name, affinity) in plan.affinities(&status.scheduler_observed_affinity_name) {
        match attempt.run(affinity) {
            Ok(targets) => return Decision::Scheduled { targets, affinity: name.map(str::to_owned) },
            Err(mut refusal) => {
                if let Some(name) = name {
                    refusal.summary = format!("in group {name}, {}", refusal.summary);
                }
                match &mut first {
                    Some(first) => first.merge(refusal),
                    None => first = Some(refusal),
                }
            }
        }
    }
    Decision::Refused(first.expect("a placement has at least one group, and each gave a refusal"))
}

/// One group of clusters.
struct Attempt<'a> {
    snapshot: &'a Snapshot,
    spec: &'a ResourceBindingSpec,
    plan: &'a Plan<'a>,
    workload: &'a Workload,
    fresh: bool,
}

/// Clusters that are out of the question.
type Filtered<'a> = Vec<(&'a ClusterState, FilterReason)>;

impl<'a> Attempt<'a> {
    fn run(&self, affinity: Option<&ClusterAffinity>) -> Result<Vec<TargetCluster>, Refusal> {
        let (mut candidates, filtered) = self.filter(affinity);
        if candidates.is_empty() {
            let summary = match self.snapshot.clusters().len() {
                0 => "there is no cluster".to_owned(),
                count => format!("the placement allows none of the {count} clusters"),
            };
            return Err(Refusal::new(Reason::NoClusterFit, summary, diagnoses(filtered, &[])));
        }
        self.estimate(&mut candidates);
        let one = self.plan.wants_one_cluster();
        if one && matches!(self.workload, Workload::Components(_)) {
            let (able, unable): (Vec<_>, Vec<_>) =
                candidates.into_iter().partition(|candidate| candidate.available() > 0);
            if able.is_empty() {
                let summary = "no cluster has room for the whole workload".to_owned();
                return Err(Refusal::new(Reason::Unschedulable, summary, diagnoses(filtered, &unable)));
            }
            candidates = able;
        }
        let wanted = match (self.workload, self.plan.strategy) {
            (Workload::Replicas(need), Strategy::Aggregated | Strategy::DynamicWeight) => Some(need.replicas),
            _ => None,
        };
        let all = candidates.clone();
        let chosen = select(self.plan, candidates, wanted, self.spec.replicas.into()).map_err(|error| {
            let reason = match error {
                SelectError::SeveralZones(_) => Reason::SchedulerError,
                _ => Reason::Unschedulable,
            };
            Refusal::new(reason, error.to_string(), diagnoses(filtered.clone(), &all))
        })?;
        if !matches!(self.workload, Workload::Replicas(_)) {
            return Ok(whole(&chosen));
        }
        let division = Division {
            strategy: self.plan.strategy,
            replicas: self.spec.replicas,
            ties: TieOrder::of_uid(&self.spec.resource.uid),
            fresh: self.fresh,
        };
        assign(division, &chosen).map_err(|error| {
            Refusal::new(Reason::Unschedulable, error.to_string(), diagnoses(filtered, &all))
        })
    }

    fn filter(&self, affinity: Option<&ClusterAffinity>) -> (Vec<Candidate<'a>>, Filtered<'a>) {
        let mut candidates = Vec::with_capacity(self.snapshot.clusters().len());
        let mut filtered = Vec::new();
        for cluster in self.snapshot.clusters() {
            match refuse(cluster, self.spec, self.plan.placement, affinity) {
                Some(reason) => filtered.push((&**cluster, reason)),
                None => candidates.push(Candidate::new(cluster, self.spec)),
            }
        }
        (candidates, filtered)
    }

    /// Asks how much room there is, where that makes a difference.
    fn estimate(&self, candidates: &mut [Candidate<'_>]) {
        let chooses = self.plan.chooses_among(candidates.len());
        let namespace = &self.spec.resource.namespace;
        match self.workload {
            Workload::Plain => {}
            Workload::Replicas(need) => {
                if !chooses && matches!(self.plan.strategy, Strategy::Duplicated | Strategy::StaticWeight(_))
                {
                    return;
                }
                for candidate in candidates {
                    let mut estimate = replicas(candidate.cluster, namespace, need);
                    if estimate.count >= COUNT_MAX {
                        // Without a bound: room for all, and no more weight than that.
                        estimate.count = need.replicas;
                    }
                    candidate.estimated(estimate);
                }
            }
            Workload::Components(needs) => {
                let one = self.plan.wants_one_cluster();
                if !chooses && !one {
                    return;
                }
                for candidate in candidates {
                    if one && candidate.score > 0 {
                        // The set that is there already needs no more room.
                        candidate.assigned = 1;
                        continue;
                    }
                    candidate.estimated(sets(candidate.cluster, namespace, needs));
                }
            }
        }
    }
}

/// All of the workload to each cluster, without replicas to set.
fn whole(clusters: &[Candidate<'_>]) -> Vec<TargetCluster> {
    let mut targets: Vec<TargetCluster> = clusters
        .iter()
        .map(|cluster| TargetCluster { name: cluster.name().to_owned(), replicas: 0 })
        .collect();
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    targets
}

fn diagnoses(filtered: Filtered<'_>, candidates: &[Candidate<'_>]) -> Vec<Diagnosis> {
    let filtered = filtered
        .into_iter()
        .map(|(cluster, reason)| Diagnosis { cluster: cluster.name.clone(), why: Why::Filtered(reason) });
    let candidates = candidates.iter().map(|candidate| Diagnosis {
        cluster: candidate.name().to_owned(),
        why: match &candidate.shortage {
            Some(shortage) => Why::Short(shortage.clone()),
            None => Why::Room(candidate.free),
        },
    });
    filtered.chain(candidates).collect()
}

#[cfg(test)]
mod tests;
