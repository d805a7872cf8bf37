//! Choosing clusters from groups of one kind: regions, providers, zones of one cluster each, or values of a label.
//!
//! What is chosen is what Karmada chooses for regions, found without looking at every combination.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::plan::{Plan, Range, Strategy, Topology};
use crate::score::Candidate;
use crate::select::SelectError;

/// Room counts for more than locality: a unit of the one outweighs all of the other.
const ROOM_WEIGHT: i64 = 1000;

/// Beyond as many steps the largest groups are taken instead of the best ones.
const STEPS_MAX: usize = 500_000;

struct Group<'a> {
    name: &'a str,
    weight: i64,
    /// The better ones first.
    members: Vec<Candidate<'a>>,
}

impl Group<'_> {
    fn heavier_first(&self, other: &Group<'_>) -> Ordering {
        other.weight.cmp(&self.weight).then_with(|| self.name.cmp(other.name))
    }
}

/// Takes the heaviest groups that do, then the best cluster of each group, then the best of the others.
pub(crate) fn select<'a>(
    plan: &Plan<'_>,
    candidates: Vec<Candidate<'a>>,
    topology: Topology<'_>,
    range: Range,
    clusters: Range,
    replicas: i64,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    let mut members = BTreeMap::<&str, Vec<Candidate<'a>>>::new();
    for candidate in candidates {
        if let [group] = topology.groups_of(candidate.cluster) {
            members.entry(group).or_default().push(candidate);
        }
    }
    let found = members.len();
    if found < range.min {
        let topology = topology.to_string();
        return Err(SelectError::TooFewGroups { topology, found, wanted: range.min });
    }
    let mut groups: Vec<Group<'a>> = members
        .into_iter()
        .map(|(name, members)| Group {
            name,
            weight: weight(plan, &members, range.min, clusters.min, replicas),
            members,
        })
        .collect();
    groups.sort_by(|a, b| a.members.len().cmp(&b.members.len()).then_with(|| a.heavier_first(b)));

    let groups_max = range.max.min(groups.len()).min(clusters.max);
    let wanted = Wanted { min: range.min, max: groups_max, clusters: clusters.min };
    let chosen = wanted.choose(&groups).ok_or_else(|| SelectError::GroupsTooSmall {
        topology: topology.to_string(),
        groups: groups_max,
        clusters: clusters.min,
    })?;
    let mut taken = Vec::new();
    let mut rest = Vec::new();
    for index in chosen {
        if let [best, others @ ..] = groups[index].members.as_slice() {
            taken.push(*best);
            rest.extend_from_slice(others);
        }
    }
    rest.sort_unstable_by(Candidate::order);
    rest.truncate(clusters.max.saturating_sub(taken.len()));
    taken.extend(rest);
    Ok(taken)
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
            let groups = i64::try_from(groups_min).unwrap_or(i64::MAX);
            let share = replicas.div_euclid(groups) + i64::from(replicas.rem_euclid(groups) != 0);
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

/// How many groups, with how many clusters together.
#[derive(Clone, Copy)]
struct Wanted {
    min: usize,
    max: usize,
    clusters: usize,
}

/// A choice that has not enough yet: what it weighs and holds, and its last link.
#[derive(Clone, Copy)]
struct Choice {
    weight: i64,
    held: usize,
    last: Option<usize>,
}

/// A group of a choice, and the link before it.
struct Link {
    group: usize,
    before: Option<usize>,
}

/// All groups of all choices.
#[derive(Default)]
struct Chain(Vec<Link>);

impl Chain {
    fn groups(&self, mut last: Option<usize>) -> Vec<usize> {
        let mut groups = Vec::new();
        while let Some(link) = last.map(|last| &self.0[last]) {
            groups.push(link.group);
            last = link.before;
        }
        groups.reverse();
        groups
    }

    /// The heavier choice first, then the one with more clusters, then the one with the earlier groups.
    fn order(&self, a: Choice, b: Choice) -> Ordering {
        (b.weight.cmp(&a.weight))
            .then_with(|| b.held.cmp(&a.held))
            .then_with(|| self.groups(a.last).cmp(&self.groups(b.last)))
    }

    fn keep_better(&self, present: &mut Option<Choice>, other: Choice) {
        if present.is_none_or(|present| self.order(other, present) == Ordering::Less) {
            *present = Some(other);
        }
    }
}

impl Wanted {
    fn holds(self, groups: usize, clusters: usize) -> bool {
        groups >= self.min && clusters >= self.clusters
    }

    /// The heaviest choice in which the last group, in the order of their sizes, is not one too many. The heavier
    /// groups first. `None`: no choice has enough clusters.
    fn choose(self, groups: &[Group<'_>]) -> Option<Vec<usize>> {
        // A choice that holds does not go on, and each group has a cluster.
        let layers = self.max.min(self.min.max(self.clusters));
        let steps = groups.len().saturating_mul(layers).saturating_mul(self.clusters.saturating_add(1));
        let mut chosen =
            if steps > STEPS_MAX { self.largest(groups)? } else { self.heaviest(groups, layers)? };
        chosen.sort_by(|a, b| groups[*a].heavier_first(&groups[*b]));
        // Where the heaviest of them do by themselves the others are left out.
        let enough = (self.min..chosen.len()).find(|count| self.is_minimal(groups, &chosen[..*count]));
        chosen.truncate(enough.unwrap_or(chosen.len()));
        Some(chosen)
    }

    /// Whether a choice holds, and would not without its largest group.
    fn is_minimal(self, groups: &[Group<'_>], chosen: &[usize]) -> bool {
        let held: usize = chosen.iter().map(|index| groups[*index].members.len()).sum();
        // Indices are in the order of sizes.
        let Some(last) = chosen.iter().max() else { return false };
        self.holds(chosen.len(), held) && !self.holds(chosen.len() - 1, held - groups[*last].members.len())
    }

    fn heaviest(self, groups: &[Group<'_>], layers: usize) -> Option<Vec<usize>> {
        let mut chain = Chain::default();
        let mut best: Option<Choice> = None;
        // open[taken][held]: the best choice of so many groups and clusters that does not hold yet.
        let mut open: Vec<Vec<Option<Choice>>> = vec![vec![None; self.clusters + 1]; layers.max(1)];
        open[0][0] = Some(Choice { weight: 0, held: 0, last: None });
        for (index, group) in groups.iter().enumerate() {
            for taken in (0..layers.max(1)).rev() {
                for held in (0..=self.clusters).rev() {
                    let Some(choice) = open[taken][held] else { continue };
                    let held = choice.held + group.members.len();
                    let holds = self.holds(taken + 1, held);
                    if !holds && taken + 1 >= layers {
                        continue;
                    }
                    chain.0.push(Link { group: index, before: choice.last });
                    let weight = choice.weight.saturating_add(group.weight);
                    let choice = Choice { weight, held, last: Some(chain.0.len() - 1) };
                    if holds {
                        chain.keep_better(&mut best, choice);
                    } else {
                        let mut entry = open[taken + 1][held.min(self.clusters)];
                        chain.keep_better(&mut entry, choice);
                        open[taken + 1][held.min(self.clusters)] = entry;
                    }
                }
            }
        }
        best.map(|best| chain.groups(best.last))
    }

    /// As few groups as have enough clusters, the largest ones.
    fn largest(self, groups: &[Group<'_>]) -> Option<Vec<usize>> {
        let mut largest: Vec<usize> = (0..groups.len()).collect();
        largest.sort_by(|a, b| {
            let (a, b) = (&groups[*a], &groups[*b]);
            b.members.len().cmp(&a.members.len()).then_with(|| a.heavier_first(b))
        });
        let mut held = 0;
        for (count, index) in largest.iter().enumerate().take(self.max) {
            held += groups[*index].members.len();
            if self.holds(count + 1, held) {
                largest.truncate(count + 1);
                return Some(largest);
            }
        }
        None
    }
}
