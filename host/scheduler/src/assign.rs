//! How many replicas each of the chosen clusters gets.

use windlass_api::work::TargetCluster;

use crate::filter::Weights;
use crate::plan::Strategy;
use crate::score::Candidate;
use crate::select::room;
use crate::webster::{Party, TieOrder, allocate};

/// The chosen clusters cannot hold the replicas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chosen clusters have room for {available} of {wanted} more replicas")]
pub(crate) struct NoRoom {
    pub(crate) available: i64,
    pub(crate) wanted: i64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Division<'a> {
    pub(crate) strategy: Strategy<'a>,
    pub(crate) replicas: i32,
    pub(crate) ties: TieOrder,
    /// Whether the present assignment counts for nothing.
    pub(crate) fresh: bool,
}

/// Gives each cluster its replicas; those that get none are left out. In the order of their names.
pub(crate) fn assign(
    division: Division<'_>,
    clusters: &[Candidate<'_>],
) -> Result<Vec<TargetCluster>, NoRoom> {
    let replicas = match division.strategy {
        Strategy::Duplicated => vec![i64::from(division.replicas); clusters.len()],
        Strategy::StaticWeight(weights) => by_static_weight(division, &Weights::new(weights), clusters),
        Strategy::DynamicWeight | Strategy::Aggregated => by_tier(division, clusters)?,
    };
    let mut targets: Vec<TargetCluster> = clusters
        .iter()
        .zip(replicas)
        .filter(|(_, replicas)| *replicas > 0)
        .map(|(cluster, replicas)| TargetCluster {
            name: cluster.name().to_owned(),
            replicas: i32::try_from(replicas).unwrap_or(i32::MAX),
        })
        .collect();
    targets.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

/// Fills each tier before the next one, and so empties the last one first. What is all there already stays: replicas
/// don't move back of themselves when an earlier tier has room again.
fn by_tier(division: Division<'_>, clusters: &[Candidate<'_>]) -> Result<Vec<i64>, NoRoom> {
    let last = clusters.iter().map(|cluster| cluster.tier).max().unwrap_or(0);
    let assigned = clusters.iter().fold(0i64, |sum, cluster| sum.saturating_add(cluster.assigned));
    if last == 0 || (assigned == i64::from(division.replicas) && !division.fresh) {
        return by_room(division, clusters);
    }
    let mut result = vec![0; clusters.len()];
    let mut remaining = i64::from(division.replicas);
    for tier in 0..=last {
        let members: Vec<usize> = (0..clusters.len()).filter(|index| clusters[*index].tier == tier).collect();
        if members.is_empty() {
            continue;
        }
        let own: Vec<Candidate<'_>> = members.iter().map(|index| clusters[*index]).collect();
        let share = remaining.min(room(&own));
        let division = Division { replicas: i32::try_from(share).unwrap_or(i32::MAX), ..division };
        for (index, replicas) in members.into_iter().zip(by_room(division, &own)?) {
            result[index] = replicas;
        }
        remaining -= share;
    }
    if remaining > 0 {
        let wanted = i64::from(division.replicas);
        return Err(NoRoom { available: wanted - remaining, wanted });
    }
    Ok(result)
}

fn deal(
    division: Division<'_>,
    replicas: i32,
    clusters: &[Candidate<'_>],
    votes: &[i64],
    present: &[i64],
) -> Vec<i64> {
    let parties: Vec<Party<'_>> = clusters
        .iter()
        .zip(votes.iter().zip(present))
        .map(|(cluster, (votes, present))| Party { name: cluster.name(), votes: *votes, present: *present })
        .collect();
    allocate(replicas, &parties, division.ties)
}

/// By the largest weight that names a cluster; where nothing names any, all weigh the same. The present assignment
/// does not count, so that the same weights always give the same division.
fn by_static_weight(division: Division<'_>, weights: &Weights<'_>, clusters: &[Candidate<'_>]) -> Vec<i64> {
    let mut votes: Vec<i64> = clusters.iter().map(|cluster| weights.of(cluster.cluster)).collect();
    if votes.iter().all(|votes| *votes <= 0) {
        votes.fill(1);
    }
    deal(division, division.replicas, clusters, &votes, &vec![0; clusters.len()])
}

/// In proportion to room. More replicas than are present: only those more are dealt out. Fewer: what is present is
/// scaled down in proportion. As many: nothing changes.
fn by_room(division: Division<'_>, clusters: &[Candidate<'_>]) -> Result<Vec<i64>, NoRoom> {
    let present: Vec<i64> = clusters.iter().map(|cluster| cluster.assigned).collect();
    let assigned = present.iter().fold(0i64, |sum, replicas| sum.saturating_add(*replicas));
    let wanted = i64::from(division.replicas);
    if division.fresh {
        let room: Vec<i64> = clusters.iter().map(Candidate::available).collect();
        return deal_room(division, division.replicas, clusters, room, &vec![0; clusters.len()]);
    }
    if assigned >= wanted {
        if assigned == wanted {
            return Ok(present);
        }
        // Of those that hold as many the last by name are emptied first, whatever room they have.
        let mut order: Vec<usize> = (0..clusters.len()).collect();
        order.sort_unstable_by_key(|index| clusters[*index].index);
        let ordered: Vec<Candidate<'_>> = order.iter().map(|index| clusters[*index]).collect();
        let votes = ordered.iter().map(|cluster| cluster.assigned).collect();
        let dealt = deal_room(division, division.replicas, &ordered, votes, &vec![0; ordered.len()])?;
        let mut result = vec![0; clusters.len()];
        order.into_iter().zip(dealt).for_each(|(index, replicas)| result[index] = replicas);
        return Ok(result);
    }
    let free: Vec<i64> = clusters.iter().map(|cluster| cluster.free).collect();
    let more = i32::try_from(wanted - assigned).unwrap_or(i32::MAX);
    let dealt = deal_room(division, more, clusters, free, &present)?;
    Ok(dealt.into_iter().zip(present).map(|(more, present)| more.saturating_add(present)).collect())
}

fn deal_room(
    division: Division<'_>,
    replicas: i32,
    clusters: &[Candidate<'_>],
    mut room: Vec<i64>,
    present: &[i64],
) -> Result<Vec<i64>, NoRoom> {
    let available = room.iter().fold(0i64, |sum, room| sum.saturating_add(*room));
    if available < i64::from(replicas) {
        return Err(NoRoom { available, wanted: replicas.into() });
    }
    if matches!(division.strategy, Strategy::Aggregated) {
        keep_largest(&mut room, replicas, present);
    }
    Ok(deal(division, replicas, clusters, &room, present))
}

/// Leaves room only in as many clusters as are needed: first those that have replicas, then those with the most room,
/// then the better ones.
fn keep_largest(room: &mut [i64], replicas: i32, present: &[i64]) {
    let mut order: Vec<usize> = (0..room.len()).collect();
    order.sort_by(|a, b| (present[*b] > 0).cmp(&(present[*a] > 0)).then_with(|| room[*b].cmp(&room[*a])));
    let mut missing = i64::from(replicas);
    for index in order {
        if missing <= 0 {
            room[index] = 0;
        }
        missing = missing.saturating_sub(room[index]);
    }
}
