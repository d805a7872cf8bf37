//! What became of a write.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use windlass_api::Key;
use windlass_api::conditions::scheduled;
use windlass_api::work::Binding;

use super::known::version;
use super::promises::Before;
use super::turn::Outcome;
use super::{Action, Engine, InFlight, Note, WriteEnd};
use crate::refusal::{Reason, Refusal};

impl Engine {
    /// A write has ended. One that is not under way has ended before.
    pub fn write_ended(&mut self, key: &Key, attempt: u64, end: WriteEnd, now: Duration) {
        if self.in_flight.get(key).is_none_or(|in_flight| in_flight.attempt != attempt) {
            return;
        }
        let Some(in_flight) = self.in_flight.remove(key) else { return };
        let Some(known) = self.bindings.get(key) else {
            self.give_up(key, now);
            self.wake_waiting();
            return;
        };
        if known.binding.metadata.uid != in_flight.binding.metadata.uid {
            self.wake_waiting();
            // Another of the same name: nothing was decided on that one.
            self.look_at(key, true, now);
            return;
        }
        let again = in_flight.again;
        let seen = self.end(key, in_flight, end, now);
        let Some(known) = self.bindings.get_mut(key) else { return };
        if again {
            known.decided = None;
        }
        // What came while the write was under way, but for what it brought about itself.
        let changed = again || known.version > seen;
        self.look_at(key, changed, now);
        self.may_ask_again(key);
    }

    /// What was decided is what the binding says, components included.
    fn landed(&mut self, key: &Key, binding: &Binding, now: Duration) {
        if let Some(known) = self.bindings.get_mut(key) {
            let before = known.clone();
            known.places(binding);
            let clusters = &mut self.clusters;
            let after = known.placed();
            self.roomier.extend(self.promises.follow(
                clusters,
                key,
                Before::Known(before.placed()),
                after,
                now,
            ));
        }
        self.roomier.extend(self.promises.settled(&mut self.clusters, key, now));
    }

    /// Gives the version up to which all is accounted for.
    fn end(&mut self, key: &Key, in_flight: InFlight, end: WriteEnd, now: Duration) -> u64 {
        let InFlight { popped, binding: decided_on, quota_changed, outcome, .. } = in_flight;
        let (before, decided_on) = (scheduled_at(&decided_on), version(&decided_on.metadata));
        let priority = popped.priority;
        if let Outcome::Evicted { by } = &outcome {
            return self.end_eviction(key, by, decided_on, end, now);
        }
        match end {
            WriteEnd::Written(binding) => {
                self.take(key, binding.clone(), now);
                self.landed(key, &binding, now);
                match outcome {
                    Outcome::Chosen { affinity } => {
                        self.leave(key);
                        // Where the status came with it, it is said already when that was.
                        let untold = scheduled_at(&binding) == before;
                        self.note_success(key, &binding, affinity, untold);
                    }
                    Outcome::Cleared(refusal) => {
                        let message = refusal.to_string();
                        self.refuse(popped, &binding, Some(refusal), message, now);
                    }
                    Outcome::Arrived => {
                        self.leave(key);
                        self.note_success(key, &binding, None, false);
                    }
                    // Ended above.
                    Outcome::Evicted { .. } => {}
                }
                return version(&binding.metadata);
            }
            // What was decided stays promised until it is decided again.
            WriteEnd::Conflict => {
                self.queue.back_off(popped, now);
                if let Some(known) = self.bindings.get_mut(key) {
                    known.outdated = known.version <= decided_on;
                }
            }
            WriteEnd::NotFound => {
                if self.bindings.get(key).is_some_and(|known| known.version <= decided_on) {
                    self.binding_gone(key, now);
                }
            }
            WriteEnd::OverQuota(message) => {
                if let Some(known) = self.bindings.get(key) {
                    let on = known.binding.clone();
                    self.refuse(popped, &on, None, message, now);
                    if quota_changed {
                        self.queue.push(key.clone(), priority);
                    }
                }
            }
            WriteEnd::Invalid(message) => {
                if let Some(known) = self.bindings.get(key) {
                    let on = known.binding.clone();
                    let refusal = Refusal::new(Reason::SchedulerError, message.clone(), Vec::new());
                    self.refuse(popped, &on, Some(refusal), message, now);
                }
            }
            WriteEnd::Failed(message) => {
                self.outbox.push_back(Action::Note(Note {
                    key: key.clone(),
                    status: false,
                    reason: scheduled::SCHEDULER_ERROR,
                    message,
                    decided: None,
                }));
                self.queue.back_off(popped, now);
            }
        }
        decided_on
    }

    /// A binding has left for another, or has not. Gives the version up to which all is accounted for.
    fn end_eviction(&mut self, key: &Key, by: &Key, decided_on: u64, end: WriteEnd, now: Duration) -> u64 {
        match end {
            WriteEnd::Written(binding) => {
                self.take(key, binding.clone(), now);
                self.landed(key, &binding, now);
                self.evicted(key, &binding);
                self.reserved.has_left(key, by, now);
                self.wake_waiting();
                return version(&binding.metadata);
            }
            WriteEnd::Conflict => {
                if let Some(known) = self.bindings.get_mut(key) {
                    known.outdated = known.version <= decided_on;
                    if !known.outdated {
                        self.wake_waiting();
                    }
                }
            }
            WriteEnd::NotFound => {
                if self.bindings.get(key).is_some_and(|known| known.version <= decided_on) {
                    self.binding_gone(key, now);
                }
                self.wake_waiting();
            }
            // The one that asked for it may not go there anyway.
            WriteEnd::OverQuota(message) => {
                if let Some(asker) = self.bindings.get(by)
                    && self.reserved.get(by).is_some()
                {
                    let (on, priority) = (asker.binding.clone(), asker.priority());
                    let popped = self.queue.summon(by, priority);
                    // Whom it asked in vain it may ask again once its quota lets it.
                    self.leave(by);
                    self.refuse(popped, &on, None, message, now);
                }
            }
            WriteEnd::Invalid(_) | WriteEnd::Failed(_) => {
                if let Some(asker) = self.bindings.get(by)
                    && self.reserved.get(by).is_some()
                {
                    let popped = self.queue.summon(by, asker.priority());
                    self.queue.back_off(popped, now);
                }
            }
        }
        decided_on
    }
}

fn scheduled_at(binding: &Binding) -> Option<Timestamp> {
    binding.status.as_ref()?.last_scheduled_time.as_ref().map(|time| time.0)
}
