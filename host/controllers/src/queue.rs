//! The work queue of a controller: each key at most once, never two reconciles of one key at a time, what somebody
//! just changed before what a restart replays, and failures retried with a growing, jittered delay.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// A restart or a relist replays it: nothing is known to have changed.
    Replay,
    /// Something changed.
    Fresh,
}

const BACKOFF_MIN: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// A queue of keys. Keys are handed out by [`Queue::next`] and have to be given back with [`Queue::done`].
#[derive(Debug)]
pub(crate) struct Queue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

#[derive(Debug)]
struct State<K> {
    fresh: VecDeque<K>,
    replay: VecDeque<K>,
    /// Waiting keys and the priority they wait at; an entry of `replay` whose key waits as fresh is passed over.
    waiting: HashMap<K, Priority>,
    processing: HashSet<K>,
    /// Added again while being processed.
    again: HashMap<K, Priority>,
    failures: HashMap<K, u32>,
    delayed: BinaryHeap<Delayed<K>>,
    /// When a delayed key is due; an entry of `delayed` with another time is passed over.
    due: HashMap<K, Instant>,
}

#[derive(Debug)]
struct Delayed<K> {
    due: Instant,
    key: K,
}

impl<K> PartialEq for Delayed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}
impl<K> Eq for Delayed<K> {}
impl<K> PartialOrd for Delayed<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Delayed<K> {
    /// The earliest is the greatest: the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl<K: Clone + Eq + Hash> Default for Queue<K> {
    fn default() -> Self {
        Queue {
            state: Mutex::new(State {
                fresh: VecDeque::new(),
                replay: VecDeque::new(),
                waiting: HashMap::new(),
                processing: HashSet::new(),
                again: HashMap::new(),
                failures: HashMap::new(),
                delayed: BinaryHeap::new(),
                due: HashMap::new(),
            }),
            wake: Notify::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Adds a key because something changed.
    pub(crate) fn add(&self, key: K) {
        self.add_with(key, Priority::Fresh);
    }

    /// Adds a key. A key that waits already keeps the higher of both priorities.
    pub(crate) fn add_with(&self, key: K, priority: Priority) {
        self.state.lock().add(key, priority);
        self.wake.notify_one();
    }

    /// Adds a key once `delay` has passed; an earlier time asked for before stands.
    pub(crate) fn add_after(&self, key: K, delay: Duration) {
        let due = Instant::now() + delay;
        let mut state = self.state.lock();
        match state.due.entry(key.clone()) {
            Entry::Occupied(entry) if *entry.get() <= due => return,
            Entry::Occupied(mut entry) => {
                entry.insert(due);
            }
            Entry::Vacant(entry) => {
                entry.insert(due);
            }
        }
        state.delayed.push(Delayed { due, key });
        drop(state);
        self.wake.notify_one();
    }

    /// Adds a key that failed, after a delay that doubles with each failure in a row.
    pub(crate) fn retry(&self, key: K) {
        let failures = {
            let mut state = self.state.lock();
            let failures = state.failures.entry(key.clone()).or_insert(0);
            *failures += 1;
            *failures
        };
        let delay = backoff(&key, failures);
        self.add_after(key, delay);
    }

    /// How many keys wait or are being processed.
    pub(crate) fn load(&self) -> usize {
        let state = self.state.lock();
        state.waiting.len() + state.processing.len()
    }

    /// The next key to process: waits until there is one.
    pub(crate) async fn next(&self) -> K {
        loop {
            let due = {
                let mut state = self.state.lock();
                state.release_due(Instant::now());
                if let Some(key) = state.pop() {
                    return key;
                }
                state.delayed.peek().map(|delayed| delayed.due)
            };
            match due {
                Some(due) => {
                    let _ = tokio::time::timeout_at(due, self.wake.notified()).await;
                }
                None => self.wake.notified().await,
            }
        }
    }

    /// Gives back a key that succeeded: its failures are forgotten, and it may be handed out again.
    pub(crate) fn done(&self, key: &K) {
        self.state.lock().failures.remove(key);
        self.release(key);
    }

    /// Gives back a key that failed, to be tried again later.
    pub(crate) fn failed(&self, key: &K) {
        self.release(key);
        self.retry(key.clone());
    }

    fn release(&self, key: &K) {
        let mut state = self.state.lock();
        state.processing.remove(key);
        if let Some(priority) = state.again.remove(key) {
            state.add(key.clone(), priority);
        }
        drop(state);
        self.wake.notify_one();
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn add(&mut self, key: K, priority: Priority) {
        if self.processing.contains(&key) {
            let again = self.again.entry(key).or_insert(priority);
            *again = priority.max(*again);
            return;
        }
        match self.waiting.get(&key) {
            Some(waiting) if *waiting >= priority => return,
            _ => {}
        }
        self.waiting.insert(key.clone(), priority);
        match priority {
            Priority::Fresh => self.fresh.push_back(key),
            Priority::Replay => self.replay.push_back(key),
        }
    }

    fn release_due(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|delayed| delayed.due <= now) {
            let Some(Delayed { due, key }) = self.delayed.pop() else { return };
            if self.due.get(&key) == Some(&due) {
                self.due.remove(&key);
                self.add(key, Priority::Fresh);
            }
        }
    }

    fn pop(&mut self) -> Option<K> {
        if let Some(key) = self.fresh.pop_front() {
            self.waiting.remove(&key);
            self.processing.insert(key.clone());
            return Some(key);
        }
        while let Some(key) = self.replay.pop_front() {
            if self.waiting.get(&key) == Some(&Priority::Replay) {
                self.waiting.remove(&key);
                self.processing.insert(key.clone());
                return Some(key);
            }
        }
        None
    }
}

/// Doubles from 5 ms to a minute; up to half of it is taken off by the key, so that keys which failed together
/// don't come back together.
fn backoff<K: Hash>(key: &K, failures: u32) -> Duration {
    let full = BACKOFF_MIN.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(BACKOFF_MAX);
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((key, failures));
    full - full.mul_f64((hash % 1024) as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn ready(queue: &Queue<u32>) -> Option<u32> {
        queue.next().now_or_never()
    }

    #[test]
    fn a_key_waits_once_and_is_never_processed_twice_at_a_time() {
        let queue = Queue::default();
        queue.add(1);
        queue.add(1);
        assert_eq!(ready(&queue), Some(1));
        queue.add(1);
        assert_eq!(ready(&queue), None, "1 is being processed");
        queue.done(&1);
        assert_eq!(ready(&queue), Some(1));
        queue.done(&1);
        assert_eq!(ready(&queue), None);
    }

    #[test]
    fn fresh_changes_go_before_a_replay() {
        let queue = Queue::default();
        for key in 0..3 {
            queue.add_with(key, Priority::Replay);
        }
        queue.add(7);
        queue.add(2);
        let order: Vec<_> = std::iter::from_fn(|| ready(&queue)).collect();
        assert_eq!(order, [7, 2, 0, 1]);
    }

    #[tokio::test]
    async fn a_failed_key_comes_back_later() {
        let queue = Queue::default();
        queue.add(1);
        assert_eq!(queue.next().await, 1);
        queue.failed(&1);
        assert_eq!(ready(&queue), None);
        assert_eq!(queue.next().await, 1);
    }

    #[test]
    fn backoff_grows_to_a_bound() {
        assert!(backoff(&1, 1) <= BACKOFF_MIN);
        assert!(backoff(&1, 10) > backoff(&1, 5));
        assert!(backoff(&1, 1000) <= BACKOFF_MAX && backoff(&1, 1000) >= BACKOFF_MAX / 2);
    }
}
