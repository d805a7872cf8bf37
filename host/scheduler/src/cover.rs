//! Choosing clusters where they are grouped in several ways at once, or are in several groups of one kind.
//!
//! Each constraint holds over the clusters that are chosen together: they are in at least and at most so many groups of
//! its kind. A cluster in several zones counts for each of them. As few groups as will do are taken, the better
//! clusters first; whoever is there already stays if that is possible.

use std::collections::HashMap;

use crate::plan::{Range, Topology};
use crate::score::Candidate;
use crate::select::{SelectError, room};

/// After so many looks at a cluster the search is given up.
const STEPS_MAX: usize = 10_000_000;

/// As many ways on are tried from one place.
const WAYS_MAX: usize = 16;

/// One way of grouping the candidates.
struct Kind {
    range: Range,
    /// By candidate.
    groups: Vec<Vec<usize>>,
    /// How many of the chosen clusters are in each group.
    chosen: Vec<usize>,
    /// How many groups have a chosen cluster.
    covered: usize,
}

impl Kind {
    fn new(topology: Topology<'_>, range: Range, candidates: &[Candidate<'_>]) -> Kind {
        let mut numbers = HashMap::new();
        let mut number = |name| {
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        };
        let groups = candidates
            .iter()
            .map(|candidate| {
                let mut groups: Vec<usize> =
                    topology.groups_of(candidate.cluster).iter().map(&mut number).collect();
                groups.sort_unstable();
                groups.dedup();
                groups
            })
            .collect();
        Kind { range, groups, chosen: vec![0; numbers.len()], covered: 0 }
    }

    /// How many more groups a candidate would bring.
    fn new_groups(&self, candidate: usize) -> usize {
        self.groups[candidate].iter().filter(|group| self.chosen[**group] == 0).count()
    }

    fn is_short(&self) -> bool {
        self.covered < self.range.min
    }

    fn add(&mut self, candidate: usize) {
        for group in &self.groups[candidate] {
            self.chosen[*group] += 1;
            self.covered += usize::from(self.chosen[*group] == 1);
        }
    }

    fn remove(&mut self, candidate: usize) {
        for group in &self.groups[candidate] {
            self.chosen[*group] -= 1;
            self.covered -= usize::from(self.chosen[*group] == 0);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Open,
    Chosen,
    /// All choices with it have been tried.
    Tried,
}

struct Search {
    kinds: Vec<Kind>,
    clusters: Range,
    /// By candidate.
    places: Vec<Place>,
    /// In the order of their choice.
    chosen: Vec<usize>,
    steps: usize,
    /// Whether ways were left out, so that not finding one proves nothing.
    curtailed: bool,
}

/// A place from which there are several ways on.
struct Fork {
    /// Candidates, the best one last.
    ways: Vec<usize>,
    /// Those that were tried.
    tried: Vec<usize>,
    /// How many clusters were chosen before.
    chosen: usize,
}

/// Takes the better clusters, in groups of all these kinds. `candidates` are in order.
pub(crate) fn select<'a>(
    topologies: &[(Topology<'_>, Range)],
    clusters: Range,
    candidates: Vec<Candidate<'a>>,
    wanted: Option<i64>,
) -> Result<Vec<Candidate<'a>>, SelectError> {
    if candidates.len() < clusters.min {
        return Err(SelectError::TooFewClusters { found: candidates.len(), wanted: clusters.min });
    }
    let kinds: Vec<Kind> =
        topologies.iter().map(|(topology, range)| Kind::new(*topology, *range, &candidates)).collect();
    for ((topology, range), kind) in topologies.iter().zip(&kinds) {
        let found = kind.chosen.len();
        if found < range.min {
            let topology = topology.to_string();
            return Err(SelectError::TooFewGroups { topology, found, wanted: range.min });
        }
    }
    let mut search = Search {
        kinds,
        clusters,
        places: vec![Place::Open; candidates.len()],
        chosen: Vec::new(),
        steps: 0,
        curtailed: false,
    };
    // From where it is, and if that leads nowhere from nothing.
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.score > 0 && search.admits(index) {
            search.choose(index);
        }
    }
    let mut found = search.run();
    if !found && candidates.iter().any(|candidate| candidate.score > 0) {
        search.reset();
        found = search.run();
    }
    if !found {
        let (wanted, found) = (text(topologies, clusters), candidates.len());
        return Err(if search.curtailed || search.steps >= STEPS_MAX {
            SelectError::GaveUp { found, wanted, steps: search.steps }
        } else {
            SelectError::NoCover { found, wanted }
        });
    }
    search.fill();
    if let Some(wanted) = wanted {
        search.make_room(&candidates, wanted)?;
    }
    let mut taken: Vec<Candidate<'a>> = search.chosen.iter().map(|index| candidates[*index]).collect();
    taken.sort_unstable_by(Candidate::order);
    Ok(taken)
}

/// `2 to 3 region groups, at least 2 zone groups, at most 4 clusters`
fn text(topologies: &[(Topology<'_>, Range)], clusters: Range) -> String {
    let bounds = |range: Range| match range {
        Range { min, max: usize::MAX } => format!("at least {min}"),
        Range { min, max } if min == max => format!("exactly {min}"),
        Range { min, max } => format!("{min} to {max}"),
    };
    let groups = topologies.iter().map(|(topology, range)| format!("{} {topology} groups", bounds(*range)));
    groups.chain([format!("{} clusters", bounds(clusters))]).collect::<Vec<_>>().join(", ")
}

impl Search {
    fn reset(&mut self) {
        while let Some(index) = self.chosen.last().copied() {
            self.unchoose(index);
        }
        self.places.fill(Place::Open);
    }

    fn choose(&mut self, index: usize) {
        self.places[index] = Place::Chosen;
        self.chosen.push(index);
        self.kinds.iter_mut().for_each(|kind| kind.add(index));
    }

    /// Takes back the last choice.
    fn unchoose(&mut self, index: usize) {
        self.places[index] = Place::Open;
        self.chosen.pop();
        self.kinds.iter_mut().for_each(|kind| kind.remove(index));
    }

    /// Whether a candidate can be added without there being too many of anything.
    fn admits(&self, index: usize) -> bool {
        self.places[index] == Place::Open
            && self.chosen.len() < self.clusters.max
            && self.kinds.iter().all(|kind| kind.covered + kind.new_groups(index) <= kind.range.max)
    }

    /// Adds clusters to those that are chosen until there is enough of everything. Whether that was possible.
    fn run(&mut self) -> bool {
        let mut forks: Vec<Fork> = Vec::new();
        loop {
            let short = self.kinds.iter().any(Kind::is_short);
            if !short && self.chosen.len() < self.clusters.min {
                // Clusters of groups that are chosen already stand in nobody's way.
                self.fill_to(self.clusters.min);
            }
            if !short && self.chosen.len() >= self.clusters.min {
                return true;
            }
            let ways = self.ways();
            forks.push(Fork { ways, tried: Vec::new(), chosen: self.chosen.len() });
            loop {
                let Some(fork) = forks.last_mut() else { return false };
                while self.chosen.len() > fork.chosen {
                    let Some(last) = self.chosen.last().copied() else { break };
                    self.unchoose(last);
                }
                if let Some(tried) = fork.tried.last() {
                    self.places[*tried] = Place::Tried;
                }
                if self.steps < STEPS_MAX
                    && let Some(way) = fork.ways.pop()
                {
                    fork.tried.push(way);
                    self.choose(way);
                    break;
                }
                for tried in &fork.tried {
                    self.places[*tried] = Place::Open;
                }
                forks.pop();
            }
        }
    }

    /// The candidates that bring nearer what is lacking, the best one last; none where what is lacking can't be had.
    fn ways(&mut self) -> Vec<usize> {
        let count = self.places.len();
        self.steps = self.steps.saturating_add(count.saturating_mul(self.kinds.len() + 1));
        let open: Vec<usize> = (0..count).filter(|index| self.admits(*index)).collect();
        let lacking = self.clusters.min.saturating_sub(self.chosen.len());
        if open.len() < lacking {
            return Vec::new();
        }
        // Which kind has the fewest candidates that help.
        let mut fewest: Option<Vec<usize>> = None;
        for kind in self.kinds.iter().filter(|kind| kind.is_short()) {
            let mut reach = vec![false; kind.chosen.len()];
            let mut most = 0;
            let mut helping = Vec::new();
            for index in &open {
                let brings = kind.new_groups(*index);
                if brings > 0 {
                    most = most.max(brings);
                    helping.push(*index);
                    kind.groups[*index].iter().for_each(|group| reach[*group] = true);
                }
            }
            let reached = reach.iter().zip(&kind.chosen).filter(|(reach, chosen)| **reach && **chosen == 0);
            let slots = self.clusters.max - self.chosen.len();
            let missing = kind.range.min - kind.covered;
            if reached.count() < missing || most.saturating_mul(slots) < missing {
                return Vec::new();
            }
            if fewest.as_ref().is_none_or(|fewest| helping.len() < fewest.len()) {
                fewest = Some(helping);
            }
        }
        let mut ways = fewest.unwrap_or(open);
        // What is not needed costs more than what is needed helps; then the better cluster.
        ways.sort_by_cached_key(|index| {
            let (mut needless, mut useful) = (0, 0);
            for kind in &self.kinds {
                let brings = kind.new_groups(*index);
                let missing = kind.range.min.saturating_sub(kind.covered);
                useful += brings.min(missing);
                needless += brings.saturating_sub(missing);
            }
            (needless, usize::MAX - useful, *index)
        });
        if ways.len() > WAYS_MAX {
            ways.truncate(WAYS_MAX);
            self.curtailed = true;
        }
        ways.reverse();
        ways
    }

    /// Adds the clusters of the groups that are chosen, as many as are allowed.
    fn fill(&mut self) {
        self.fill_to(self.clusters.max);
    }

    fn fill_to(&mut self, count: usize) {
        for index in 0..self.places.len() {
            if self.chosen.len() >= count {
                return;
            }
            if self.places[index] != Place::Chosen
                && self.kinds.iter().all(|kind| kind.new_groups(index) == 0)
            {
                self.choose(index);
            }
        }
    }

    /// Adds the clusters with the most room, then puts them in the place of the worst, until all replicas have a place.
    fn make_room(&mut self, candidates: &[Candidate<'_>], wanted: i64) -> Result<(), SelectError> {
        let held = |search: &Search| {
            let chosen: Vec<_> = search.chosen.iter().map(|index| candidates[*index]).collect();
            room(&chosen)
        };
        self.places.iter_mut().filter(|place| **place == Place::Tried).for_each(|place| *place = Place::Open);
        let mut rest: Vec<usize> =
            (0..candidates.len()).filter(|index| self.places[*index] == Place::Open).collect();
        rest.sort_by_key(|index| std::cmp::Reverse(candidates[*index].available()));
        let mut available = held(self);
        for index in &rest {
            if available < wanted && self.admits(*index) && candidates[*index].available() > 0 {
                self.choose(*index);
                available = available.saturating_add(candidates[*index].available());
            }
        }
        let mut worst = self.chosen.clone();
        worst.sort_by(|a, b| candidates[*b].order(&candidates[*a]));
        for out in worst {
            if available >= wanted || self.steps >= STEPS_MAX {
                break;
            }
            self.steps = self.steps.saturating_add(rest.len().saturating_mul(self.kinds.len() + 1));
            self.replace(out, &rest, candidates);
            available = held(self);
        }
        if available < wanted {
            return Err(SelectError::NoRoom { clusters: self.chosen.len(), available, wanted });
        }
        Ok(())
    }

    /// Puts the one with the most room in the place of a cluster that has less, if everything still holds then.
    fn replace(&mut self, out: usize, rest: &[usize], candidates: &[Candidate<'_>]) {
        let Some(position) = self.chosen.iter().position(|chosen| *chosen == out) else { return };
        self.chosen.swap_remove(position);
        self.chosen.push(out);
        self.unchoose(out);
        let better = rest
            .iter()
            .copied()
            .take_while(|index| candidates[*index].available() > candidates[out].available());
        for index in better {
            if self.admits(index) {
                self.choose(index);
                if !self.kinds.iter().any(Kind::is_short) {
                    return;
                }
                self.unchoose(index);
            }
        }
        self.choose(out);
    }
}

#[cfg(test)]
mod tests;
