//! What the statuses of rollouts count, kind by kind.

use windlass_sdk::Pods;
use windlass_sdk::serde_json::{Value, json};

/// How the status of a kind is made.
pub(crate) struct RolloutKind {
    kind: &'static str,
    pub(crate) counts: &'static [Count],
    /// Karmada leaves a StatefulSet's out.
    pub(crate) reflects_observed_generation: bool,
    /// Whether a status with nothing in it means that there is none yet.
    pub(crate) empty_is_unreported: bool,
    /// Karmada compares the template generation that a StatefulSet was made from with the member's own generation
    /// rather than with the template's.
    pub(crate) compares_with_members_generation: bool,
    /// The status for an object and its pods.
    pub(crate) simulated: fn(&State<'_>, Pods<'_>) -> Value,
}

/// What a simulated status depends on besides the pods.
pub(crate) struct State<'a> {
    pub(crate) name: &'a str,
    pub(crate) generation: i64,
    /// `spec.strategy.rollingUpdate.maxUnavailable`, if it is there.
    pub(crate) max_unavailable: Option<&'a str>,
    /// `status.currentRevision`.
    pub(crate) current_revision: &'a str,
}

impl State<'_> {
    /// How many of `desired` need not be available.
    fn may_be_unavailable(&self, desired: u32) -> u32 {
        let stated = self.max_unavailable.and_then(|text| match text.strip_suffix('%') {
            Some(percent) => {
                let percent: u64 = percent.parse().ok()?;
                u32::try_from(u64::from(desired).saturating_mul(percent) / 100).ok()
            }
            None => text.parse().ok(),
        });
        stated.unwrap_or(desired / 4)
    }
}

/// One field of a status.
pub(crate) struct Count {
    pub(crate) name: &'static str,
    /// Whether it is there even if it is 0.
    pub(crate) always: bool,
}

/// So many counts has a status at most.
pub(crate) const COUNTS_MAX: usize = 7;

const fn count(name: &'static str) -> Count {
    Count { name, always: false }
}

const fn always(name: &'static str) -> Count {
    Count { name, always: true }
}

static DEPLOYMENT: RolloutKind = RolloutKind {
    kind: "Deployment",
    counts: &[
        count("replicas"),
        count("updatedReplicas"),
        count("readyReplicas"),
        count("availableReplicas"),
        count("unavailableReplicas"),
    ],
    reflects_observed_generation: true,
    empty_is_unreported: true,
    compares_with_members_generation: false,
    simulated: |state, pods| {
        let pods = pods.of("");
        let (all, ready) = (pods.of_any_template(), pods.ready_of_any_template());
        let enough = ready >= pods.desired.saturating_sub(state.may_be_unavailable(pods.desired));
        let complete = pods.created == pods.desired && pods.outdated == 0 && ready >= pods.desired;
        let availability = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        let progress = if complete {
            ("True", "NewReplicaSetAvailable", "The deployment has successfully progressed.")
        } else {
            ("True", "ReplicaSetUpdated", "The deployment is progressing.")
        };
        json!({
            "observedGeneration": state.generation,
            "replicas": all,
            "updatedReplicas": pods.created,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": all.max(pods.desired).saturating_sub(ready),
            "conditions": [condition("Available", availability), condition("Progressing", progress)],
        })
    },
};

static REPLICA_SET: RolloutKind = RolloutKind {
    kind: "ReplicaSet",
    counts: &[always("replicas"), count("readyReplicas"), count("availableReplicas")],
    reflects_observed_generation: true,
    empty_is_unreported: false,
    compares_with_members_generation: false,
    simulated: |state, pods| {
        let pods = pods.of("");
        let (all, ready) = (pods.of_any_template(), pods.ready_of_any_template());
        json!({
            "observedGeneration": state.generation,
            "replicas": all,
            "fullyLabeledReplicas": all,
            "readyReplicas": ready,
            "availableReplicas": ready,
        })
    },
};

static STATEFUL_SET: RolloutKind = RolloutKind {
    kind: "StatefulSet",
    counts: &[
        always("availableReplicas"),
        count("currentReplicas"),
        count("readyReplicas"),
        always("replicas"),
        count("updatedReplicas"),
    ],
    reflects_observed_generation: false,
    empty_is_unreported: false,
    compares_with_members_generation: true,
    simulated: |state, pods| {
        let pods = pods.of("");
        let (all, ready) = (pods.of_any_template(), pods.ready_of_any_template());
        let rolled_out = pods.outdated == 0;
        let update = format!("{}-{}", state.name, state.generation);
        json!({
            "observedGeneration": state.generation,
            "replicas": all,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": if rolled_out { pods.created } else { pods.outdated },
            "updatedReplicas": pods.created,
            // Two revisions tell `kubectl rollout status` that it isn't done.
            "currentRevision": if rolled_out { update.as_str() } else { state.current_revision },
            "updateRevision": update,
        })
    },
};

static DAEMON_SET: RolloutKind = RolloutKind {
    kind: "DaemonSet",
    counts: &[
        always("currentNumberScheduled"),
        always("desiredNumberScheduled"),
        count("numberAvailable"),
        always("numberMisscheduled"),
        always("numberReady"),
        count("updatedNumberScheduled"),
        count("numberUnavailable"),
    ],
    reflects_observed_generation: true,
    empty_is_unreported: false,
    compares_with_members_generation: false,
    simulated: |state, pods| {
        let (scheduled, ready) = pods.on_each_node();
        json!({
            "observedGeneration": state.generation,
            "currentNumberScheduled": scheduled,
            "desiredNumberScheduled": pods.nodes,
            "updatedNumberScheduled": scheduled,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": pods.nodes.saturating_sub(ready),
        })
    },
};

/// What a kind's status counts. Only the kinds here are ever read as rollouts.
pub(crate) fn of_kind(kind: &str) -> &'static RolloutKind {
    let known = [&REPLICA_SET, &STATEFUL_SET, &DAEMON_SET];
    known.into_iter().find(|known| known.kind == kind).unwrap_or(&DEPLOYMENT)
}

/// A condition without the times at which it changed: the simulated cluster fills those in.
fn condition(name: &str, (status, reason, message): (&str, &str, &str)) -> Value {
    json!({"type": name, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": null, "lastTransitionTime": null})
}
