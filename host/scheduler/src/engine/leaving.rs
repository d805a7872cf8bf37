//! Those who were made to leave, and whose pods may still be there: room that comes without anybody else having to leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use windlass_api::Key;
use windlass_api::work::{Binding, ObjectReference, ResourceBindingSpec, TargetCluster};

use super::eviction::{item, preemptions};
use crate::preempt::Occupant;

/// How long pods may be there of which the binding tells nothing any more: as long as they are given to end by default,
/// and some.
const ENDS_WITHIN: Duration = Duration::from_secs(35);

/// How long room is counted on of those who say that they are still there.
const LEAVES_WITHIN: Duration = Duration::from_secs(300);

/// By binding, what it is leaving.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    by_binding: BTreeMap<Key, Departure>,
    expiry: BTreeSet<(Duration, Key)>,
}

#[derive(Debug)]
struct Departure {
    /// What it takes up, with the clusters that it is leaving.
    spec: ResourceBindingSpec,
    /// Until when each of them is counted on.
    until: BTreeMap<String, Until>,
}

#[derive(Clone, Copy, Debug)]
struct Until {
    at: Duration,
    /// Whether the binding says that it is still there.
    is_there: bool,
}

impl Leaving {
    /// A binding is so. Whether less room is to be counted on than before.
    pub(super) fn follow(&mut self, key: &Key, binding: &Binding, began: Timestamp, now: Duration) -> bool {
        let old = self.by_binding.remove(key);
        let mut until = BTreeMap::new();
        let mut clusters = Vec::new();
        for task in preemptions(binding) {
            let name = &task.from_cluster;
            if binding.spec.clusters.iter().any(|target| target.name == *name) {
                continue;
            }
            let made = task.creation_timestamp.as_ref().map_or(now, |made| since(began, made.0));
            let known = old.as_ref().and_then(|old| old.until.get(name)).copied();
            let is_there = item(binding, name).is_some();
            let it = match known {
                Some(known) if known.is_there == is_there => known,
                None if is_there => Until { at: now + LEAVES_WITHIN, is_there },
                None => Until { at: made.min(now) + ENDS_WITHIN, is_there },
                Some(_) if is_there => Until { at: now + LEAVES_WITHIN, is_there },
                Some(known) => Until { at: known.at.min(now + ENDS_WITHIN), is_there },
            };
            if it.at > now {
                until.insert(name.clone(), it);
                clusters.push(TargetCluster { name: name.clone(), replicas: task.replicas.unwrap_or(0) });
                self.expiry.insert((it.at, key.clone()));
            }
        }
        let ended = old.is_some_and(|old| old.until.keys().any(|cluster| !until.contains_key(cluster)));
        if !until.is_empty() {
            let of = &binding.spec;
            let spec = ResourceBindingSpec {
                resource: ObjectReference {
                    namespace: of.resource.namespace.clone(),
                    ..ObjectReference::default()
                },
                replicas: of.replicas,
                replica_requirements: of.replica_requirements.clone(),
                components: of.components.clone(),
                clusters,
                ..ResourceBindingSpec::default()
            };
            self.by_binding.insert(key.clone(), Departure { spec, until });
        }
        ended
    }

    /// The binding is gone: it leaves no trace. Whether it was leaving.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        self.by_binding.remove(key).is_some()
    }

    /// Counts no longer on what did not come in time. Whether there was such.
    pub(super) fn expire(&mut self, now: Duration) -> bool {
        let mut ended = false;
        while self.expiry.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.expiry.pop_first() else { break };
            let Some(departure) = self.by_binding.get_mut(&key) else { continue };
            let before = departure.until.len();
            departure.until.retain(|_, until| until.at > now);
            let left = &departure.until;
            departure.spec.clusters.retain(|target| left.contains_key(&target.name));
            ended |= left.len() < before;
            if left.is_empty() {
                self.by_binding.remove(&key);
            }
        }
        ended
    }

    /// When to look for what has not come.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.expiry.first().map(|(at, _)| *at)
    }

    /// Those who are leaving, and what they take up meanwhile.
    pub(super) fn occupants(&self) -> impl Iterator<Item = (&Key, Occupant<'_>)> {
        let occupant = |departure| Occupant { spec: departure, priority: 0, since: 0 };
        self.by_binding.iter().map(move |(key, departure)| (key, occupant(&departure.spec)))
    }
}

/// A time of day on the engine's clock.
fn since(began: Timestamp, at: Timestamp) -> Duration {
    let elapsed: SignedDuration = at.duration_since(began);
    Duration::try_from(elapsed).unwrap_or_default()
}
