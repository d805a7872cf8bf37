//! What the engine knows of one binding.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use windlass_api::conditions::SCHEDULED;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::{Binding, Component, ResourceBindingSpec, ResourceBindingStatus};

use crate::preempt::preempts;
use crate::snapshot::Snapshot;
use crate::trigger::{Cause, due};
use crate::workload::comes_in_sets;

use super::promises::{PROMISE_MAX, Placed};

/// A binding as it was last seen, and what was decided on it that its status may not say yet.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) binding: Arc<Binding>,
    pub(super) version: u64,
    /// A decision was made on a binding that is no longer: the next one is to be decided on.
    pub(super) outdated: bool,
    /// The generation that the last decision was made for, or left behind; `None`: it is not known, or no longer
    /// holds.
    pub(super) decided: Option<i64>,
    /// Whether that decision was a refusal.
    refused: bool,
    /// The group of clusters that was chosen.
    affinity: Option<String>,
    /// What the components were when it was placed as it says; `None`: it is not known.
    held: Option<Vec<Component>>,
    /// Which request for a fresh decision has been met.
    rescheduled: Option<Time>,
    /// Whether it was placed where it is since its status told of a decision.
    pub(super) moved: bool,
}

impl Known {
    pub(super) fn new(binding: Arc<Binding>) -> Known {
        let version = version(&binding.metadata);
        let mut known = Known {
            binding,
            version,
            outdated: false,
            decided: None,
            refused: false,
            affinity: None,
            held: None,
            rescheduled: None,
            moved: false,
        };
        if known.is_held() {
            known.held = known.components();
        }
        known
    }

    fn components(&self) -> Option<Vec<Component>> {
        comes_in_sets(&self.binding.spec).then(|| self.binding.spec.components.clone())
    }

    /// The binding with what its components were when it was placed.
    pub(super) fn placed(&self) -> Placed<'_> {
        let components = self.held.as_deref().unwrap_or(&self.binding.spec.components);
        Placed { binding: &self.binding, components }
    }

    /// What its components were when it was placed, where that is known.
    pub(super) fn held(&self) -> Option<Vec<Component>> {
        self.held.clone().filter(|_| comes_in_sets(&self.binding.spec))
    }

    /// What is known, with the binding as it is now.
    pub(super) fn renewed(&self, binding: Arc<Binding>) -> Known {
        let clusters = &binding.spec.clusters;
        let moved = self.moved || !clusters.is_empty() && *clusters != self.binding.spec.clusters;
        Known { version: version(&binding.metadata), binding, outdated: false, moved, ..self.clone() }
    }

    /// A decision holds for the binding of this generation.
    pub(super) fn holds(&mut self, on: &Binding, affinity: Option<String>) {
        (self.decided, self.refused, self.moved) = (on.metadata.generation, false, false);
        self.places(on);
        self.affinity = affinity.or(self.affinity.take());
        self.rescheduled.clone_from(&on.spec.reschedule_triggered_at);
    }

    /// This is what is placed now.
    pub(super) fn places(&mut self, on: &Binding) {
        self.held = comes_in_sets(&on.spec).then(|| on.spec.components.clone());
    }

    /// The binding of this generation was refused.
    pub(super) fn is_refused(&mut self, on: &Binding) {
        (self.decided, self.refused) = (on.metadata.generation, true);
    }

    /// Why a decision is due.
    pub(super) fn due(&self, snapshot: &Snapshot) -> Option<Cause> {
        let applied = annotation(&self.binding.metadata, APPLIED_PLACEMENT);
        let spec = &self.binding.spec;
        match due(snapshot, spec, &self.status(), applied) {
            // What set is there, the binding does not say: any change may be one of the set.
            None if comes_in_sets(spec) && !self.is_held() => Some(Cause::Replicas),
            // What follows the clusters is told of each change that concerns it.
            Some(Cause::Duplicated) if self.is_answered() && !self.refused => None,
            cause => cause,
        }
    }

    fn is_answered(&self) -> bool {
        self.decided.is_some() && self.decided == self.binding.metadata.generation
    }

    /// Whether the last decision was made for this generation, and was none to refuse it.
    fn is_held(&self) -> bool {
        if self.decided.is_some() {
            return self.is_answered() && !self.refused;
        }
        let status = self.binding.status.as_ref();
        self.is_noted()
            && status.is_some_and(|status| {
                let mut conditions = status.conditions.iter();
                conditions.any(|condition| condition.type_ == SCHEDULED && condition.status == "True")
            })
    }

    /// What a decision reads of the status, brought up to what was decided since.
    pub(super) fn status(&self) -> ResourceBindingStatus {
        let none = ResourceBindingStatus::default();
        let status = self.binding.status.as_ref().unwrap_or(&none);
        let last = status.last_scheduled_time.as_ref();
        let met = self.rescheduled.as_ref().filter(|met| last.is_none_or(|last| last.0 < met.0));
        ResourceBindingStatus {
            scheduler_observed_generation: status.scheduler_observed_generation,
            scheduler_observed_affinity_name: match &self.affinity {
                Some(name) => name.clone(),
                None => status.scheduler_observed_affinity_name.clone(),
            },
            last_scheduled_time: met.or(last).cloned(),
            conditions: Vec::new(),
            aggregated_status: Vec::new(),
        }
    }

    /// Whether the status tells of a decision on this generation.
    pub(super) fn is_noted(&self) -> bool {
        let observed = self.binding.status.as_ref().map_or(0, |status| status.scheduler_observed_generation);
        observed == self.binding.metadata.generation.unwrap_or_default()
    }

    /// Whether it may have been placed so short a time ago that its members do not show it.
    pub(super) fn is_recent(&self, began: Timestamp, now: Duration) -> bool {
        let status = self.binding.status.as_ref();
        let last = status.and_then(|status| status.last_scheduled_time.as_ref());
        let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap_or_default();
        let age = last.map(|last| began.duration_since(last.0).saturating_add(signed(now)));
        !self.is_noted() || age.is_some_and(|age| age < signed(PROMISE_MAX))
    }

    /// The reason in the condition of this type.
    pub(super) fn condition(&self, kind: &str) -> Option<&str> {
        let conditions = self.binding.status.iter().flat_map(|status| &status.conditions);
        let mut conditions = conditions.filter(|condition| condition.type_ == kind);
        conditions.next().map(|condition| condition.reason.as_str())
    }

    pub(super) fn priority(&self) -> i32 {
        self.binding.spec.schedule_priority.as_ref().map_or(0, |priority| priority.priority)
    }

    pub(super) fn is_suspended(&self) -> bool {
        let suspension = self.binding.spec.suspension.as_ref();
        suspension.and_then(|suspension| suspension.scheduling).unwrap_or(false)
    }

    /// What it takes to have it leave for another: a higher priority than this. `None`: nobody may ask that of it.
    pub(super) fn rank(&self, scheduler: &str) -> Option<i32> {
        let may_be_asked =
            !self.binding.spec.clusters.is_empty() && self.is_for(scheduler) && !self.is_suspended();
        may_be_asked.then(|| self.priority())
    }

    /// Whether a scheduler of this name decides on it.
    pub(super) fn is_for(&self, scheduler: &str) -> bool {
        let name = self.binding.spec.scheduler_name.as_str();
        self.binding.metadata.deletion_timestamp.is_none()
            && self.binding.spec.placement.is_some()
            && (name == scheduler || name.is_empty())
    }
}

/// Whether a decision on the one may come out otherwise than on the other, clusters being equal.
pub(super) fn asks_otherwise(a: &Binding, b: &Binding) -> bool {
    let ResourceBindingSpec {
        resource,
        propagate_deps: _,
        replica_requirements,
        replicas,
        components,
        clusters,
        placement,
        graceful_eviction_tasks,
        required_by: _,
        scheduler_name,
        failover: _,
        conflict_resolution: _,
        reschedule_triggered_at,
        suspension,
        preserve_resources_on_deletion: _,
        schedule_priority,
        workload_affinity_groups,
    } = &a.spec;
    let is_held = |suspension: &Option<windlass_api::work::Suspension>| {
        suspension.as_ref().and_then(|suspension| suspension.scheduling).unwrap_or(false)
    };
    *replicas != b.spec.replicas
        || *clusters != b.spec.clusters
        || *replica_requirements != b.spec.replica_requirements
        || *components != b.spec.components
        || *placement != b.spec.placement
        || *graceful_eviction_tasks != b.spec.graceful_eviction_tasks
        || *workload_affinity_groups != b.spec.workload_affinity_groups
        // Who takes room from others may take it from more of them.
        || *schedule_priority != b.spec.schedule_priority && preempts(&b.spec)
        || *scheduler_name != b.spec.scheduler_name
        || *reschedule_triggered_at != b.spec.reschedule_triggered_at
        || is_held(suspension) != is_held(&b.spec.suspension)
        || (&resource.api_version, &resource.kind, &resource.namespace, &resource.uid)
            != (
                &b.spec.resource.api_version,
                &b.spec.resource.kind,
                &b.spec.resource.namespace,
                &b.spec.resource.uid,
            )
        || a.metadata.deletion_timestamp.is_some() != b.metadata.deletion_timestamp.is_some()
        || annotation(&a.metadata, APPLIED_PLACEMENT) != annotation(&b.metadata, APPLIED_PLACEMENT)
        || a.metadata.uid != b.metadata.uid
}

pub(super) fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(name).map(String::as_str)
}

/// The resourceVersion as a number, which Kubernetes promises it to be; 0 where it is none.
pub(super) fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
