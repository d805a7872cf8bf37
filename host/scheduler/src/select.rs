//! Which of the possible clusters are taken.

use crate::groups;
use crate::plan::{Plan, Range, Spread};
use crate::score::Candidate;

/// The candidates cannot be spread as the placement wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    #[error("{found} of at least {wanted} clusters fit")]
    TooFewClusters { found: usize, wanted: usize },
    #[error("the clusters that fit are in {found} of at least {wanted} {topology}s")]
    TooFewGroups { topology: &'static str, found: usize, wanted: usize },
    #[error("no choice of at most {groups} {topology}s has {clusters} clusters that fit")]
    GroupsTooSmall { topology: &'static str, groups: usize, clusters: usize },
    #[error("{0} is in several zones: by zone, only clusters of one zone each can be spread")]
    SeveralZones(String),
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
    candidates.sort_by(Candidate::order);
    if plan.ignores_spread {
        return Ok(candidates);
    }
    match plan.spread {
        Spread { clusters: None, groups: None } => Ok(candidates),
        Spread { clusters, groups: Some((topology, range)) } => {
            groups::select(plan, candidates, topology, range, clusters.unwrap_or(Range::ANY), replicas)
        }
        Spread { clusters: Some(range), groups: None } => by_cluster(candidates, range, wanted),
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

/// Replaces the worst of the taken, from the last on, by those of the rest that have the most room, until all
/// replicas have a place.
fn make_room<'a>(
    mut taken: Vec<Candidate<'a>>,
    mut rest: Vec<Candidate<'a>>,
    wanted: i64,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    let room = |taken: &[Candidate<'_>]| {
        taken.iter().fold(0i64, |room, candidate| room.saturating_add(candidate.available()))
    };
    for index in (0..taken.len()).rev() {
        if room(&taken) >= wanted {
            return Ok(taken);
        }
        // The first of those with the most: they are in order of score.
        let best = rest
            .iter_mut()
            .reduce(|best, other| if other.available() > best.available() { other } else { best });
        if let Some(best) = best.filter(|best| best.available() > taken[index].available()) {
            std::mem::swap(&mut taken[index], best);
        }
    }
    let available = room(&taken);
    if available >= wanted {
        return Ok(taken);
    }
    Err(SelectError::NoRoom { clusters: taken.len(), available, wanted })
}
