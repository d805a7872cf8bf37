//! Which of the possible clusters are taken.

use crate::cover;
use crate::groups;
use crate::plan::{Plan, Range};
use crate::score::Candidate;

/// The candidates cannot be spread as the placement wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    #[error("{found} of at least {wanted} clusters fit")]
    TooFewClusters { found: usize, wanted: usize },
    #[error("the clusters that fit are in {found} of at least {wanted} {topology} groups")]
    TooFewGroups { topology: String, found: usize, wanted: usize },
    #[error("no choice of at most {groups} {topology} groups has {clusters} clusters that fit")]
    GroupsTooSmall { topology: String, groups: usize, clusters: usize },
    #[error("no choice of the {found} clusters that fit has {wanted}")]
    NoCover { found: usize, wanted: String },
    #[error(
        "the search for {wanted} among the {found} clusters that fit was given up after {steps} steps: \
         let the placement select fewer clusters or ask for fewer groups"
    )]
    GaveUp { found: usize, wanted: String, steps: usize },
    #[error("the {clusters} clusters with the most room hold {available} of {wanted} replicas")]
    NoRoom { clusters: usize, available: i64, wanted: i64 },
}

/// Takes clusters. `wanted` is the number of replicas that they have to hold together; `None`: their room is not
/// asked about.
pub(crate) fn select<'a>(
    plan: &Plan<'_>,
    mut candidates: Vec<Candidate<'a>>,
    wanted: Option<i64>,
    replicas: i64,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    candidates.sort_unstable_by(Candidate::order);
    if !plan.is_spread() {
        return Ok(candidates);
    }
    let clusters = plan.spread.clusters.unwrap_or(Range::ANY);
    match plan.spread.topologies.as_slice() {
        [] => by_cluster(candidates, clusters, wanted),
        [(topology, range)] if candidates.iter().all(|one| topology.groups_of(one.cluster).len() == 1) => {
            groups::select(plan, candidates, *topology, *range, clusters, replicas)
        }
        topologies => cover::select(topologies, clusters, candidates, wanted),
    }
}

fn by_cluster(
    mut candidates: Vec<Candidate<'_>>,
    range: Range,
    wanted: Option<i64>,
) -> Result<Vec<Candidate<'_>>, SelectError> {
    if candidates.len() < range.min {
        return Err(SelectError::TooFewClusters { found: candidates.len(), wanted: range.min });
    }
    let count = range.max.min(candidates.len());
    let rest = candidates.split_off(count);
    match wanted {
        Some(wanted) => make_room(candidates, rest, wanted),
        None => Ok(candidates),
    }
}

/// The room of clusters together.
pub(crate) fn room(clusters: &[Candidate<'_>]) -> i64 {
    clusters.iter().fold(0i64, |room, cluster| room.saturating_add(cluster.available()))
}

/// Replaces the worst of the taken, from the last on, by those of the rest that have the most room, until all
/// replicas have a place.
fn make_room<'a>(
    mut taken: Vec<Candidate<'a>>,
    mut rest: Vec<Candidate<'a>>,
    wanted: i64,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    // The last one is the first of those with the most: they are in order of score. Whatever is put back has less room
    // than what comes after it in this order, so it is looked at once.
    let mut available = i128::from(room(&taken));
    let mut rest: Vec<Candidate<'a>> = {
        rest.reverse();
        rest.sort_by_key(Candidate::available);
        rest
    };
    for index in (0..taken.len()).rev() {
        if available >= i128::from(wanted) {
            break;
        }
        let Some(best) = rest.pop_if(|best| best.available() > taken[index].available()) else { continue };
        available += i128::from(best.available()) - i128::from(taken[index].available());
        taken[index] = best;
    }
    let available = room(&taken);
    if available >= wanted {
        return Ok(taken);
    }
    Err(SelectError::NoRoom { clusters: taken.len(), available, wanted })
}
