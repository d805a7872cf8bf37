//! How good a cluster is, and in what order clusters are taken.

use std::cmp::Ordering;

use windlass_api::work::ResourceBindingSpec;

use crate::estimate::{Estimate, Shortage};
use crate::snapshot::ClusterState;

/// Where the resource is already.
const SCORE_PRESENT: i64 = 100;

/// A cluster that the binding may go to.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) cluster: &'a ClusterState,
    /// 0 to 100.
    pub(crate) score: i64,
    /// How many replicas, or whole sets, it has been given before.
    pub(crate) assigned: i64,
    /// How many more fit.
    pub(crate) free: i64,
    /// Why none more fits.
    pub(crate) shortage: Option<Shortage>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(cluster: &'a ClusterState, spec: &ResourceBindingSpec) -> Candidate<'a> {
        let target = spec.clusters.iter().find(|target| target.name == cluster.name);
        Candidate {
            cluster,
            score: if target.is_some() { SCORE_PRESENT } else { 0 },
            assigned: target.map_or(0, |target| target.replicas.max(0).into()),
            free: 0,
            shortage: None,
        }
    }

    pub(crate) fn estimated(&mut self, estimate: Estimate) {
        self.free = estimate.count;
        self.shortage = estimate.shortage;
    }

    /// What it has and what it has room for.
    pub(crate) fn available(&self) -> i64 {
        self.assigned.saturating_add(self.free)
    }

    pub(crate) fn name(&self) -> &'a str {
        &self.cluster.name
    }

    /// The better one first: by score, then room, then name.
    pub(crate) fn order(&self, other: &Candidate<'_>) -> Ordering {
        (other.score.cmp(&self.score))
            .then_with(|| other.available().cmp(&self.available()))
            .then_with(|| self.name().cmp(other.name()))
    }
}
