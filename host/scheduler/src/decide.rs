//! One decision: the groups of clusters, one after the other, until one does.

use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus, TargetCluster};

use crate::attempt::{Attempt, Complaint, Trial};
use crate::context::Context;
use crate::estimate::Estimator;
use crate::filter::Refused;
use crate::growth::growth;
use crate::plan::Plan;
use crate::refusal::{Diagnosis, Reason, Refusal, Why};
use crate::score::Candidate;
use crate::snapshot::Snapshot;
use crate::trigger::is_fresh;
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
pub fn decide(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    context: &Context,
) -> Decision {
    consider(snapshot, spec, status, context, |_, _, _| {})
}

/// Decides, and shows each group that was tried to `watch`, with its name and the attempt it was a part of.
pub(crate) fn consider(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    context: &Context,
    mut watch: impl FnMut(&Attempt<'_>, Option<&str>, &Trial<'_>),
) -> Decision {
    let workload = match Workload::of(spec) {
        Ok(workload) => workload,
        Err(error) => return Decision::Refused(Refusal::contradiction(&error)),
    };
    let plan = match Plan::of(spec.placement.as_ref(), &workload) {
        Ok(plan) => plan,
        Err(error) => return Decision::Refused(Refusal::contradiction(&error)),
    };
    let namespace = &spec.resource.namespace;
    let grown = match (&context.held, &workload) {
        (Some(held), Workload::Components(needs)) => growth(held, needs),
        _ => Vec::new(),
    };
    let grown = (!grown.is_empty()).then_some(Workload::Components(grown));
    let mut attempt = Attempt {
        snapshot,
        spec,
        plan: &plan,
        workload: &workload,
        estimator: Estimator::of(&workload, namespace),
        growth: grown.as_ref().and_then(|grown| Estimator::of(grown, namespace)),
        peers: &context.peers,
        fresh: is_fresh(spec, status),
        clusters: Attempt::standings(snapshot, spec),
    };
    let mut verdicts = Verdicts::default();
    for group in plan.groups(&status.scheduler_observed_affinity_name) {
        let (name, trial) = (group.name, attempt.run(&group));
        watch(&attempt, name, &trial);
        match trial.outcome {
            Ok(targets) => return Decision::Scheduled { targets, affinity: name.map(str::to_owned) },
            Err(_) => verdicts.add(snapshot.clusters().len(), name, trial),
        }
    }
    Decision::Refused(verdicts.refusal(&attempt))
}

/// What is wrong with each cluster, over all groups: with one that several groups have, what the first of them says.
#[derive(Default)]
struct Verdicts<'a> {
    complaint: Option<Complaint>,
    clusters: Vec<Verdict<'a>>,
}

#[derive(Clone, Copy)]
enum Verdict<'a> {
    Refused(Refused<'a>),
    Room(i64),
    Outgrown,
    Allowed,
}

impl<'a> Verdicts<'a> {
    fn add(&mut self, clusters: usize, name: Option<&str>, trial: Trial<'a>) {
        let Err(mut complaint) = trial.outcome else { return };
        // Clusters without room weigh more than none at all.
        let graver = self.complaint.as_ref().is_none_or(|present| {
            present.reason == Reason::NoClusterFit && complaint.reason != Reason::NoClusterFit
        });
        if graver {
            if let Some(name) = name {
                complaint.summary = format!("in group {name}, {}", complaint.summary);
            }
            self.complaint = Some(complaint);
        }
        self.clusters.resize(clusters, Verdict::Refused(Refused::Affinity));
        let refused = trial.refused.into_iter().map(|(index, reason)| (index, Verdict::Refused(reason)));
        let candidates = trial.candidates.into_iter().map(|candidate| {
            let verdict = match candidate {
                Candidate { outgrown: true, .. } => Verdict::Outgrown,
                Candidate { estimated: true, free, .. } => Verdict::Room(free),
                _ => Verdict::Allowed,
            };
            (candidate.index, verdict)
        });
        for (index, verdict) in refused.chain(candidates) {
            if let Verdict::Refused(Refused::Affinity) = self.clusters[index] {
                self.clusters[index] = verdict;
            }
        }
    }

    fn refusal(self, attempt: &Attempt<'_>) -> Refusal {
        let complaint = self.complaint.expect("a placement has at least one group, and each had a complaint");
        let clusters = attempt.snapshot.clusters().iter().zip(self.clusters);
        let diagnoses = clusters.map(|(cluster, verdict)| {
            let shortage = || attempt.estimator.as_ref().and_then(|estimator| estimator.shortage(cluster));
            let why = match verdict {
                Verdict::Refused(reason) => Why::Filtered(reason.reason(attempt.spec)),
                Verdict::Room(0) => shortage().map_or(Why::Room(0), Why::Short),
                Verdict::Room(count) => Why::Room(count),
                Verdict::Outgrown => {
                    let growth = attempt.growth.as_ref();
                    let shortage = growth.and_then(|growth| growth.shortage(cluster));
                    shortage.map_or(Why::Allowed, Why::Outgrown)
                }
                Verdict::Allowed => Why::Allowed,
            };
            Diagnosis { cluster: cluster.name.clone(), why }
        });
        Refusal::new(complaint.reason, complaint.summary, diagnoses.collect())
    }
}

#[cfg(test)]
mod tests;
