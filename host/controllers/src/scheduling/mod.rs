//! The scheduling loop: feeds the pure scheduler with what is known, and carries out what it decides.
//!
//! Decisions are made in memory, one after the other, and written many at a time. What was promised to a workload
//! counts from the moment of the decision.

mod clusters;
mod intake;
mod promises;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::conditions::{SCHEDULED, scheduled};
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::ResourceBindingStatus;
use windlass_core::{Gvk, ObjectId};
use windlass_scheduler::{Context, Decision, Limits, Popped, Queue, Refusal, Why, decide, due};

use crate::error::{is_conflict, is_not_found, message};
use crate::events::Events;
use crate::index::{Binding, Index, Key, binding_resource};
use crate::marks;
use crate::member_clients::MemberRooms;
use crate::status::{self, NewCondition, Notes};

pub(crate) use intake::Intake;

use clusters::{Clusters, Meaning};
use promises::Promises;
use write::{Assignment, write};

/// Changes of room that come within this time are one event: a member that is filling up changes with every pod.
const ROOM_EVENTS_EVERY: Duration = Duration::from_millis(50);

/// What the loop needs.
pub(crate) struct Scheduling {
    pub(crate) index: Arc<Index>,
    pub(crate) rooms: Arc<dyn MemberRooms>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) events: Events,
    pub(crate) scheduler_name: String,
    pub(crate) decisions_in_flight: usize,
}

/// A write that has ended.
struct Written {
    popped: Popped<Key>,
    refusal: Option<Refusal>,
    affinity: Option<String>,
    outcome: Result<Arc<Binding>, kube::Error>,
}

/// The loop's own state.
struct State {
    given: Scheduling,
    started: Instant,
    queue: Queue<Key>,
    clusters: Clusters,
    promises: Promises,
    /// Why the bindings that wait for an event were refused.
    refusals: HashMap<Key, Refusal>,
    /// Clusters whose room has changed, not yet told to those that wait.
    roomier: BTreeSet<String>,
    rooms_told: Duration,
    writes: JoinSet<Written>,
    in_flight: HashMap<Key, InFlight>,
}

/// A binding that is being written.
struct InFlight {
    priority: i32,
    /// Whether its turn came again meanwhile.
    again: bool,
}

impl Scheduling {
    /// Runs until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut state = State {
            started: Instant::now(),
            queue: Queue::new(Limits::default()),
            clusters: Clusters::default(),
            promises: Promises::default(),
            refusals: HashMap::new(),
            roomier: BTreeSet::new(),
            rooms_told: Duration::ZERO,
            writes: JoinSet::new(),
            in_flight: HashMap::new(),
            given: self,
        };
        state.look_at_everything();
        loop {
            state.take_changes();
            state.tell_rooms();
            state.start_decisions();
            let intake = state.given.intake.clone();
            let wake_at = state.wake_at();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = intake.changed() => {}
                Some(written) = state.writes.join_next() => {
                    // A write that panicked has lost its binding's turn; the next event about it gives it another.
                    if let Ok(written) = written {
                        state.finish(written);
                    }
                }
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }
}

impl State {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn look_at_everything(&self) {
        let Scheduling { index, intake, .. } = &self.given;
        for cluster in index.clusters.all() {
            intake.cluster(cluster.metadata.name.as_deref().unwrap_or_default());
        }
        for binding in index.all_bindings() {
            intake.binding(Key::of(&binding.metadata));
        }
    }

    fn wake_at(&mut self) -> Instant {
        let queue = if self.may_start() { self.queue.next_at(self.now()) } else { None };
        let rooms = (!self.roomier.is_empty()).then(|| self.rooms_told + ROOM_EVENTS_EVERY);
        let next = [queue, rooms, self.promises.next_at()].into_iter().flatten().min();
        self.started + next.unwrap_or(self.now() + Duration::from_secs(60))
    }

    fn take_changes(&mut self) {
        let changes = self.given.intake.take();
        let mut allowed = false;
        for name in changes.clusters.iter().chain(&changes.rooms) {
            let cluster = self.given.index.cluster(name);
            match self.clusters.set(name, cluster.as_deref(), self.given.rooms.room(name)) {
                Meaning::Nothing => {}
                Meaning::Room => {
                    self.roomier.insert(name.clone());
                }
                Meaning::Allowed => allowed = true,
            }
        }
        if allowed {
            self.queue.event(|_| true);
            // A cluster that came or went may concern what is placed already, too.
            let bindings: Vec<_> = self.given.index.all_bindings().collect();
            for binding in bindings {
                self.look_at(&Key::of(&binding.metadata));
            }
        }
        for key in &changes.bindings {
            self.look_at(key);
        }
        for key in &changes.statuses {
            let Some(binding) = self.given.index.binding(key) else { continue };
            let items =
                binding.status.as_ref().map(|status| status.aggregated_status.as_slice()).unwrap_or_default();
            self.roomier.extend(self.promises.seen(key, items));
        }
        let now = self.now();
        self.roomier.extend(self.promises.expire(now));
    }

    /// Those that were refused for want of room try again where there may be some.
    fn tell_rooms(&mut self) {
        let now = self.now();
        if self.roomier.is_empty() || now < self.rooms_told + ROOM_EVENTS_EVERY {
            return;
        }
        self.rooms_told = now;
        let roomier = std::mem::take(&mut self.roomier);
        let refusals = &self.refusals;
        self.queue.event(|key| {
            refusals.get(key).is_none_or(|refusal| {
                let mut clusters = refusal.clusters.iter();
                clusters.any(|cluster| {
                    roomier.contains(&cluster.cluster) && !matches!(cluster.why, Why::Filtered(_))
                })
            })
        });
    }

    /// Puts a binding in the queue, or takes it out, as it is now.
    fn look_at(&mut self, key: &Key) {
        let Some(binding) = self.given.index.binding(key).filter(|binding| self.is_ours(binding)) else {
            self.queue.remove(key);
            self.refusals.remove(key);
            self.roomier.extend(self.promises.revoke(key));
            return;
        };
        if is_suspended(&binding) {
            self.queue.remove(key);
            self.refusals.remove(key);
            self.note_suspended(key, &binding);
            return;
        }
        let status = binding.status.clone().unwrap_or_default();
        let applied = marks::annotation(&binding.metadata, APPLIED_PLACEMENT);
        if due(&self.clusters.bare(), &binding.spec, &status, applied).is_some() {
            let priority = binding.spec.schedule_priority.as_ref().map_or(0, |priority| priority.priority);
            self.queue.push(key.clone(), priority);
        } else {
            self.queue.remove(key);
            self.refusals.remove(key);
            if status.scheduler_observed_generation != binding.metadata.generation.unwrap_or_default() {
                self.note_success(key, &binding, None, false);
            }
        }
    }

    fn is_ours(&self, binding: &Binding) -> bool {
        let name = binding.spec.scheduler_name.as_str();
        binding.metadata.deletion_timestamp.is_none()
            && binding.spec.placement.is_some()
            && (name == self.given.scheduler_name || name.is_empty())
    }

    /// Whether another decision may be written beside those under way. One of lower priority waits for all that
    /// go before it: writes made side by side can land in any order.
    fn may_start(&mut self) -> bool {
        let next = self.queue.next_priority(self.now());
        self.writes.len() < self.given.decisions_in_flight
            && next.is_none_or(|next| self.in_flight.values().all(|in_flight| in_flight.priority <= next))
    }

    fn start_decisions(&mut self) {
        while self.may_start() {
            let now = self.now();
            let Some(popped) = self.queue.pop(now) else { return };
            if let Some(in_flight) = self.in_flight.get_mut(&popped.key) {
                in_flight.again = true;
                continue;
            }
            // It may have changed since it was put in: the cache is ahead of the intake.
            match self.given.index.binding(&popped.key).filter(|binding| self.is_ours(binding)) {
                Some(binding) if !is_suspended(&binding) => self.decide(popped, binding),
                _ => {}
            }
        }
    }

    fn decide(&mut self, popped: Popped<Key>, binding: Arc<Binding>) {
        let key = popped.key.clone();
        let none = ResourceBindingStatus::default();
        let status = binding.status.as_ref().unwrap_or(&none);
        let snapshot = self.clusters.snapshot(&self.promises, &key);
        let now = self.now();
        let (assignment, refusal, affinity) = match decide(&snapshot, &binding.spec, status, &Context::default()) {
            Decision::Scheduled { targets, affinity } => {
                self.promises.make(&key, &binding.spec, &targets, &status.aggregated_status, now);
                (Assignment::new(&binding, targets), None, affinity)
            }
            Decision::Refused(refusal)
                if refusal.reason.clears_targets() && !binding.spec.clusters.is_empty() =>
            {
                (Assignment::new(&binding, Vec::new()), Some(refusal), None)
            }
            Decision::Refused(refusal) => {
                self.refuse(popped, &binding, refusal);
                return;
            }
        };
        if assignment.is_written(&binding) {
            self.note_success(&key, &binding, affinity, was_asked_for(&binding));
            self.refusals.remove(&key);
            return;
        }
        self.in_flight.insert(key.clone(), InFlight { priority: popped.priority, again: false });
        let index = self.given.index.clone();
        self.writes.spawn(async move {
            let outcome = write(index, key, binding, assignment).await;
            Written { popped, refusal, affinity, outcome }
        });
    }

    fn finish(&mut self, written: Written) {
        let Written { popped, refusal, affinity, outcome } = written;
        let key = popped.key.clone();
        if self.in_flight.remove(&key).is_some_and(|in_flight| in_flight.again) {
            self.given.intake.binding(key.clone());
        }
        match (outcome, refusal) {
            (Ok(binding), None) => {
                self.refusals.remove(&key);
                self.note_success(&key, &binding, affinity, true);
            }
            (Ok(binding), Some(refusal)) => self.refuse(popped, &binding, refusal),
            (Err(error), _) => {
                self.roomier.extend(self.promises.revoke(&key));
                if is_not_found(&error) {
                    return;
                }
                if is_conflict(&error) {
                    // The newer binding is on its way here, or here already.
                    tracing::debug!(binding = %key, "the binding has changed, deciding again");
                    self.queue.back_off(popped, self.now());
                    self.given.intake.binding(key);
                    return;
                }
                self.note_failure(&key, &error);
                self.queue.back_off(popped, self.now());
            }
        }
    }

    fn refuse(&mut self, popped: Popped<Key>, binding: &Binding, refusal: Refusal) {
        let key = popped.key.clone();
        let text = refusal.to_string();
        if self.refusals.get(&key).map(ToString::to_string).as_deref() != Some(text.as_str()) {
            let uid = binding.metadata.uid.as_deref().unwrap_or_default();
            let about = binding_id(&key);
            self.given.events.warn(&about, uid, "ScheduleBindingFailed", "ScheduleBinding", text.clone());
        }
        let condition =
            NewCondition { status: false, reason: refusal.reason.name().to_owned(), message: text };
        let observed_generation = binding.metadata.generation;
        let decision = status::Decision { observed_generation, affinity_name: None, scheduled_at: None };
        self.given.notes.decided(&key, decision, SCHEDULED, condition);
        self.refusals.insert(key, refusal);
        let now = self.now();
        self.queue.unschedulable(popped, now);
    }

    fn note_success(&self, key: &Key, binding: &Binding, affinity_name: Option<String>, decided: bool) {
        let now = (self.given.notes.clock)();
        let decision = status::Decision {
            observed_generation: binding.metadata.generation,
            affinity_name,
            scheduled_at: decided.then_some(now),
        };
        let condition = NewCondition {
            status: true,
            reason: scheduled::SUCCESS.to_owned(),
            message: "Binding has been scheduled successfully.".to_owned(),
        };
        self.given.notes.decided(key, decision, SCHEDULED, condition);
    }

    fn note_suspended(&self, key: &Key, binding: &Binding) {
        let conditions = binding.status.iter().flat_map(|status| &status.conditions);
        let mut conditions = conditions.filter(|condition| condition.type_ == SCHEDULED);
        if conditions.any(|condition| condition.reason == scheduled::SUSPENDED) {
            return;
        }
        let message =
            "spec.suspension.scheduling is true: the binding is scheduled once it is false or absent";
        let placed = !binding.spec.clusters.is_empty();
        self.given.notes.set_condition(key, SCHEDULED, placed, scheduled::SUSPENDED, message.to_owned());
    }

    fn note_failure(&self, key: &Key, error: &kube::Error) {
        let over_quota = matches!(error, kube::Error::Api(status) if status.code == 403);
        let reason = if over_quota { scheduled::QUOTA_EXCEEDED } else { scheduled::SCHEDULER_ERROR };
        tracing::warn!(binding = %key, error = %message(error), "the decision was not written, trying again");
        self.given.notes.set_condition(key, SCHEDULED, false, reason, message(error));
    }
}

/// Whether a fresh decision was asked for since the last one.
fn was_asked_for(binding: &Binding) -> bool {
    let last = binding.status.as_ref().and_then(|status| status.last_scheduled_time.as_ref());
    match (&binding.spec.reschedule_triggered_at, last) {
        (Some(asked), Some(last)) => asked.0 > last.0,
        (_, last) => last.is_none(),
    }
}

fn is_suspended(binding: &Binding) -> bool {
    binding.spec.suspension.as_ref().and_then(|suspension| suspension.scheduling).unwrap_or(false)
}

fn binding_id(key: &Key) -> ObjectId {
    let resource = binding_resource(!key.namespace.is_empty());
    let gvk = Gvk::new(&resource.api_version, &resource.kind);
    ObjectId { gvk, namespace: key.namespace.clone(), name: key.name.clone() }
}
