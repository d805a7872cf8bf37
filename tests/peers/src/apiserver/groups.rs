//! Differences by what they have in common, each group with one example that is made as small as it gets.

use std::collections::BTreeMap;

use super::accepted::Accepted;
use super::call::Body;
use super::difference::{Aspect, Difference};
use super::exchange::{Found, Pair};
use super::mutation::{pointers, remove};
use super::rounds::Round;

/// How often a smaller example is tried for.
const ATTEMPTS_MAX: usize = 80;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    aspect: Aspect,
    resource: String,
    place: String,
}

/// The first of its kind.
pub(crate) struct Example {
    round: Round,
    at: usize,
    difference: Difference,
}

pub(crate) struct Group {
    pub(crate) count: usize,
    pub(crate) example: Example,
}

#[derive(Default)]
pub(crate) struct Groups {
    groups: BTreeMap<Key, Group>,
    /// How often each accepted difference came up, by its name.
    pub(crate) accepted: BTreeMap<String, usize>,
}

impl Groups {
    pub(crate) fn add(&mut self, rules: &[Accepted], round: &Round, found: Vec<Found>) {
        let resource = &round.sample.plural;
        for Found { at, difference } in found {
            if let Some(rule) = rules.iter().find(|rule| rule.covers(resource, &difference)) {
                *self.accepted.entry(rule.name.clone()).or_default() += 1;
                continue;
            }
            let key = Key {
                aspect: difference.aspect,
                resource: resource.clone(),
                place: difference.place.clone(),
            };
            let group = self.groups.entry(key).or_insert_with(|| Group {
                count: 0,
                example: Example { round: round.clone(), at, difference },
            });
            group.count += 1;
        }
    }

    /// How many groups there are, and how many of them are about wording alone.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let wording = self.groups.keys().filter(|key| key.aspect == Aspect::Wording).count();
        (self.groups.len(), wording)
    }

    /// Prints the groups, the worst first; the first `shrunk` of them with a small example.
    ///
    /// # Errors
    /// A server does not answer.
    pub(crate) async fn report(&self, pair: &Pair, shrunk: usize) -> anyhow::Result<()> {
        for (number, (key, group)) in self.groups.iter().enumerate() {
            let Key { aspect, resource, place } = key;
            println!("\n{}. {aspect} of {resource}, {} times: {place}", number + 1, group.count);
            let mut example = Example {
                round: group.example.round.clone(),
                at: group.example.at,
                difference: group.example.difference.clone(),
            };
            if number < shrunk {
                example = smaller(pair, example, number).await?;
            }
            println!(
                "  kubernetes: {}\n  windlass:   {}",
                example.difference.theirs, example.difference.ours
            );
            for call in &example.round.calls[..example.round.calls.len().min(example.at + 1)] {
                println!("    {}", call.shown());
            }
            if example.at >= example.round.calls.len() {
                println!("    WATCH {}", example.round.sample.collection());
            }
        }
        Ok(())
    }
}

/// Leaves out calls, and parts of their bodies, as long as the same difference is seen.
async fn smaller(pair: &Pair, mut example: Example, number: usize) -> anyhow::Result<Example> {
    let at_end = example.at >= example.round.calls.len();
    if !at_end {
        example.round.calls.truncate(example.at + 1);
    }
    let mut attempts = 0;
    let mut step = 0;
    // From the end, so that what an attempt leaves out moves nothing that is still to be tried.
    while attempts < ATTEMPTS_MAX
        && let Some(candidate) = candidate(&example.round, step, at_end)
    {
        attempts += 1;
        let outcome = pair.play(&candidate, &format!("s{number}-{attempts}")).await?;
        let same = outcome.found.into_iter().find(|found| {
            found.difference.aspect == example.difference.aspect
                && found.difference.place == example.difference.place
        });
        match same {
            Some(found) => example = Example { round: candidate, at: found.at, difference: found.difference },
            None => step += 1,
        }
    }
    Ok(example)
}

/// The round without its `step`th part: first whole calls, then what is in the bodies.
fn candidate(round: &Round, step: usize, at_end: bool) -> Option<Round> {
    let mut round = round.clone();
    let removable = if at_end { round.calls.len() } else { round.calls.len().saturating_sub(1) };
    if step < removable {
        round.calls.remove(removable - 1 - step);
        return Some(round);
    }
    let mut step = step - removable;
    for call in &mut round.calls {
        if step < call.query.len() {
            call.query.remove(step);
            return Some(round);
        }
        step -= call.query.len();
        let Body::Json(body) = &mut call.body else { continue };
        let mut known = pointers(body);
        known.retain(|pointer| {
            !matches!(pointer.as_str(), "/apiVersion" | "/kind" | "/metadata" | "/metadata/name")
        });
        if step < known.len() {
            remove(body, &known[step]);
            return Some(round);
        }
        step -= known.len();
    }
    None
}
