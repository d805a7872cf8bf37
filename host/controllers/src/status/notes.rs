//! What controllers have to say in a status, kept until the one writer of that status has written it.
//!
//! Every status has one writer, so that conditions of different authors don't overwrite each other, and whatever
//! comes in quick succession is one write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use windlass_api::work::ResourceBindingStatus;

use crate::context::Clock;
use crate::index::Key;
use crate::queue::Queue;

/// How long a status waits for more to say. Nothing that places or applies an object waits for a status.
const SETTLE: Duration = Duration::from_millis(20);

/// A change to a list of conditions: set (`Some`) or removed, by type.
pub(crate) type ConditionChanges = BTreeMap<&'static str, Option<NewCondition>>;

/// A condition, but for when it changed and which generation it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewCondition {
    pub(crate) status: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// What a decision of the scheduler leaves in a binding's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The generation that was decided on; `None` where nothing was decided.
    pub(crate) observed_generation: Option<i64>,
    pub(crate) affinity_name: Option<String>,
    /// When clusters were chosen, where they were.
    pub(crate) scheduled_at: Option<Timestamp>,
}

impl Decision {
    /// This decision, with what it leaves open taken from an older one.
    fn over(self, older: Option<Decision>) -> Decision {
        let Some(older) = older else { return self };
        Decision {
            observed_generation: self.observed_generation.or(older.observed_generation),
            affinity_name: self.affinity_name.or(older.affinity_name),
            scheduled_at: self.scheduled_at.or(older.scheduled_at),
        }
    }
}

/// What waits to be written to one binding's status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    pub(crate) conditions: ConditionChanges,
    pub(crate) decision: Option<Decision>,
}

impl Note {
    /// Makes a status say what was noted.
    pub(crate) fn put_in(&self, status: &mut ResourceBindingStatus, generation: Option<i64>, now: Timestamp) {
        apply_conditions(&mut status.conditions, &self.conditions, generation, now);
        let Some(Decision { observed_generation, affinity_name, scheduled_at }) = &self.decision else {
            return;
        };
        if let Some(observed) = observed_generation {
            status.scheduler_observed_generation = *observed;
        }
        if let Some(name) = affinity_name {
            status.scheduler_observed_affinity_name.clone_from(name);
        }
        if let Some(at) = scheduled_at {
            status.last_scheduled_time = Some(Time(*at));
        }
    }
}

/// The notes on all bindings.
pub(crate) struct Notes {
    waiting: Mutex<HashMap<Key, Note>>,
    queue: Arc<Queue<Key>>,
    pub(crate) clock: Clock,
}

impl Notes {
    /// Notes whose writer takes its keys from `queue`.
    pub(crate) fn new(queue: Arc<Queue<Key>>, clock: Clock) -> Notes {
        Notes { waiting: Mutex::default(), queue, clock }
    }

    /// Sets a condition of a binding.
    pub(crate) fn set_condition(
        &self,
        key: &Key,
        kind: &'static str,
        status: bool,
        reason: &str,
        message: String,
    ) {
        let condition = NewCondition { status, reason: reason.to_owned(), message };
        self.change(key, |note| {
            note.conditions.insert(kind, Some(condition));
        });
    }

    /// Removes a condition of a binding, if one waits to be written or, as `written` says, was.
    pub(crate) fn clear_condition(&self, key: &Key, kind: &'static str, written: bool) {
        let waits = self.waiting.lock().get(key).is_some_and(|note| note.conditions.contains_key(kind));
        if waits || written {
            self.change(key, |note| {
                note.conditions.insert(kind, None);
            });
        }
    }

    /// Adds a note to what waits; it is newer.
    pub(crate) fn add(&self, key: &Key, new: Note) {
        let Note { conditions, decision } = new;
        self.change(key, |note| {
            note.conditions.extend(conditions);
            if let Some(decision) = decision {
                note.decision = Some(decision.over(note.decision.take()));
            }
        });
    }

    /// Has the status written even if nothing was noted: what it is computed from has changed.
    pub(crate) fn touch(&self, key: &Key) {
        self.queue.add_after(key.clone(), SETTLE);
    }

    /// Takes what waits for one binding.
    pub(crate) fn take(&self, key: &Key) -> Note {
        self.waiting.lock().remove(key).unwrap_or_default()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Puts back what could not be written. What was noted since is newer, and stands.
    pub(crate) fn put_back(&self, key: &Key, note: Note) {
        let mut waiting = self.waiting.lock();
        let newer = waiting.entry(key.clone()).or_default();
        for (kind, change) in note.conditions {
            newer.conditions.entry(kind).or_insert(change);
        }
        newer.decision = match newer.decision.take() {
            Some(decision) => Some(decision.over(note.decision)),
            None => note.decision,
        };
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Note)) {
        change(self.waiting.lock().entry(key.clone()).or_default());
        self.touch(key);
    }
}

/// Makes changes to a list of conditions; the time of transition moves only with the status.
pub(crate) fn apply_conditions(
    conditions: &mut Vec<Condition>,
    changes: &ConditionChanges,
    generation: Option<i64>,
    now: Timestamp,
) {
    for (kind, change) in changes {
        match change {
            None => conditions.retain(|condition| condition.type_ != *kind),
            Some(new) => set_condition(conditions, kind, new, generation, now),
        }
    }
}

/// Sets one condition.
pub(crate) fn set_condition(
    conditions: &mut Vec<Condition>,
    kind: &str,
    new: &NewCondition,
    generation: Option<i64>,
    now: Timestamp,
) {
    let status = if new.status { "True" } else { "False" };
    let message = shortened(&new.message);
    let reason = new.reason.clone();
    match conditions.iter_mut().find(|condition| condition.type_ == kind) {
        Some(condition) => {
            if condition.status != status {
                condition.last_transition_time = Time(now);
            }
            if condition.status != status || condition.reason != reason || condition.message != message {
                condition.observed_generation = generation;
            }
            condition.status = status.to_owned();
            condition.reason = reason;
            condition.message = message;
        }
        None => conditions.push(Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            last_transition_time: Time(now),
            observed_generation: generation,
        }),
    }
}

/// The API takes messages of up to 32,768 bytes.
fn shortened(message: &str) -> String {
    const BYTES_MAX: usize = 32 * 1024 - 4;
    if message.len() <= BYTES_MAX {
        return message.to_owned();
    }
    let end = (0..=BYTES_MAX).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: bool, reason: &str) -> NewCondition {
        NewCondition { status, reason: reason.to_owned(), message: String::new() }
    }

    fn notes() -> Notes {
        Notes::new(Arc::default(), Arc::new(|| Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn the_time_of_transition_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        let later = Timestamp::from_second(10).unwrap();
        set_condition(&mut conditions, "Scheduled", &condition(false, "A"), Some(1), Timestamp::UNIX_EPOCH);
        set_condition(&mut conditions, "Scheduled", &condition(false, "B"), Some(2), later);
        assert_eq!(conditions[0].last_transition_time.0, Timestamp::UNIX_EPOCH);
        assert_eq!((conditions[0].reason.as_str(), conditions[0].observed_generation), ("B", Some(2)));
        set_condition(&mut conditions, "Scheduled", &condition(true, "C"), Some(2), later);
        assert_eq!(conditions[0].last_transition_time.0, later);
        assert_eq!(conditions.len(), 1);
    }

    #[tokio::test]
    async fn what_was_noted_later_stands_when_a_write_failed() {
        let notes = notes();
        let key = Key::new("n", "b");
        notes.set_condition(&key, "A", false, "Old", String::new());
        notes.set_condition(&key, "B", false, "Old", String::new());
        let failed = notes.take(&key);
        notes.set_condition(&key, "A", true, "New", String::new());
        notes.put_back(&key, failed);
        let note = notes.take(&key);
        assert_eq!(note.conditions["A"], Some(condition(true, "New")));
        assert_eq!(note.conditions["B"], Some(condition(false, "Old")));
        assert!(notes.take(&key).conditions.is_empty());
    }
}
