//! Room that is kept free for those who wait for others to leave, and whom they have asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use windlass_api::Key;

use crate::snapshot::{Promise, Snapshot};

/// How long a binding that has left and come back is not asked again by the same one, should that still wait: it did
/// not help. It doubles each time.
const ASKED_AGAIN_MIN: Duration = Duration::from_secs(30);
const ASKED_AGAIN_MAX: Duration = Duration::from_secs(600);

/// How much time goes by for each binding that was looked at in vain, before anybody looks again.
const LOOK: Duration = Duration::from_micros(5);

/// What is kept free, and for whom.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    by_binding: BTreeMap<Key, Reservation>,
    /// Who has left for those who wait for room, how often, and until when nobody asks that of them again.
    asked: HashMap<Key, BTreeMap<Key, (u32, Duration)>>,
    /// Before that nobody looks for whom to ask.
    look_at: Duration,
    /// Those who look later, by priority.
    later: BTreeSet<(Reverse<i32>, Key)>,
    /// Who could not be asked just then, when somebody looked in vain.
    missed: BTreeSet<Key>,
    /// When somebody may be asked again.
    again: BTreeSet<(Duration, Key)>,
}

/// Room for one binding.
#[derive(Debug)]
pub(super) struct Reservation {
    /// By cluster.
    pub(super) promises: Vec<(String, Promise)>,
    /// For people.
    pub(super) waits_for: String,
}

impl Reservation {
    /// Where it is.
    pub(super) fn clusters(&self) -> impl Iterator<Item = String> {
        self.promises.iter().map(|(cluster, _)| cluster.clone())
    }
}

impl Reserved {
    /// What is kept free for a binding.
    pub(super) fn get(&self, key: &Key) -> Option<&Reservation> {
        self.by_binding.get(key)
    }

    /// Keeps room free for a binding.
    pub(super) fn put(&mut self, key: &Key, reservation: Reservation) {
        self.by_binding.insert(key.clone(), reservation);
    }

    /// Nothing is kept free for a binding any more: what was.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Reservation> {
        self.by_binding.remove(key)
    }

    /// The binding waits for no room any more: what was kept free for it.
    pub(super) fn forget(&mut self, key: &Key) -> Option<Reservation> {
        self.asked.remove(key);
        self.remove(key)
    }

    /// Takes what is kept free for others than one binding out of what is free, where those go before it. What is to be
    /// given back.
    pub(super) fn withhold(
        &self,
        clusters: &mut Snapshot,
        from: &Key,
        goes_before: impl Fn(&Key) -> bool,
    ) -> Vec<String> {
        let mut withheld = Vec::new();
        for (key, reservation) in &self.by_binding {
            if key == from || !goes_before(key) {
                continue;
            }
            for (cluster, promise) in &reservation.promises {
                if let Some(promises) = clusters.promises_mut(cluster) {
                    promises.push(promise.clone());
                    withheld.push(cluster.clone());
                }
            }
        }
        withheld
    }

    /// Whether a binding may look now for whom to ask. Where many look in vain, they do so one after the other.
    pub(super) fn may_look(&mut self, key: &Key, priority: i32, now: Duration) -> bool {
        // Who has found somebody looks after that at any time.
        if now >= self.look_at || self.by_binding.contains_key(key) {
            return true;
        }
        self.later.insert((Reverse(priority), key.clone()));
        false
    }

    /// Somebody looked at so many in vain, and at some not at all, who could not be asked just then.
    pub(super) fn looked_in_vain(&mut self, at: usize, missed: Vec<Key>, now: Duration) {
        self.missed.extend(missed);
        self.look_at = now + LOOK.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
    }

    /// A binding has left for one that waits for room, if that still does.
    pub(super) fn has_left(&mut self, other: &Key, by: &Key, now: Duration) {
        if !self.by_binding.contains_key(by) {
            return;
        }
        let (times, until) = self.asked.entry(by.clone()).or_default().entry(other.clone()).or_default();
        let spared = ASKED_AGAIN_MIN.saturating_mul(1u32.checked_shl(*times).unwrap_or(u32::MAX));
        (*times, *until) = (times.saturating_add(1), now + spared.min(ASKED_AGAIN_MAX));
        self.again.insert((*until, by.clone()));
    }

    /// Whether one binding is not to be asked by another now: it was, and that did not help.
    pub(super) fn is_spared(&self, by: &Key, other: &Key, now: Duration) -> bool {
        let asked = self.asked.get(by).and_then(|asked| asked.get(other));
        asked.is_some_and(|(_, until)| now < *until)
    }

    /// A binding may be asked again. Whether somebody looked in vain meanwhile.
    pub(super) fn was_missed(&mut self, key: &Key) -> bool {
        self.missed.remove(key)
    }

    /// Those who may look now, though nothing has happened.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Key> {
        let mut due = Vec::new();
        while self.again.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.again.pop_first().map(|(_, key)| key));
        }
        if now >= self.look_at {
            due.extend(self.later.pop_first().map(|(_, key)| key));
        }
        due
    }

    /// When somebody is due next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let later = (!self.later.is_empty()).then_some(self.look_at);
        later.into_iter().chain(self.again.first().map(|(at, _)| *at)).min()
    }
}

/// Gives back what was withheld last.
pub(super) fn give_back(clusters: &mut Snapshot, withheld: Vec<String>) {
    for cluster in withheld.into_iter().rev() {
        if let Some(promises) = clusters.promises_mut(&cluster) {
            promises.pop();
        }
    }
}
