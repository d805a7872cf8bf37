//! One group of clusters, tried: filter, estimate, select, assign.

use windlass_api::work::{GracefulEvictionTask, ResourceBindingSpec, TargetCluster};

use crate::assign::{Division, assign};
use crate::context::Peers;
use crate::estimate::Estimator;
use crate::filter::{Refused, Tiers, refuse};
use crate::plan::{Group, Plan, Strategy};
use crate::refusal::Reason;
use crate::score::Candidate;
use crate::select::select;
use crate::settled::settled;
use crate::snapshot::Snapshot;
use crate::webster::TieOrder;
use crate::workload::Workload;

/// What does not change from group to group.
pub(crate) struct Attempt<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) spec: &'a ResourceBindingSpec,
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) workload: &'a Workload,
    /// `None`: the workload has no pods.
    pub(crate) estimator: Option<Estimator<'a>>,
    /// For what the components that are placed have grown by; `None`: they have not.
    pub(crate) growth: Option<Estimator<'a>>,
    pub(crate) peers: &'a Peers,
    /// Whether the present assignment counts for nothing.
    pub(crate) fresh: bool,
    /// By cluster, in the snapshot's order.
    pub(crate) clusters: Vec<Standing<'a>>,
}

/// What is known of a cluster whatever the group.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// How many replicas are there; `None`: the binding is not there.
    present: Option<i64>,
    fitness: Fitness<'a>,
}

#[derive(Clone, Copy)]
enum Fitness<'a> {
    Unasked,
    Fit,
    Refused(Refused<'a>),
}

/// What came of a group.
pub(crate) struct Trial<'a> {
    /// Clusters that are out of the question, by their index in the snapshot.
    pub(crate) refused: Vec<(usize, Refused<'a>)>,
    /// All others, in the order of their names.
    pub(crate) candidates: Vec<Candidate<'a>>,
    /// Those that the selection took, the better ones first.
    pub(crate) taken: Vec<Candidate<'a>>,
    pub(crate) outcome: Result<Vec<TargetCluster>, Complaint>,
}

/// Why a group does not do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Complaint {
    pub(crate) reason: Reason,
    pub(crate) summary: String,
}

impl Complaint {
    fn unschedulable(summary: impl ToString) -> Complaint {
        Complaint { reason: Reason::Unschedulable, summary: summary.to_string() }
    }
}

impl<'a> Attempt<'a> {
    /// Where the binding is already, by cluster.
    pub(crate) fn standings(snapshot: &Snapshot, spec: &ResourceBindingSpec) -> Vec<Standing<'a>> {
        let mut targets: Vec<&TargetCluster> = spec.clusters.iter().collect();
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut targets = targets.into_iter().peekable();
        let standing = |name: &str| {
            while targets.next_if(|target| target.name.as_str() < name).is_some() {}
            let target = targets.next_if(|target| target.name == name);
            Standing {
                present: target.map(|target| target.replicas.max(0).into()),
                fitness: Fitness::Unasked,
            }
        };
        snapshot.clusters().iter().map(|cluster| cluster.name.as_str()).map(standing).collect()
    }

    /// Whether it is whole sets, of which one cluster gets one.
    pub(crate) fn goes_whole_to_one(&self) -> bool {
        let one = self.plan.spread.clusters.is_some_and(|range| range.max == 1);
        one && self.plan.is_spread() && matches!(self.workload, Workload::Components(_))
    }

    /// What a candidate was asked for its room, if anything.
    pub(crate) fn asked_of(&self, candidate: &Candidate<'_>) -> Option<&Estimator<'a>> {
        if candidate.estimated {
            return self.estimator.as_ref();
        }
        self.growth.as_ref().filter(|_| candidate.score > 0 && self.plan.is_spread())
    }

    pub(crate) fn run(&mut self, group: &Group<'_>) -> Trial<'a> {
        let (mut candidates, refused) = self.filter(&Tiers::of(group));
        let mut taken = Vec::new();
        let outcome = self.place(&mut candidates, &mut taken);
        Trial { refused, candidates, taken, outcome }
    }

    fn place(
        &self,
        candidates: &mut [Candidate<'a>],
        taken: &mut Vec<Candidate<'a>>,
    ) -> Result<Vec<TargetCluster>, Complaint> {
        if candidates.is_empty() {
            let summary = match self.snapshot.clusters().len() {
                0 => "there is no cluster".to_owned(),
                count => format!("the placement allows none of the {count} clusters"),
            };
            return Err(Complaint { reason: Reason::NoClusterFit, summary });
        }
        self.estimate(candidates);
        let mut able = candidates.to_vec();
        if self.plan.is_spread() && matches!(self.workload, Workload::Components(_)) {
            able.retain(|candidate| candidate.available() > 0);
            if able.is_empty() {
                return Err(Complaint::unschedulable("no cluster has room for the whole workload"));
            }
        }
        let wanted = match (self.workload, self.plan.strategy) {
            (Workload::Replicas(_), Strategy::Duplicated) => None,
            (Workload::Replicas(need), _) => Some(need.replicas),
            _ => None,
        };
        let stays = if self.fresh { None } else { settled(self.plan, self.spec, self.workload, &able) };
        *taken = match stays {
            Some(stays) => stays,
            None => select(self.plan, able, wanted, self.spec.replicas.into())
                .map_err(Complaint::unschedulable)?,
        };
        let targets = self.assign(taken)?;
        if self.returns() {
            let full = targets.iter().find(|target| {
                let candidate = taken.iter().find(|candidate| candidate.name() == target.name);
                candidate.is_some_and(|candidate| !self.has_room(candidate, target.replicas))
            });
            if let Some(TargetCluster { name, replicas }) = full {
                let what = if *replicas > 0 { format!("{replicas} replicas") } else { "it".to_owned() };
                return Err(Complaint::unschedulable(format!(
                    "it left for another and returns once there is room, and {name} has none for {what}"
                )));
            }
        }
        Ok(targets)
    }

    /// Whether the binding had to leave for another and is placed nowhere: it returns only to where there is room, even
    /// if room does not matter otherwise.
    fn returns(&self) -> bool {
        let mut tasks = self.spec.graceful_eviction_tasks.iter();
        self.spec.clusters.is_empty() && tasks.any(GracefulEvictionTask::is_preemption)
    }

    /// Whether so many replicas, or a set, fit; what has not reported its room is not asked.
    fn has_room(&self, candidate: &Candidate<'_>, replicas: i32) -> bool {
        let cluster = candidate.cluster;
        let is_known = cluster.capacity.is_some() || cluster.room.is_some() || cluster.answers.is_some();
        !is_known || !candidate.estimated || candidate.free >= i64::from(replicas.max(1))
    }

    fn assign(&self, taken: &mut [Candidate<'a>]) -> Result<Vec<TargetCluster>, Complaint> {
        if !matches!(self.workload, Workload::Replicas(_)) {
            return Ok(whole(taken));
        }
        let division = Division {
            strategy: self.plan.strategy,
            replicas: self.spec.replicas,
            ties: TieOrder::of_uid(&self.spec.resource.uid),
            fresh: self.fresh,
        };
        assign(division, taken).map_err(Complaint::unschedulable)
    }

    fn filter(&mut self, tiers: &Tiers<'_>) -> (Vec<Candidate<'a>>, Vec<(usize, Refused<'a>)>) {
        let clusters = self.snapshot.clusters();
        let mut candidates = Vec::with_capacity(clusters.len());
        let mut refused = Vec::new();
        for (index, (cluster, standing)) in clusters.iter().zip(&mut self.clusters).enumerate() {
            if cluster.deleting {
                refused.push((index, Refused::Deleting));
                continue;
            }
            let Some(tier) = tiers.tier_of(cluster) else {
                refused.push((index, Refused::Affinity));
                continue;
            };
            if matches!(standing.fitness, Fitness::Unasked) {
                let placed = standing.present.is_some();
                let refusal = refuse(cluster, self.spec, self.plan, self.peers, placed);
                standing.fitness = refusal.map_or(Fitness::Fit, Fitness::Refused);
            }
            match standing.fitness {
                Fitness::Refused(reason) => refused.push((index, reason)),
                _ => candidates.push(Candidate::new(index, cluster, tier, standing.present)),
            }
        }
        (candidates, refused)
    }

    /// Asks how much room there is, where that makes a difference.
    fn estimate(&self, candidates: &mut [Candidate<'_>]) {
        let Some(estimator) = &self.estimator else { return };
        let chooses = self.plan.chooses_among(candidates.len());
        match self.workload {
            Workload::Plain => {}
            Workload::Replicas(_) => {
                // Fixed weights that name nobody leave it to the spread, which then asks for room for all.
                let counts = match self.plan.strategy {
                    Strategy::Duplicated => chooses,
                    Strategy::StaticWeight(_) => self.plan.is_spread(),
                    Strategy::Aggregated | Strategy::DynamicWeight => true,
                };
                if !counts && !self.returns() {
                    return;
                }
                for candidate in candidates {
                    candidate.estimated(estimator.count(candidate.cluster));
                }
            }
            // Sets go only where they fit, as soon as it is for the scheduler to choose.
            Workload::Components(_) if !self.plan.is_spread() && !self.returns() => {}
            Workload::Components(_) => {
                // The set that is there already needs no more room than it has grown by. Of several the one with
                // the most room is kept.
                let several = candidates.iter().filter(|candidate| candidate.score > 0).count() > 1;
                for candidate in candidates {
                    if candidate.score > 0 {
                        let growth = self.growth.as_ref();
                        candidate.outgrown =
                            growth.is_some_and(|growth| growth.count(candidate.cluster) == 0);
                        candidate.assigned = i64::from(!candidate.outgrown);
                    }
                    if candidate.score == 0 || (several && !candidate.outgrown) {
                        candidate.estimated(estimator.count(candidate.cluster));
                    }
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
