//! How good a cluster is, and in what order clusters are taken.

use std::cmp::Ordering;

use crate::snapshot::ClusterState;

/// Where the resource is already.
const SCORE_PRESENT: i64 = 100;

/// A cluster that the binding may go to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) cluster: &'a ClusterState,
    /// Its place in the snapshot.
    pub(crate) index: usize,
    /// Which of the group's tiers it is in.
    pub(crate) tier: usize,
    /// 0 to 100.
    pub(crate) score: i64,
    /// How many replicas, or whole sets, it has been given before.
    pub(crate) assigned: i64,
    /// How many more fit; 0 as long as nobody asked.
    pub(crate) free: i64,
    /// Whether somebody asked how many more fit.
    pub(crate) estimated: bool,
    /// The set that is there has grown, and what it has grown by does not fit.
    pub(crate) outgrown: bool,
}

impl<'a> Candidate<'a> {
    /// `present`: how many replicas are there; `None`: the binding is not there.
    pub(crate) fn new(
        index: usize,
        cluster: &'a ClusterState,
        tier: usize,
        present: Option<i64>,
    ) -> Candidate<'a> {
        Candidate {
            cluster,
            index,
            tier,
            score: if present.is_some() { SCORE_PRESENT } else { 0 },
            assigned: present.unwrap_or(0),
            free: 0,
            estimated: false,
            outgrown: false,
        }
    }

    pub(crate) fn estimated(&mut self, free: i64) {
        self.free = free;
        self.estimated = true;
    }

    /// What it has and what it has room for.
    pub(crate) fn available(&self) -> i64 {
        self.assigned.saturating_add(self.free)
    }

    pub(crate) fn name(&self) -> &'a str {
        &self.cluster.name
    }

    /// The better one first: by tier, then score, then room, then name.
    pub(crate) fn order(&self, other: &Candidate<'_>) -> Ordering {
        (self.tier.cmp(&other.tier))
            .then_with(|| other.score.cmp(&self.score))
            .then_with(|| other.available().cmp(&self.available()))
            .then_with(|| self.index.cmp(&other.index))
    }
}
