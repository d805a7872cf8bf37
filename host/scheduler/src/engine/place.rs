//! What the engine says when it is asked: where a binding stands, what would happen, how much waits.

use std::time::Duration;

use windlass_api::Key;
use windlass_api::work::{Binding, ResourceBindingSpec, ResourceBindingStatus};

use super::Engine;
use super::known::Known;
use super::room::Room;
use crate::context::Context;
use crate::explain::{Explanation, Leaver, Outcome, Preempts, explain};
use crate::queue::{Incoming, Waiting};
use crate::refusal::{Reason, Refusal};
use crate::snapshot::{Promise, Snapshot};

/// Where a binding stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub place: Place,
    pub priority: i32,
    /// What it waits for, for people; empty for one that doesn't wait.
    pub waits_for: String,
    /// Why it was refused last, if it still is; `None` also for one that a quota refused.
    pub refusal: Option<Refusal>,
    /// The room that is kept free for it until it shows in its members, by cluster.
    pub promised: Vec<(String, Promise)>,
}

/// In which queue, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is decided on after so many others.
    Active { ahead: usize },
    /// It is tried again after this time; so many of those that back off come before it.
    Backoff { wait: Duration, ahead: usize },
    /// It waits for an event that could help, and no longer than this.
    Unschedulable { wait: Duration },
    /// Its decision is being written.
    Writing,
    /// Scheduling is suspended.
    Suspended,
    /// What was decided holds.
    Settled,
    /// It is another scheduler's, is being deleted, or has no placement.
    NotOurs,
}

/// How many bindings are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    pub active: usize,
    pub backoff: usize,
    pub unschedulable: usize,
    pub writing: usize,
    /// All that are known.
    pub bindings: usize,
}

impl Engine {
    /// A binding as it is known.
    pub fn known(&self, key: &Key) -> Option<&Binding> {
        self.bindings.get(key).map(|known| &*known.binding)
    }

    /// In which queue a binding is, or in none; `None`: it is not known.
    pub fn place(&self, key: &Key, now: Duration) -> Option<Place> {
        let known = self.bindings.get(key)?;
        let until = |until: Duration| until.saturating_sub(now);
        Some(match self.queue.waiting(key) {
            _ if self.in_flight.contains_key(key) => Place::Writing,
            Some(Waiting::Active { ahead }) => Place::Active { ahead },
            Some(Waiting::Backoff { until: at, ahead }) => Place::Backoff { wait: until(at), ahead },
            Some(Waiting::Unschedulable { until: at }) => Place::Unschedulable { wait: until(at) },
            None if !known.is_for(&self.settings.scheduler_name) => Place::NotOurs,
            None if known.is_suspended() => Place::Suspended,
            None => Place::Settled,
        })
    }

    /// Where a binding stands; `None`: it is not known.
    pub fn standing(&self, key: &Key, now: Duration) -> Option<Standing> {
        let known = self.bindings.get(key)?;
        let refused = self.refusals.get(key);
        let reserved = self.reserved.get(key);
        let place = self.place(key, now)?;
        let waits_for = match place {
            Place::Active { .. } => "its turn".to_owned(),
            Place::Unschedulable { .. } if refused.is_some_and(|refused| refused.is_by_quota()) => {
                "a quota that allows it".to_owned()
            }
            Place::Backoff { .. } | Place::Unschedulable { .. } if reserved.is_some() => {
                reserved.map(|reserved| reserved.waits_for.clone()).unwrap_or_default()
            }
            Place::Backoff { .. } => "another attempt, after one that failed".to_owned(),
            Place::Unschedulable { .. } => "a cluster that takes it, or room in one".to_owned(),
            Place::Writing => "the API server to take the decision".to_owned(),
            Place::Suspended => "spec.suspension.scheduling to be false".to_owned(),
            Place::Settled | Place::NotOurs => String::new(),
        };
        Some(Standing {
            place,
            priority: known.priority(),
            waits_for,
            refusal: refused.and_then(|refused| refused.refusal.clone()),
            promised: match reserved {
                Some(reserved) => reserved.promises.clone(),
                None => self.promises.of(key),
            },
        })
    }

    /// What would be decided now on such a binding, without deciding it. One that is known under this key is taken to
    /// have changed.
    pub fn dry_run(
        &self,
        key: &Key,
        spec: &ResourceBindingSpec,
        status: &ResourceBindingStatus,
        now: Duration,
    ) -> Explanation {
        let held = self.bindings.get(key).and_then(Known::held);
        let context = Context { held, peers: self.peers(key, spec) };
        let priority = spec.schedule_priority.as_ref().map_or(0, |it| it.priority);
        let mut clusters = self.clusters.clone();
        let goes_before =
            |other: &Key| self.bindings.get(other).is_some_and(|known| known.priority() >= priority);
        self.reserved.withhold(&mut clusters, key, goes_before);
        let mut explanation = explain(&clusters, spec, status, &context);
        let lacks_room = matches!(&explanation.decision, Outcome::Refused { reason, .. }
            if reason == Reason::Unschedulable.name());
        if lacks_room && self.settings.preemption {
            let room = self.room_for(&clusters, key, spec, status, &context, now).ok();
            explanation.preemption = room.map(Preempts::from);
        }
        explanation
    }

    /// The clusters as they are known, with what they were promised.
    pub fn clusters(&self) -> &Snapshot {
        &self.clusters
    }

    /// How many bindings came into the queue, by the names that Karmada has for what brought them.
    pub fn incoming(&self) -> [(&'static str, u64); 4] {
        let Incoming { pushed, failed, woken } = self.queue.incoming();
        [
            ("BindingAdd", self.added),
            ("BindingUpdate", pushed - self.added),
            ("ScheduleAttemptFailure", failed),
            ("ClusterChanged", woken),
        ]
    }

    /// How many bindings are where.
    pub fn depths(&self) -> Depths {
        let [active, backoff, unschedulable] = self.queue.depths();
        Depths {
            active,
            backoff,
            unschedulable,
            writing: self.in_flight.len(),
            bindings: self.bindings.len(),
        }
    }
}

impl From<Room> for Preempts {
    fn from(room: Room) -> Preempts {
        let Room { victims, leaving, targets } = room;
        let victims = victims.into_iter().map(|(key, priority)| Leaver {
            namespace: key.namespace,
            name: key.name,
            priority: Some(priority),
        });
        let leaving = leaving.into_iter();
        let leaving = leaving.map(|key| Leaver { namespace: key.namespace, name: key.name, priority: None });
        Preempts { bindings: victims.collect(), leaving: leaving.collect(), clusters: targets }
    }
}
