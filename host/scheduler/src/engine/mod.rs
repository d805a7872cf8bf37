//! The scheduler as a state machine: what is known goes in, what is to be done comes out.
//!
//! No clock, no client, no async. Time is a parameter of every input: the reading of a clock that never goes back.
//! Actions are pulled one by one by [`Engine::next`], so that whose turn it is is decided at the last moment. All
//! that the engine knows can be told to it again: after a restart the objects alone are enough.
//!
//! What holds at any time:
//! - a decision is written on condition that the binding still is the one that was decided on;
//! - room counts as taken from the decision until the workload shows in its member;
//! - nothing of lower priority is decided on while something of higher priority is able to be;
//! - who takes room from others does so from lower ones alone, and nobody of lower priority gets it meanwhile;
//! - a change of a cluster makes those look again whom it concerns, and no others.

mod action;
mod clusters;
mod concerns;
mod context;
mod eviction;
mod held;
mod known;
mod leaving;
mod outcome;
mod place;
mod promises;
mod refused;
mod reserved;
mod room;
mod turn;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use windlass_api::Key;
use windlass_api::conditions::{SCHEDULED, scheduled};
use windlass_api::work::{Binding, TargetCluster};

pub use action::{Action, Beneficiary, Decided, Note, Tell, Told, Write, WriteEnd};
pub use place::{Depths, Place, Standing};

use crate::queue::{Limits, Popped, Queue};
use crate::snapshot::Snapshot;
use concerns::Concerns;
use known::{Known, asks_otherwise, version};
use leaving::Leaving;
use promises::{Before, Promises};
use refused::Refused;
use reserved::Reserved;

/// Changes of room that come within this time are one event: a member that is filling up changes with every pod.
const ROOM_EVENTS_EVERY: Duration = Duration::from_millis(50);

/// What an engine is given once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bindings that ask for a scheduler of another name are left alone.
    pub scheduler_name: String,
    /// How many writes may be under way at once.
    pub writes_in_flight: usize,
    /// How long bindings wait.
    pub limits: Limits,
    /// The time of day when the engine's time was 0: what was decided shortly before may not show yet.
    pub began: Timestamp,
    /// Whether bindings whose policies want that take room from those of lower priority.
    pub preemption: bool,
}

/// The scheduler's state.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    clusters: Snapshot,
    bindings: HashMap<Key, Known>,
    concerns: Concerns,
    promises: Promises,
    queue: Queue<Key>,
    /// How many came into the queue when they were first seen.
    added: u64,
    /// Why the bindings that wait for an event were refused.
    refusals: HashMap<Key, Refused>,
    in_flight: HashMap<Key, InFlight>,
    attempts: u64,
    /// Those that wait for the answers of a cluster's estimator.
    asking: HashMap<String, BTreeSet<Key>>,
    /// What is to be done before the next decision.
    outbox: VecDeque<Action>,
    /// Clusters whose room has changed, not yet told to those that wait.
    roomier: BTreeSet<String>,
    rooms_told: Duration,
    /// Refusals whose wording is to be told later.
    untold: BTreeSet<(Duration, Key)>,
    /// Those that are placed somewhere, by priority.
    placed: BTreeSet<(i32, Key)>,
    leaving: Leaving,
    reserved: Reserved,
}

/// A decision that is being written.
#[derive(Debug)]
struct InFlight {
    popped: Popped<Key>,
    /// The priority of whom it is for.
    rank: i32,
    attempt: u64,
    /// What was decided on.
    binding: Arc<Binding>,
    targets: Vec<TargetCluster>,
    /// Whether it is to be decided on again, whatever comes of this.
    again: bool,
    /// Whether its namespace's quotas may allow more than when it was sent.
    quota_changed: bool,
    /// What remains when it is written.
    outcome: turn::Outcome,
}

impl Engine {
    /// An engine that knows nothing.
    pub fn new(settings: Settings) -> Engine {
        Engine {
            queue: Queue::new(settings.limits),
            added: 0,
            settings,
            clusters: Snapshot::default(),
            bindings: HashMap::new(),
            concerns: Concerns::default(),
            promises: Promises::default(),
            refusals: HashMap::new(),
            in_flight: HashMap::new(),
            attempts: 0,
            asking: HashMap::new(),
            outbox: VecDeque::new(),
            roomier: BTreeSet::new(),
            rooms_told: Duration::ZERO,
            untold: BTreeSet::new(),
            placed: BTreeSet::new(),
            leaving: Leaving::default(),
            reserved: Reserved::default(),
        }
    }

    /// What it was given.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// So many writes may be under way at once from now on.
    pub fn set_writes_in_flight(&mut self, writes: usize) {
        self.settings.writes_in_flight = writes;
    }

    /// A binding is so: its metadata, its spec, and how it does in its clusters. What is older than what is known is
    /// no news.
    pub fn binding(&mut self, binding: Arc<Binding>, now: Duration) {
        let key = Key::of(&binding.metadata);
        let is_new = !self.bindings.contains_key(&key);
        if let Some(changed) = self.take(&key, binding, now) {
            let pushed = self.queue.incoming().pushed;
            self.look_at(&key, changed, now);
            if is_new {
                self.added += self.queue.incoming().pushed - pushed;
            }
        }
    }

    /// Takes in a binding. Whether a decision on it may come out otherwise than before; `None`: it is no news.
    fn take(&mut self, key: &Key, binding: Arc<Binding>, now: Duration) -> Option<bool> {
        let new = version(&binding.metadata);
        match self.bindings.get(key) {
            Some(known) if new != 0 && new <= known.version => return None,
            Some(known) if known.binding.metadata.uid != binding.metadata.uid => self.binding_gone(key, now),
            _ => {}
        }
        self.concerns.put(key, &binding.spec);
        let old = self.bindings.remove(key);
        let known = match &old {
            Some(old) => old.renewed(binding),
            None => Known::new(binding),
        };
        let before = match &old {
            Some(old) => Before::Known(old.placed()),
            None if known.is_recent(self.settings.began, now) => Before::Recent,
            None => Before::LongSince,
        };
        let freed = self.promises.follow(&mut self.clusters, key, before, known.placed(), now);
        self.roomier.extend(freed);
        let outdated = old.as_ref().is_some_and(|old| old.outdated);
        if let Some(old) = &old {
            self.placed.remove(&(old.priority(), key.clone()));
            let [before, rank] = [old, &known].map(|known| known.rank(&self.settings.scheduler_name));
            if let Some(rank) = rank.filter(|rank| before.is_none_or(|before| *rank < before))
                && !old.binding.spec.clusters.is_empty()
            {
                self.may_ask(rank);
            }
        }
        if !known.binding.spec.clusters.is_empty() {
            self.placed.insert((known.priority(), key.clone()));
        }
        if self.leaving.follow(key, &known.binding, self.settings.began, now) || outdated {
            self.wake_waiting();
        }
        let old = old.map(|old| old.binding);
        let changed = outdated || old.as_deref().is_none_or(|old| asks_otherwise(old, &known.binding));
        if old.as_deref().is_none_or(|old| old.spec.clusters != known.binding.spec.clusters) {
            self.wake_peers(key, old.as_deref(), &known.binding);
        }
        self.bindings.insert(key.clone(), known);
        if outdated {
            self.may_ask_again(key);
        }
        Some(changed)
    }

    /// A binding is gone.
    pub fn binding_gone(&mut self, key: &Key, now: Duration) {
        if let Some(known) = self.bindings.remove(key) {
            self.placed.remove(&(known.priority(), key.clone()));
            let peers = self.concerns.peers(key, &known.binding.spec);
            self.wake(&peers);
        }
        self.concerns.remove(key);
        self.reserved.was_missed(key);
        if self.leaving.remove(key) {
            self.wake_waiting();
        }
        self.leave(key);
        self.roomier.extend(self.promises.revoke(&mut self.clusters, key, now));
    }

    /// The quotas of a namespace may allow more than before.
    pub fn quota_changed(&mut self, namespace: &str) {
        for in_flight in self.in_flight.values_mut().filter(|it| it.popped.key.namespace == namespace) {
            in_flight.quota_changed = true;
        }
        let refusals = &self.refusals;
        self.queue
            .event(|key| key.namespace == namespace && refusals.get(key).is_some_and(Refused::is_by_quota));
    }

    /// When [`Engine::next`] has something to give again, if nothing is put in before.
    pub fn wake_at(&mut self, now: Duration) -> Option<Duration> {
        if !self.outbox.is_empty() {
            return Some(now);
        }
        let queue = if self.may_start(now) { self.queue.next_at(now) } else { None };
        let rooms = (!self.roomier.is_empty()).then(|| self.rooms_told + ROOM_EVENTS_EVERY);
        let untold = self.untold.first().map(|(at, _)| *at);
        let others = [self.promises.next_at(), self.leaving.next_at(), self.reserved.next_at()];
        [queue, rooms, untold].into_iter().chain(others).flatten().min()
    }

    /// Puts a binding in the queue, or takes it out, as it is now. One that has not changed keeps its place.
    fn look_at(&mut self, key: &Key, changed: bool, now: Duration) {
        let Some(known) = self.bindings.get(key) else { return };
        if !known.is_for(&self.settings.scheduler_name) {
            self.give_up(key, now);
            return;
        }
        if known.is_suspended() {
            if known.condition(SCHEDULED) != Some(scheduled::SUSPENDED) {
                let placed = !known.binding.spec.clusters.is_empty();
                self.outbox.push_back(Action::Note(suspended(key, placed)));
            }
            self.give_up(key, now);
            return;
        }
        if self.in_flight.contains_key(key) {
            // What the write has brought about is known when it has ended.
            return;
        }
        if known.due(&self.clusters).is_some() || eviction::is_over(&known.binding) {
            let priority = known.priority();
            if changed || !self.queue.contains(key) {
                self.queue.push(key.clone(), priority);
            } else {
                self.queue.set_priority(key, priority);
                self.note_still_refused(key);
            }
            return;
        }
        let untold = !known.is_noted() || known.condition(SCHEDULED) != Some(scheduled::SUCCESS);
        let (binding, moved) = (known.binding.clone(), known.moved);
        self.give_up(key, now);
        if untold {
            self.note_success(key, &binding, None, moved);
        }
    }

    /// Those that have to be beside such a binding, or must not be, may be placed otherwise now that it is.
    fn wake_peers(&mut self, key: &Key, old: Option<&Binding>, new: &Binding) {
        let mut peers = self.concerns.peers(key, &new.spec);
        if let Some(old) = old {
            peers.extend(self.concerns.peers(key, &old.spec));
        }
        self.wake(&peers);
    }

    fn wake(&mut self, keys: &BTreeSet<Key>) {
        if !keys.is_empty() {
            self.queue.event(|key| keys.contains(key));
        }
    }

    /// Takes a binding out of the queue: there is nothing to be decided.
    fn leave(&mut self, key: &Key) {
        self.queue.remove(key);
        if let Some(free) = self.reserved.forget(key) {
            self.roomier.extend(free.clusters());
        }
        if let Some(refused) = self.refusals.remove(key) {
            self.untold.remove(&(refused.tell_at, key.clone()));
        }
    }

    /// Takes a binding out of the queue, and frees what was decided for it and has not come about.
    fn give_up(&mut self, key: &Key, now: Duration) {
        self.leave(key);
        if !self.in_flight.contains_key(key) {
            self.roomier.extend(self.promises.settled(&mut self.clusters, key, now));
        }
    }

    fn note_success(&mut self, key: &Key, on: &Binding, affinity: Option<String>, chosen: bool) {
        if let Some(known) = self.bindings.get_mut(key) {
            known.holds(on, affinity.clone());
        }
        let decided = Decided { generation: on.metadata.generation, affinity, chosen };
        self.outbox.push_back(Action::Note(success(key, decided)));
    }
}

fn success(key: &Key, decided: Decided) -> Note {
    Note {
        key: key.clone(),
        status: true,
        reason: scheduled::SUCCESS,
        message: "Binding has been scheduled successfully.".to_owned(),
        decided: Some(decided),
    }
}

fn suspended(key: &Key, placed: bool) -> Note {
    Note {
        key: key.clone(),
        status: placed,
        reason: scheduled::SUSPENDED,
        message: "spec.suspension.scheduling is true: the binding is scheduled once it is false or absent"
            .to_owned(),
        decided: None,
    }
}

#[cfg(test)]
mod tests;
