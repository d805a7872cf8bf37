//! How a plugin does: what it was asked, how it failed, and whether it is given a rest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use windlass_core::{Blame, CallError};

use crate::fault::{Fault, human};

/// Counts and the last error of one loaded plugin, and its backoff.
///
/// A plugin that fails again and again by its own fault wastes the host's time. When a streak of such failures has
/// cost more than [`WASTE_MAX`], calls are refused for a moment, then one failure more refuses them for twice as
/// long. One good answer ends the streak: a plugin that trips over some objects goes on serving the others.
#[derive(Debug)]
pub(crate) struct Health {
    made: Instant,
    calls: AtomicU64,
    /// Answers that took no call.
    declared: AtomicU64,
    nanoseconds: AtomicU64,
    failures: [AtomicU64; REASONS.len()],
    /// Failures in a row; read before the lock is taken, so that good calls take none.
    in_a_row: AtomicU64,
    /// When calls are let through again, in nanoseconds since `made`; 0 while they are.
    held_until: AtomicU64,
    streak: Mutex<Streak>,
    last_error: Mutex<Option<CallError>>,
}

#[derive(Debug, Default)]
struct Streak {
    wasted: Duration,
    holds: u32,
}

/// What the counts are as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: u64,
    /// Answers that took no call, since they are declared.
    pub declared: u64,
    /// Time spent in calls, waiting for an instance included.
    pub time: Duration,
    /// By [`Blame::reason`]; reasons that never occurred are left out.
    pub failures: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// How many of the failures were the plugin's own.
    pub fn own_faults(&self) -> u64 {
        let not_its_own = [Blame::HostFault, Blame::Rejected { field: None }].map(|blame| blame.reason());
        self.failures.iter().filter(|(reason, _)| !not_its_own.contains(reason)).map(|(_, count)| count).sum()
    }
}

const REASONS: [&str; 6] = ["HostFault", "Trap", "Rejected", "Deadline", "OutOfMemory", "BadAnswer"];
const WASTE_MAX: Duration = Duration::from_millis(250);
const IN_A_ROW_MIN: u64 = 3;
const HOLD_FIRST: Duration = Duration::from_millis(100);
const HOLD_MAX: Duration = Duration::from_secs(30);

impl Health {
    pub(crate) fn new() -> Health {
        Health {
            made: Instant::now(),
            calls: AtomicU64::new(0),
            declared: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            failures: Default::default(),
            in_a_row: AtomicU64::new(0),
            held_until: AtomicU64::new(0),
            streak: Mutex::default(),
            last_error: Mutex::default(),
        }
    }

    /// Makes a call, if the plugin is not held back, and counts how it ends.
    pub(crate) fn watch<T>(&self, call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let begun = Instant::now();
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(left) = self.held(begun) {
            return Err(Fault::host(format!(
                "held back for another {} after {} failures in a row; the last: {}",
                human(left),
                self.in_a_row.load(Ordering::Relaxed),
                self.last_error.lock().as_ref().map_or("", |error| error.message.as_str()),
            )));
        }
        let answer = call();
        let spent = begun.elapsed();
        self.nanoseconds.fetch_add(nanoseconds(spent), Ordering::Relaxed);
        match &answer {
            Err(fault) if fault.blame.is_plugins_fault() => self.own_fault(spent),
            // The host's failure says nothing about the plugin.
            Err(Fault { blame: Blame::HostFault, .. }) => {}
            Ok(_) | Err(_) => self.good(),
        }
        answer
    }

    /// Counts an answer that took no call.
    pub(crate) fn count_declared(&self) {
        self.declared.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure and remembers it as the last.
    pub(crate) fn failed(&self, error: &CallError) {
        let reason = error.blame.reason();
        if let Some(at) = REASONS.iter().position(|known| *known == reason) {
            self.failures[at].fetch_add(1, Ordering::Relaxed);
        }
        // While it is held back, what led there is worth more than the refusals.
        if error.blame != Blame::HostFault || self.held_until.load(Ordering::Relaxed) == 0 {
            *self.last_error.lock() = Some(error.clone());
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            declared: self.declared.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
            failures: REASONS
                .into_iter()
                .zip(self.failures.iter().map(|count| count.load(Ordering::Relaxed)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    pub(crate) fn last_error(&self) -> Option<CallError> {
        self.last_error.lock().clone()
    }

    /// How long calls are still refused, if they are.
    pub(crate) fn held(&self, now: Instant) -> Option<Duration> {
        match self.held_until.load(Ordering::Relaxed) {
            0 => None,
            until => (self.made + Duration::from_nanos(until))
                .checked_duration_since(now)
                .filter(|left| !left.is_zero()),
        }
    }

    fn good(&self) {
        if self.in_a_row.load(Ordering::Relaxed) > 0 {
            let mut streak = self.streak.lock();
            *streak = Streak::default();
            self.in_a_row.store(0, Ordering::Relaxed);
            self.held_until.store(0, Ordering::Relaxed);
        }
    }

    fn own_fault(&self, spent: Duration) {
        let mut streak = self.streak.lock();
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        streak.wasted += spent;
        if in_a_row >= IN_A_ROW_MIN && streak.wasted > WASTE_MAX && self.held(Instant::now()).is_none() {
            let hold = HOLD_FIRST.saturating_mul(1 << streak.holds.min(16)).min(HOLD_MAX);
            streak.holds += 1;
            self.held_until.store(nanoseconds(self.made.elapsed() + hold), Ordering::Relaxed);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline() -> Result<(), Fault> {
        Err(Fault { blame: Blame::Deadline, message: "too slow".into() })
    }

    #[test]
    fn a_streak_that_wastes_time_is_held_back_and_one_good_answer_ends_it() {
        let health = Health::new();
        for _ in 0..3 {
            assert!(health.held(Instant::now()).is_none());
            health.own_fault(Duration::from_millis(100));
        }
        assert!(health.held(Instant::now()).is_some());
        let refused = health.watch(|| Ok(())).expect_err("held back");
        assert_eq!(refused.blame, Blame::HostFault);
        assert!(refused.message.contains("3 failures in a row"), "{}", refused.message);
        health.good();
        assert_eq!(health.watch(|| Ok(7)), Ok(7));
    }

    #[test]
    fn cheap_failures_between_good_answers_hold_nobody_back() {
        let health = Health::new();
        for _ in 0..10_000 {
            assert!(health.watch(deadline).is_err());
            assert_eq!(health.watch(|| Ok(())), Ok(()));
        }
        assert_eq!(health.counts().calls, 20_000);
    }

    #[test]
    fn a_hold_doubles_up_to_its_bound() {
        let health = Health::new();
        for _ in 0..40 {
            health.held_until.store(0, Ordering::Relaxed);
            health.own_fault(Duration::from_secs(1));
        }
        let held = health.held(Instant::now()).expect("held back");
        assert!(held <= HOLD_MAX && held > HOLD_MAX / 2, "{held:?}");
    }
}
