//! Choosing clusters from several regions, providers or zones.

use std::collections::BTreeMap;

use crate::plan::{Plan, Range, Strategy, Topology};
use crate::score::Candidate;
use crate::select::SelectError;

/// Room counts for more than locality: a unit of the one outweighs all of the other.
const ROOM_WEIGHT: i64 = 1000;

/// Beyond as many combinations the largest groups are taken instead of the best ones.
const STEPS_MAX: usize = 200_000;

struct Group<'a> {
    name: &'a str,
    weight: i64,
    /// The better ones first.
    members: Vec<Candidate<'a>>,
}

/// Takes clusters from as few groups as will do, then the best cluster of each group, then the best of the others.
pub(crate) fn select<'a>(
    plan: &Plan<'_>,
    candidates: Vec<Candidate<'a>>,
    topology: Topology,
    range: Range,
    clusters: Range,
    replicas: i64,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    let mut members = BTreeMap::<&str, Vec<Candidate<'a>>>::new();
    for candidate in candidates {
        members.entry(group_of(&candidate, topology)?).or_default().push(candidate);
    }
    let found = members.len();
    if found < range.min {
        return Err(SelectError::TooFewGroups { topology: topology.name(), found, wanted: range.min });
    }
    let mut groups: Vec<Group<'a>> = members
        .into_iter()
        .map(|(name, members)| Group {
            name,
            weight: weight(plan, &members, range.min, clusters.min, replicas),
            members,
        })
        .collect();
    groups.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.name.cmp(b.name)));

    let groups_max = range.max.min(groups.len()).min(clusters.max);
    let chosen = (range.min..=groups_max).find_map(|count| choose(&groups, count, clusters.min)).ok_or(
        SelectError::GroupsTooSmall { topology: topology.name(), groups: groups_max, clusters: clusters.min },
    )?;
    let mut taken = Vec::new();
    let mut rest = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        if chosen.contains(&index) {
            let mut members = group.members.into_iter();
            taken.extend(members.next());
            rest.extend(members);
        }
    }
    rest.sort_by(Candidate::order);
    rest.truncate(clusters.max.saturating_sub(taken.len()));
    taken.extend(rest);
    Ok(taken)
}

fn group_of<'a>(candidate: &Candidate<'a>, topology: Topology) -> Result<&'a str, SelectError> {
    let cluster = candidate.cluster;
    match (topology, cluster.zones.as_slice()) {
        (Topology::Provider, _) => Ok(&cluster.provider),
        (Topology::Region, _) => Ok(&cluster.region),
        (Topology::Zone, [zone]) => Ok(zone),
        (Topology::Zone, _) => Err(SelectError::SeveralZones(cluster.name.clone())),
    }
}

/// What a group is worth: how far it can take the replicas that fall to it, then how good its clusters are.
fn weight(
    plan: &Plan<'_>,
    members: &[Candidate<'_>],
    groups_min: usize,
    clusters_min: usize,
    replicas: i64,
) -> i64 {
    let (room, scores, counted) = match plan.strategy {
        Strategy::Duplicated => {
            let able: Vec<_> = members.iter().filter(|member| member.available() >= replicas).collect();
            (able.len() as i64, able.iter().map(|member| member.score).sum::<i64>(), able.len() as i64)
        }
        _ => {
            let share = replicas.div_euclid(groups_min as i64)
                + i64::from(replicas.rem_euclid(groups_min as i64) != 0);
            let needed = clusters_min.max(groups_min);
            let (mut room, mut scores, mut counted) = (0i64, 0i64, 0i64);
            for member in members {
                room = room.saturating_add(member.available());
                scores += member.score;
                counted += 1;
                if counted as usize >= needed && room >= share {
                    break;
                }
            }
            (room.min(share), scores, counted)
        }
    };
    // A group in which nothing fits has no average.
    room.saturating_mul(ROOM_WEIGHT).saturating_add(scores / counted.max(1))
}

/// A weight, and the groups that have it together, by index.
type Choice = (i64, Vec<usize>);

/// The heaviest choice of `count` groups that have `clusters` clusters together, by index; `None` if there is none.
fn choose(groups: &[Group<'_>], count: usize, clusters: usize) -> Option<Vec<usize>> {
    let size = |group: &Group<'_>| group.members.len().min(clusters);
    if groups.len().saturating_mul(count).saturating_mul(clusters.saturating_add(1)) > STEPS_MAX {
        let mut largest: Vec<usize> = (0..groups.len()).collect();
        largest.sort_by_key(|index| std::cmp::Reverse(groups[*index].members.len()));
        largest.truncate(count);
        let total: usize = largest.iter().map(|index| groups[*index].members.len()).sum();
        return (total >= clusters).then_some(largest);
    }
    // best[taken][held]: the heaviest choice of `taken` groups with at least `held` clusters.
    let mut best: Vec<Vec<Option<Choice>>> = vec![vec![None; clusters + 1]; count + 1];
    best[0][0] = Some((0, Vec::new()));
    for (index, group) in groups.iter().enumerate() {
        for taken in (0..count).rev() {
            for held in (0..=clusters).rev() {
                let Some((weight, chosen)) = best[taken][held].clone() else { continue };
                let entry = &mut best[taken + 1][(held + size(group)).min(clusters)];
                let weight = weight.saturating_add(group.weight);
                // Equal ones: the earlier choice stays, which is the one with the better groups first.
                if entry.as_ref().is_none_or(|(present, _)| weight > *present) {
                    let mut chosen = chosen;
                    chosen.push(index);
                    *entry = Some((weight, chosen));
                }
            }
        }
    }
    best[count][clusters].take().map(|(_, chosen)| chosen)
}
