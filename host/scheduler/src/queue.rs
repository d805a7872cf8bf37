//! Whose turn it is.
//!
//! A binding waits in one of three places: active, to be decided on next, by priority and then by the time at which it
//! came; backing off, after a failure, for a time that doubles; unschedulable, until an event may have changed that,
//! or for so long. Time is a parameter: the reading of a clock that never goes back, from any start. Suspended
//! bindings are not put in at all, and removed when they become so.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

/// How long bindings wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The first backoff; it doubles with each failure.
    pub backoff_min: Duration,
    /// The longest backoff.
    pub backoff_max: Duration,
    /// How long an unschedulable binding waits if nothing happens.
    pub unschedulable_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(10),
            unschedulable_max: Duration::from_secs(300),
        }
    }
}

/// A binding whose turn it is. It is no longer in the queue; say what became of it by [`Queue::back_off`] or
/// [`Queue::unschedulable`], or drop it if it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Popped<K> {
    pub key: K,
    pub priority: i32,
    /// How often it has failed in a row.
    failures: u32,
    /// The events that had been heard of by then.
    events: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Active,
    Backoff { until: Duration },
    Unschedulable { until: Duration },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    priority: i32,
    /// In order of time; unique.
    entered: u64,
    place: Place,
    failures: u32,
}

/// Where a binding waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Behind so many others.
    Active { ahead: usize },
    /// Until then; so many others back off for less long.
    Backoff { until: Duration, ahead: usize },
    /// For an event, or until then.
    Unschedulable { until: Duration },
}

/// How many bindings have come to wait, by what brought them. Each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// They were put in, new or changed.
    pub pushed: u64,
    /// No decision could be made or carried out.
    pub failed: u64,
    /// An event may have helped them.
    pub woken: u64,
}

/// The queue of bindings that wait for a decision. `K` names a binding.
#[derive(Debug)]
pub struct Queue<K> {
    limits: Limits,
    entries: HashMap<K, Entry>,
    active: BTreeMap<(Reverse<i32>, u64), K>,
    backoff: BTreeMap<(Duration, u64), K>,
    unschedulable: BTreeMap<(Duration, u64), K>,
    entered: u64,
    events: u64,
    incoming: Incoming,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Queue<K> {
        Queue {
            limits,
            entries: HashMap::new(),
            active: BTreeMap::new(),
            backoff: BTreeMap::new(),
            unschedulable: BTreeMap::new(),
            entered: 0,
            events: 0,
            incoming: Incoming::default(),
        }
    }

    /// How many bindings wait, wherever.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bindings are active, backing off and unschedulable.
    pub fn depths(&self) -> [usize; 3] {
        [self.active.len(), self.backoff.len(), self.unschedulable.len()]
    }

    /// How many have come to wait so far.
    pub fn incoming(&self) -> Incoming {
        self.incoming
    }

    /// Puts in a binding that is new or has changed: it is active at once, and past failures are forgotten. One that
    /// is active keeps its place among its equals, and its new priority takes effect.
    pub fn push(&mut self, key: K, priority: i32) {
        let entered = match self.take(&key) {
            Some(Entry { place: Place::Active, entered, .. }) => entered,
            _ => self.next(),
        };
        self.incoming.pushed += 1;
        self.put(key, Entry { priority, entered, place: Place::Active, failures: 0 });
    }

    /// Gives a binding that waits another priority, where it is. One that does not wait stays out.
    pub fn set_priority(&mut self, key: &K, priority: i32) {
        if let Some(entry) = self.take(key) {
            self.put(key.clone(), Entry { priority, ..entry });
        }
    }

    /// Whether a binding waits.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Where a binding waits.
    pub fn waiting(&self, key: &K) -> Option<Waiting> {
        let entry = self.entries.get(key)?;
        Some(match entry.place {
            Place::Active => Waiting::Active {
                ahead: self.active.range(..(Reverse(entry.priority), entry.entered)).count(),
            },
            Place::Backoff { until } => {
                Waiting::Backoff { until, ahead: self.backoff.range(..(until, entry.entered)).count() }
            }
            Place::Unschedulable { until } => Waiting::Unschedulable { until },
        })
    }

    /// Takes a binding out: it is gone, or suspended.
    pub fn remove(&mut self, key: &K) {
        self.take(key);
    }

    /// The priority of the binding whose turn it is.
    pub fn next_priority(&mut self, now: Duration) -> Option<i32> {
        self.release(now);
        self.active.first_key_value().map(|((Reverse(priority), _), _)| *priority)
    }

    /// The binding whose turn it is.
    pub fn pop(&mut self, now: Duration) -> Option<Popped<K>> {
        self.release(now);
        let (_, key) = self.active.first_key_value()?;
        let key = key.clone();
        let entry = self.take(&key)?;
        Some(Popped { key, priority: entry.priority, failures: entry.failures, events: self.events })
    }

    /// Takes a binding out though it is not its turn, or makes it as if it had been in: something is to be done about
    /// it.
    pub fn summon(&mut self, key: &K, priority: i32) -> Popped<K> {
        let failures = self.take(key).map_or(0, |entry| entry.failures);
        Popped { key: key.clone(), priority, failures, events: self.events }
    }

    /// When [`Queue::pop`] next has something to give; `None`: not before something is put in or happens.
    pub fn next_at(&self, now: Duration) -> Option<Duration> {
        if !self.active.is_empty() {
            return Some(now);
        }
        let first = |waiting: &BTreeMap<(Duration, u64), K>| waiting.keys().next().map(|(until, _)| *until);
        first(&self.backoff).into_iter().chain(first(&self.unschedulable)).min()
    }

    /// Puts back a binding whose decision could not be made or carried out. One that was put in meanwhile stays as it
    /// is.
    pub fn back_off(&mut self, popped: Popped<K>, now: Duration) {
        if self.entries.contains_key(&popped.key) {
            return;
        }
        let doubled = 1u32.checked_shl(popped.failures).unwrap_or(u32::MAX);
        let wait = self.limits.backoff_min.saturating_mul(doubled).min(self.limits.backoff_max);
        let place = Place::Backoff { until: now.saturating_add(wait) };
        let entered = self.next();
        let failures = popped.failures.saturating_add(1);
        self.incoming.failed += 1;
        self.put(popped.key, Entry { priority: popped.priority, entered, place, failures });
    }

    /// Puts back a binding that cannot be decided on until something is known, or until then. One that was put in
    /// meanwhile stays as it is.
    pub fn hold(&mut self, popped: Popped<K>, until: Duration) {
        if self.entries.contains_key(&popped.key) {
            return;
        }
        let entered = self.next();
        let Popped { key, priority, failures, events: _ } = popped;
        self.put(key, Entry { priority, entered, place: Place::Backoff { until }, failures });
    }

    /// What a binding was held for is known. One that waits for something else stays as it is.
    pub fn release_held(&mut self, key: &K) {
        if self.entries.get(key).is_some_and(|entry| matches!(entry.place, Place::Backoff { .. })) {
            self.activate(key);
        }
    }

    /// Puts back a binding for which there was no cluster or no room. It waits for an event; if there was one since
    /// it was popped, the decision may not have known of it, and it is active again. One that was put in meanwhile
    /// stays as it is.
    pub fn unschedulable(&mut self, popped: Popped<K>, now: Duration) {
        if self.entries.contains_key(&popped.key) {
            return;
        }
        let place = if popped.events == self.events {
            Place::Unschedulable { until: now.saturating_add(self.limits.unschedulable_max) }
        } else {
            Place::Active
        };
        let entered = self.next();
        self.incoming.failed += 1;
        self.put(popped.key, Entry { priority: popped.priority, entered, place, failures: 0 });
    }

    /// Puts back a binding that waits for an event, whatever there was since it was popped. One that was put in
    /// meanwhile stays as it is.
    pub fn park(&mut self, popped: Popped<K>, now: Duration) {
        let events = self.events;
        self.unschedulable(Popped { events, ..popped }, now);
    }

    /// Something happened that may make room: unschedulable bindings that it could help are active again. How many.
    pub fn event(&mut self, mut could_help: impl FnMut(&K) -> bool) -> usize {
        self.events += 1;
        let helped: Vec<K> = self.unschedulable.values().filter(|key| could_help(key)).cloned().collect();
        for key in &helped {
            self.activate(key);
        }
        self.incoming.woken += helped.len() as u64;
        helped.len()
    }

    /// Those that have waited long enough are active again. A later one may go before an earlier one: all that are
    /// due are released before the first is popped, and then priority counts.
    fn release(&mut self, now: Duration) {
        for waiting in [&self.backoff, &self.unschedulable].map(|waiting| due(waiting, now)) {
            for key in &waiting {
                self.activate(key);
            }
        }
    }

    fn activate(&mut self, key: &K) {
        if let Some(entry) = self.take(key) {
            let entered = self.next();
            self.put(key.clone(), Entry { entered, place: Place::Active, ..entry });
        }
    }

    fn next(&mut self) -> u64 {
        self.entered += 1;
        self.entered
    }

    fn take(&mut self, key: &K) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        match entry.place {
            Place::Active => self.active.remove(&(Reverse(entry.priority), entry.entered)),
            Place::Backoff { until } => self.backoff.remove(&(until, entry.entered)),
            Place::Unschedulable { until } => self.unschedulable.remove(&(until, entry.entered)),
        };
        Some(entry)
    }

    fn put(&mut self, key: K, entry: Entry) {
        match entry.place {
            Place::Active => self.active.insert((Reverse(entry.priority), entry.entered), key.clone()),
            Place::Backoff { until } => self.backoff.insert((until, entry.entered), key.clone()),
            Place::Unschedulable { until } => self.unschedulable.insert((until, entry.entered), key.clone()),
        };
        self.entries.insert(key, entry);
    }
}

fn due<K: Clone>(waiting: &BTreeMap<(Duration, u64), K>, now: Duration) -> Vec<K> {
    waiting.range(..=(now, u64::MAX)).map(|(_, key)| key.clone()).collect()
}

#[cfg(test)]
mod tests;
