//! Room for those who take it from others: whom they make leave, and what becomes of those.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;
use windlass_api::Key;
use windlass_api::conditions::scheduled;
use windlass_api::work::{Binding, ResourceBindingSpec, ResourceBindingStatus, TargetCluster};

use super::held::Pods;
use super::known::Known;
use super::reserved::{Reservation, give_back};
use super::turn::Outcome;
use super::{Action, Beneficiary, Decided, Engine, Note, Tell, Told, Write, eviction};
use crate::context::Context;
use crate::preempt::{Occupant, Preemption, preempt, preempts};
use crate::refusal::Reason;
use crate::snapshot::{Promise, Snapshot};

/// How many names a message holds.
const NAMES_MAX: usize = 8;

/// Who would have to leave for a binding, and who is leaving anyway.
pub(super) struct Room {
    /// With their priorities.
    pub(super) victims: Vec<(Key, i32)>,
    pub(super) leaving: Vec<Key>,
    pub(super) targets: Vec<TargetCluster>,
}

impl Engine {
    /// Makes others leave for a binding that finds no room, where its policy wants that and it helps, and keeps free
    /// what it will need. What it waits for, for people; `None`: for nobody.
    pub(super) fn make_room(&mut self, key: &Key, known: &Known, now: Duration) -> Option<String> {
        let spec = &known.binding.spec;
        let wants = self.settings.preemption && preempts(spec);
        if !wants || !self.reserved.may_look(key, known.priority(), now) {
            self.stop_keeping(key);
            return None;
        }
        let context = Context { held: known.held(), peers: self.peers(key, spec) };
        let withheld = self.withhold(key, known.priority());
        let found = self.room_for(&self.clusters, key, spec, &known.status(), &context, now);
        give_back(&mut self.clusters, withheld);
        let room = match found {
            Ok(room) => room,
            Err(looked_at) => {
                self.stop_keeping(key);
                let lower = self.placed.range(..(known.priority(), Key::default()));
                let missed = lower.map(|(_, other)| other).filter(|other| {
                    let outdated = self.bindings.get(*other).is_some_and(|known| known.outdated);
                    outdated || self.in_flight.contains_key(*other)
                });
                self.reserved.looked_in_vain(looked_at, missed.cloned().collect(), now);
                return None;
            }
        };
        let (wanted, held) = (Pods::of(spec, &spec.components), Pods::of(spec, known.placed().components));
        let promises = room.targets.iter().filter_map(|target| {
            let old = spec.clusters.iter().find(|old| old.name == target.name);
            let present = old.map(|old| held.on(old)).unwrap_or_default();
            let more = wanted.on(target).beyond(&present);
            let needs = more.needs();
            let namespace = spec.resource.namespace.clone();
            (!more.is_empty()).then(|| (target.name.clone(), Promise { namespace, needs, kept: true }))
        });
        let waits_for = room.to_string();
        let reservation = Reservation { promises: promises.collect(), waits_for: waits_for.clone() };
        self.reserved.put(key, reservation);
        if !room.victims.is_empty() {
            self.tell(key, &known.binding, Told::Preempting, format!("waits for {waits_for}"));
        }
        for (victim, _) in &room.victims {
            self.evict(victim, known, &room.targets, now);
        }
        Some(waits_for)
    }

    /// Who would have to leave for a binding that finds no room.
    ///
    /// # Errors
    /// Nobody may be asked, or it would not help: how many were looked at.
    pub(super) fn room_for(
        &self,
        clusters: &Snapshot,
        key: &Key,
        spec: &ResourceBindingSpec,
        status: &ResourceBindingStatus,
        context: &Context,
        now: Duration,
    ) -> Result<Room, usize> {
        let priority = spec.schedule_priority.as_ref().map_or(0, |it| it.priority);
        let lower = self.placed.range(..(priority, Key::default()));
        let lower: Vec<(&Key, Occupant<'_>)> = lower
            .filter_map(|(priority, other)| {
                let known = self.bindings.get(other)?;
                let may_be_asked = known.rank(&self.settings.scheduler_name).is_some()
                    && !known.outdated
                    && !self.in_flight.contains_key(other)
                    && !self.reserved.is_spared(key, other, now);
                let spec = &known.binding.spec;
                may_be_asked
                    .then(|| (other, Occupant { spec, priority: *priority, since: since(&known.binding) }))
            })
            .collect();
        let mut going: Vec<(&Key, Occupant<'_>)> = self.leaving.occupants().collect();
        going.extend(
            self.in_flight.iter().filter(|(_, it)| matches!(it.outcome, Outcome::Evicted { .. })).map(
                |(key, it)| {
                    (key, Occupant { spec: &it.binding.spec, priority: it.popped.priority, since: 0 })
                },
            ),
        );
        going.sort_unstable_by_key(|(key, _)| *key);
        if lower.is_empty() && going.is_empty() {
            return Err(0);
        }
        let occupants: Vec<Occupant<'_>> = lower.iter().map(|(_, occupant)| *occupant).collect();
        let leaving: Vec<Occupant<'_>> = going.iter().map(|(_, occupant)| *occupant).collect();
        let preemption = preempt(clusters, spec, status, context, &occupants, &leaving);
        let Some(Preemption { victims, targets, .. }) = preemption else {
            return Err(lower.len());
        };
        let is_target = |target: &TargetCluster| targets.iter().any(|other| other.name == target.name);
        let leaving = going.iter().filter(|(_, it)| it.spec.clusters.iter().any(is_target));
        let leaving = leaving.map(|(key, _)| (*key).clone()).collect();
        let victims = victims.into_iter().map(|victim| (lower[victim].0.clone(), lower[victim].1.priority));
        Ok(Room { victims: victims.collect(), leaving, targets })
    }

    /// Has a decision respect what is kept free for those who go before it. What is to be given back.
    pub(super) fn withhold(&mut self, from: &Key, priority: i32) -> Vec<String> {
        let bindings = &self.bindings;
        let goes_before = |key: &Key| bindings.get(key).is_some_and(|known| known.priority() >= priority);
        self.reserved.withhold(&mut self.clusters, from, goes_before)
    }

    /// What was kept free for a binding is free.
    pub(super) fn stop_keeping(&mut self, key: &Key) {
        if let Some(free) = self.reserved.remove(key) {
            self.roomier.extend(free.clusters());
        }
    }

    /// Has a binding leave all its clusters.
    fn evict(&mut self, victim: &Key, by: &Known, targets: &[TargetCluster], now: Duration) {
        let Some(known) = self.bindings.get(victim) else { return };
        let binding = known.binding.clone();
        let popped = self.queue.summon(victim, known.priority());
        self.leave(victim);
        self.roomier.extend(self.promises.settled(&mut self.clusters, victim, now));
        let at = Time(
            self.settings
                .began
                .saturating_add(SignedDuration::try_from(now).unwrap_or_default())
                .unwrap_or(self.settings.began),
        );
        let by_key = Key::of(&by.binding.metadata);
        let tasks = eviction::tasks(&binding, &by_key, by.priority(), at);
        let placement = eviction::applied(&binding);
        let beneficiary = Beneficiary { binding: by.binding.clone(), targets: targets.to_vec() };
        let write = Write {
            key: victim.clone(),
            attempt: 0,
            binding,
            targets: Vec::new(),
            placement,
            eviction_tasks: Some(tasks),
            evicted_for: Some(beneficiary),
            note: None,
        };
        self.send(popped, by.priority(), write, Outcome::Evicted { by: by_key });
    }

    /// A binding has left its clusters: it waits, and those who made it leave look again.
    pub(super) fn evicted(&mut self, key: &Key, binding: &Arc<Binding>) {
        let message = eviction::why(binding).unwrap_or_default().to_owned();
        if let Some(known) = self.bindings.get_mut(key) {
            known.is_refused(binding);
        }
        self.tell(key, binding, Told::Preempted, message.clone());
        self.outbox.push_back(Action::Note(Note {
            key: key.clone(),
            status: false,
            reason: scheduled::PREEMPTED,
            message,
            decided: Some(Decided { generation: binding.metadata.generation, ..Decided::default() }),
        }));
    }

    /// Those for whom room is kept free look again, each in its turn.
    pub(super) fn wake_waiting(&mut self) {
        let reserved = &self.reserved;
        self.queue.event(|key| reserved.get(key).is_some());
    }

    /// A binding may be asked again after a while in which it could not be.
    pub(super) fn may_ask_again(&mut self, key: &Key) {
        let rank = self.bindings.get(key).and_then(|known| known.rank(&self.settings.scheduler_name));
        if self.reserved.was_missed(key)
            && let Some(rank) = rank
        {
            self.may_ask(rank);
        }
    }

    /// Somebody who is placed may be asked by others than before.
    pub(super) fn may_ask(&mut self, rank: i32) {
        let (bindings, refusals) = (&self.bindings, &self.refusals);
        self.queue.event(|key| {
            let known =
                bindings.get(key).filter(|known| known.priority() > rank && preempts(&known.binding.spec));
            let refusal = refusals.get(key).and_then(|refused| refused.refusal.as_ref());
            known.is_some() && refusal.is_some_and(|refusal| refusal.reason == Reason::Unschedulable)
        });
    }

    pub(super) fn tell(&mut self, key: &Key, on: &Binding, told: Told, message: String) {
        let uid = on.metadata.uid.clone().unwrap_or_default();
        self.outbox.push_back(Action::Tell(Tell { key: key.clone(), uid, told, message }));
    }
}

/// Since when a binding is where it is, as far as it says.
fn since(binding: &Binding) -> i64 {
    let status = binding.status.as_ref();
    let scheduled = status.and_then(|status| status.last_scheduled_time.as_ref());
    let time = scheduled.or(binding.metadata.creation_timestamp.as_ref());
    time.map_or(0, |time| time.0.as_second())
}

/// `default/a (priority 0) and default/b to leave member1`
impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let victims = self.victims.iter().map(|(key, priority)| format!("{key} (priority {priority})"));
        let names: Vec<String> = victims.chain(self.leaving.iter().map(Key::to_string)).collect();
        let mut text = names[..names.len().min(NAMES_MAX)].join(", ");
        if names.len() > NAMES_MAX {
            let _ = write!(text, " and {} more", names.len() - NAMES_MAX);
        }
        let clusters: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        write!(f, "{text} to leave, so that there is room in {}", clusters.join(", "))
    }
}
