//! Whose turn it is, and the decision.

use std::sync::Arc;
use std::time::Duration;

use windlass_api::Key;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::{Binding, ResourceBindingStatus, TargetCluster};

use super::known::annotation;
use super::refused::Refused;
use super::{Action, Decided, Engine, InFlight, Note, Write, eviction, success};
use crate::decide::Decision;
use crate::queue::Popped;
use crate::refusal::{Reason, Refusal};

/// What a decision leaves behind when it is written.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Clusters of this group were chosen.
    Chosen { affinity: Option<String> },
    /// What was chosen before is given up.
    Cleared(Refusal),
    /// It leaves its clusters for another.
    Evicted { by: Key },
    /// It stays where it is, and carries nothing from where it was before any more.
    Arrived,
}

impl Engine {
    /// What is to be done next; `None`: nothing, until something is put in or [`Engine::wake_at`] has come.
    pub fn next(&mut self, now: Duration) -> Option<Action> {
        // What is decided comes before what has become possible since.
        if let Some(action) = self.outbox.pop_front() {
            return Some(action);
        }
        self.roomier.extend(self.promises.expire(&mut self.clusters, now));
        if self.leaving.expire(now) {
            self.wake_waiting();
        }
        let due = self.reserved.due(now);
        if !due.is_empty() {
            let refusals = &self.refusals;
            let by_quota = |key: &Key| refusals.get(key).is_some_and(Refused::is_by_quota);
            self.queue.event(|key| due.contains(key) && !by_quota(key));
        }
        self.tell_rooms(now);
        self.reword(now);
        loop {
            if let Some(action) = self.outbox.pop_front() {
                return Some(action);
            }
            if !self.may_start(now) {
                return None;
            }
            let popped = self.queue.pop(now)?;
            self.take_turn(popped, now);
        }
    }

    /// Whether another decision may be written beside those under way. One of lower priority waits for all that
    /// go before it: writes made side by side can land in any order.
    pub(super) fn may_start(&mut self, now: Duration) -> bool {
        let next = self.queue.next_priority(now);
        self.in_flight.len() < self.settings.writes_in_flight
            && next.is_none_or(|next| self.in_flight.values().all(|it| it.rank <= next))
    }

    fn take_turn(&mut self, popped: Popped<Key>, now: Duration) {
        let Some(known) = self.bindings.get(&popped.key) else { return };
        if self.in_flight.contains_key(&popped.key)
            || known.is_suspended()
            || !known.is_for(&self.settings.scheduler_name)
        {
            return;
        }
        let (binding, known) = (known.binding.clone(), known.clone());
        if eviction::is_over(&binding) && known.due(&self.clusters).is_none() {
            let targets = binding.spec.clusters.clone();
            let placement = eviction::applied(&binding);
            self.write(popped, binding, targets, placement, Outcome::Arrived);
            return;
        }
        // What it was to have by a decision that did not come about is not in its way.
        let freed = self.promises.settled(&mut self.clusters, &popped.key, now);
        self.roomier.extend(freed);
        let placement = placement(&binding);
        if let Some(too_long) = TooLong::of(&binding, &placement) {
            self.stop_keeping(&popped.key);
            self.refuse(popped, &binding, Some(Refusal::contradiction(&too_long)), too_long.to_string(), now);
            return;
        }
        let Some(decision) = self.decide(&popped, &known, now) else { return };
        let lacks_room = matches!(&decision, Decision::Refused(it) if it.reason == Reason::Unschedulable);
        if !lacks_room {
            self.stop_keeping(&popped.key);
        }
        match decision {
            Decision::Scheduled { targets, affinity } => {
                let clusters = &mut self.clusters;
                self.promises.decided(clusters, &popped.key, known.placed(), &targets, now);
                let arrived = eviction::is_over(&binding) && targets == binding.spec.clusters;
                if is_written(&binding, &targets, &placement) && !arrived {
                    let chosen = was_asked_for(&binding, &known.status());
                    self.leave(&popped.key);
                    self.promises.settled(&mut self.clusters, &popped.key, now);
                    self.note_success(&popped.key, &binding, affinity, chosen);
                    return;
                }
                self.write(popped, binding, targets, placement, Outcome::Chosen { affinity });
            }
            Decision::Refused(refusal)
                if refusal.reason.clears_targets() && !binding.spec.clusters.is_empty() =>
            {
                self.write(popped, binding, Vec::new(), placement, Outcome::Cleared(refusal));
            }
            Decision::Refused(refusal) => {
                let waits_for = if lacks_room { self.make_room(&popped.key, &known, now) } else { None };
                let message = match waits_for {
                    Some(waits_for) => format!("waits for {waits_for}; {refusal}"),
                    None => refusal.to_string(),
                };
                self.refuse(popped, &binding, Some(refusal), message, now);
            }
        }
    }

    fn write(
        &mut self,
        popped: Popped<Key>,
        binding: Arc<Binding>,
        targets: Vec<TargetCluster>,
        placement: String,
        outcome: Outcome,
    ) {
        let (key, rank) = (popped.key.clone(), popped.priority);
        let arrived = eviction::is_over(&binding) && targets == binding.spec.clusters;
        let eviction_tasks = arrived.then(|| eviction::others(&binding));
        let write = Write {
            key,
            attempt: 0,
            binding,
            targets,
            placement,
            eviction_tasks,
            evicted_for: None,
            note: None,
        };
        self.send(popped, rank, write, outcome);
    }

    /// Sends a write, which is numbered here, and told what it may say.
    pub(super) fn send(&mut self, popped: Popped<Key>, rank: i32, write: Write, outcome: Outcome) {
        self.attempts += 1;
        let note = noted(&write, &outcome);
        let write = Write { attempt: self.attempts, note, ..write };
        let in_flight = InFlight {
            popped,
            rank,
            attempt: write.attempt,
            binding: write.binding.clone(),
            targets: write.targets.clone(),
            again: false,
            quota_changed: false,
            outcome,
        };
        self.in_flight.insert(write.key.clone(), in_flight);
        self.outbox.push_back(Action::Write(write));
    }
}

/// What is noted when it is written; of what is not a decision for clusters, that shows then.
fn noted(write: &Write, outcome: &Outcome) -> Option<Note> {
    let Outcome::Chosen { affinity } = outcome else { return None };
    let Write { key, binding, targets, eviction_tasks, .. } = write;
    let moves = i64::from(binding.spec.clusters != *targets || eviction_tasks.is_some());
    let generation = binding.metadata.generation.map(|generation| generation + moves);
    Some(success(key, Decided { generation, affinity: affinity.clone(), chosen: true }))
}

/// Annotations of an object, with their keys.
const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;

/// A placement that can't be recorded with the decision made by it.
#[derive(Debug, thiserror::Error)]
#[error(
    "spec.placement takes {bytes} bytes as JSON, and the annotation {APPLIED_PLACEMENT}, in which a decision records it, \
     has room for {room}: give it fewer terms, or select clusters by labels rather than by names"
)]
struct TooLong {
    bytes: usize,
    room: usize,
}

impl TooLong {
    fn of(binding: &Binding, placement: &str) -> Option<TooLong> {
        let others =
            binding.metadata.annotations.iter().flatten().filter(|(key, _)| *key != APPLIED_PLACEMENT);
        let taken: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        let room = ANNOTATIONS_BYTES_MAX.saturating_sub(taken + APPLIED_PLACEMENT.len());
        (placement.len() > room).then_some(TooLong { bytes: placement.len(), room })
    }
}

/// The placement that a decision is made by, as JSON.
fn placement(binding: &Binding) -> String {
    serde_json::to_string(&binding.spec.placement).unwrap_or_default()
}

/// Whether the binding says so already.
fn is_written(binding: &Binding, targets: &[TargetCluster], placement: &str) -> bool {
    binding.spec.clusters == targets && annotation(&binding.metadata, APPLIED_PLACEMENT) == Some(placement)
}

/// Whether a fresh decision was asked for since the last one.
fn was_asked_for(binding: &Binding, status: &ResourceBindingStatus) -> bool {
    let last = status.last_scheduled_time.as_ref();
    match (&binding.spec.reschedule_triggered_at, last) {
        (Some(asked), Some(last)) => asked.0 > last.0,
        (_, last) => last.is_none(),
    }
}
