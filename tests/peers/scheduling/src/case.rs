//! A case, and what Windlass decides on it.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;
use windlass_api::cluster::Cluster;
use windlass_api::policy::{Placement, ReplicaDivisionPreference, ReplicaSchedulingType, SpreadField};
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus};
use windlass_scheduler::{
    ClusterExplanation, ClusterState, Context, Decision, Explanation, Party, Reason, Snapshot, TieOrder,
    allocate, decide, explain,
};

use crate::karmada::{Answer, Target};

/// A question with all that is to be known of it.
pub(crate) enum Case {
    Binding(Box<Binding>),
    Seats { seats: i32, votes: Vec<(String, i64)>, uid: String },
}

pub(crate) struct Binding {
    pub(crate) snapshot: Snapshot,
    pub(crate) spec: ResourceBindingSpec,
    pub(crate) status: ResourceBindingStatus,
}

/// What Windlass says to a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ours {
    Scheduled { clusters: Vec<Target>, affinity: Option<String> },
    Refused { reason: Reason, summary: String },
}

impl Case {
    pub(crate) fn read(case: &Value) -> anyhow::Result<Case> {
        let field = |name: &str| case.get(name).cloned().unwrap_or_default();
        if case.get("spec").is_none() {
            let votes = field("votes");
            let votes = votes.as_array().context("votes")?.iter().map(|party| {
                let name = party["name"].as_str().unwrap_or_default().to_owned();
                (name, party["votes"].as_i64().unwrap_or(0))
            });
            return Ok(Case::Seats {
                seats: serde_json::from_value(field("seats"))?,
                votes: votes.collect(),
                uid: field("uid").as_str().unwrap_or_default().to_owned(),
            });
        }
        let clusters: Vec<Cluster> = serde_json::from_value(field("clusters")).context("clusters")?;
        let states = clusters.iter().map(|cluster| Arc::new(ClusterState::new(cluster)));
        Ok(Case::Binding(Box::new(Binding {
            snapshot: Snapshot::new(states),
            spec: serde_json::from_value(field("spec")).context("spec")?,
            status: serde_json::from_value(field("status")).context("status")?,
        })))
    }

    pub(crate) fn decide(&self) -> Ours {
        match self {
            Case::Seats { seats, votes, uid } => {
                let parties: Vec<Party<'_>> =
                    votes.iter().map(|(name, votes)| Party { name, votes: *votes, present: 0 }).collect();
                let seats = allocate(*seats, &parties, TieOrder::of_uid(uid));
                // Where nobody has votes Karmada names nobody.
                let anybody = votes.iter().any(|(_, votes)| *votes > 0);
                let targets = parties
                    .iter()
                    .zip(seats)
                    .filter(|_| anybody)
                    .map(|(party, replicas)| Target { name: party.name.to_owned(), replicas });
                Ours::Scheduled { clusters: targets.collect(), affinity: None }
            }
            Case::Binding(binding) => binding.decide(),
        }
    }
}

impl Binding {
    fn decide(&self) -> Ours {
        match decide(&self.snapshot, &self.spec, &self.status, &Context::default()) {
            Decision::Scheduled { targets, affinity } => {
                let targets = targets
                    .into_iter()
                    .map(|target| Target { name: target.name, replicas: target.replicas.into() });
                Ours::Scheduled { clusters: targets.collect(), affinity }
            }
            Decision::Refused(refusal) => {
                Ours::Refused { reason: refusal.reason, summary: refusal.to_string() }
            }
        }
    }

    pub(crate) fn explain(&self) -> Explanation {
        explain(&self.snapshot, &self.spec, &self.status, &Context::default())
    }

    /// Whether something holds of what a group that was tried made of the clusters.
    pub(crate) fn any_group(&self, holds: impl Fn(&[ClusterExplanation]) -> bool) -> bool {
        self.explain().groups.iter().any(|group| holds(&group.clusters))
    }

    pub(crate) fn placement(&self) -> Placement {
        self.spec.placement.clone().unwrap_or_default()
    }

    /// How often the placement spreads by a field, and over how many groups; 0: without a bound.
    pub(crate) fn spread(&self, field: SpreadField) -> Option<(i64, i64)> {
        let constraints = self.placement().spread_constraints;
        let constraint = constraints.iter().find(|one| one.spread_by_field == Some(field))?;
        Some((constraint.min_groups, constraint.max_groups))
    }

    pub(crate) fn is_divided_by_weight(&self) -> bool {
        let scheduling = self.placement().replica_scheduling.unwrap_or_default();
        let weights = scheduling.weight_preference;
        scheduling.replica_division_preference == Some(ReplicaDivisionPreference::Weighted)
            && weights.is_none_or(|weights| weights.dynamic_weight.is_none())
    }

    pub(crate) fn is_divided_by_room(&self) -> bool {
        let placement = self.placement();
        let Some(scheduling) = placement.replica_scheduling else { return false };
        let preference = scheduling.replica_division_preference;
        let dynamic = scheduling.weight_preference.is_some_and(|weights| weights.dynamic_weight.is_some());
        scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Divided)
            && (preference == Some(ReplicaDivisionPreference::Aggregated) || dynamic)
    }

    /// Whether the present assignment counts.
    pub(crate) fn is_steady(&self) -> bool {
        let (triggered, scheduled) = (&self.spec.reschedule_triggered_at, &self.status.last_scheduled_time);
        !matches!((triggered, scheduled), (Some(triggered), Some(scheduled)) if triggered.0 > scheduled.0)
    }
}

/// Whether the two answers say the same.
pub(crate) fn agree(ours: &Ours, theirs: &Answer, grouped: bool) -> bool {
    match ours {
        Ours::Scheduled { clusters, affinity } => {
            theirs.error.is_empty()
                && theirs.panic.is_empty()
                && *clusters == theirs.clusters
                && affinity.as_deref().unwrap_or_default() == theirs.affinity_name
        }
        // Of several groups Windlass reports what weighs most, and Karmada what comes first.
        Ours::Refused { reason, .. } => {
            !theirs.error.is_empty()
                && (grouped || (*reason == Reason::NoClusterFit) == theirs.no_cluster_fits)
        }
    }
}
