//! Keys that wait to be looked at: each at most once, none while it is being worked on, failures with a pause.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(30);

pub(super) struct Queue<K> {
    ready: VecDeque<K>,
    /// What is in `ready`.
    waiting: HashSet<K>,
    /// Taken and not done; true if it has to be looked at again then.
    running: HashMap<K, bool>,
    /// Keys for later; the number tells those of one moment apart.
    later: BTreeMap<(Instant, u64), K>,
    sequence: u64,
    failures: HashMap<K, u32>,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    pub(super) fn new() -> Self {
        Queue {
            ready: VecDeque::new(),
            waiting: HashSet::new(),
            running: HashMap::new(),
            later: BTreeMap::new(),
            sequence: 0,
            failures: HashMap::new(),
        }
    }

    /// To be looked at as soon as possible.
    pub(super) fn add(&mut self, key: K) {
        if let Some(again) = self.running.get_mut(&key) {
            *again = true;
        } else if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    pub(super) fn add_at(&mut self, key: K, at: Instant) {
        self.sequence += 1;
        self.later.insert((at, self.sequence), key);
    }

    /// The next key to work on, to be given back by `done` or `failed`.
    pub(super) fn take(&mut self, now: Instant) -> Option<K> {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let key = entry.remove();
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        self.waiting.remove(&key);
        self.running.insert(key.clone(), false);
        Some(key)
    }

    /// When there will be a key to take, if nothing else happens.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn done(&mut self, key: &K) {
        self.failures.remove(key);
        if self.running.remove(key) == Some(true) {
            self.add(key.clone());
        }
    }

    /// Looks at the key again after a pause, which doubles with each failure in a row.
    pub(super) fn failed(&mut self, key: &K, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = PAUSE_FIRST.saturating_mul(1 << (*failures).min(16)).min(PAUSE_MAX);
        *failures += 1;
        // What changed meanwhile waits, too: otherwise two that undo each other's work would never pause.
        self.running.remove(key);
        self.add_at(key.clone(), now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_once_and_runs_once_at_a_time() {
        let now = Instant::now();
        let mut queue = Queue::new();
        queue.add("a");
        queue.add("a");
        queue.add("b");
        assert_eq!((queue.take(now), queue.take(now), queue.take(now)), (Some("a"), Some("b"), None));
        queue.add("a");
        assert_eq!(queue.take(now), None);
        queue.done(&"a");
        queue.done(&"b");
        assert_eq!((queue.take(now), queue.take(now)), (Some("a"), None));
    }

    #[test]
    fn failures_pause_longer_and_longer_until_one_success() {
        let mut now = Instant::now();
        let mut queue = Queue::new();
        queue.add("a");
        for pause in [10, 20, 40, 80] {
            assert_eq!(queue.take(now), Some("a"));
            queue.failed(&"a", now);
            assert_eq!((queue.take(now), queue.next_at()), (None, Some(now + Duration::from_millis(pause))));
            now += Duration::from_millis(pause);
        }
        assert_eq!(queue.take(now), Some("a"));
        queue.done(&"a");
        queue.add("a");
        assert_eq!(queue.take(now), Some("a"));
        queue.failed(&"a", now);
        assert_eq!(queue.next_at(), Some(now + PAUSE_FIRST));
    }
}
