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
    /// The status for a generation and its pods.
    pub(crate) simulated: fn(i64, Pods<'_>) -> Value,
}

/// One field of a status.
pub(crate) struct Count {
    pub(crate) name: &'static str,
    /// Whether it is there even if it is 0.
    pub(crate) always: bool,
}

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
    simulated: |generation, pods| {
        let pods = pods.of("");
        let complete = pods.ready >= pods.desired;
        let available =
            condition("Available", complete, "MinimumReplicasAvailable", "MinimumReplicasUnavailable");
        let progressing = if complete { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
        json!({
            "observedGeneration": generation,
            "replicas": pods.created,
            "updatedReplicas": pods.created,
            "readyReplicas": pods.ready,
            "availableReplicas": pods.ready,
            "unavailableReplicas": pods.desired.saturating_sub(pods.ready),
            "conditions": [available, condition("Progressing", true, progressing, progressing)],
        })
    },
};

static REPLICA_SET: RolloutKind = RolloutKind {
    kind: "ReplicaSet",
    counts: &[always("replicas"), count("readyReplicas"), count("availableReplicas")],
    reflects_observed_generation: true,
    empty_is_unreported: false,
    compares_with_members_generation: false,
    simulated: |generation, pods| {
        let pods = pods.of("");
        json!({
            "observedGeneration": generation,
            "replicas": pods.created,
            "fullyLabeledReplicas": pods.created,
            "readyReplicas": pods.ready,
            "availableReplicas": pods.ready,
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
    simulated: |generation, pods| {
        let pods = pods.of("");
        json!({
            "observedGeneration": generation,
            "replicas": pods.created,
            "readyReplicas": pods.ready,
            "availableReplicas": pods.ready,
            "currentReplicas": pods.created,
            "updatedReplicas": pods.created,
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
    simulated: |generation, pods| {
        // A cluster that simulates no pods for each node has them run all the same.
        let counted = pods.of("");
        let (scheduled, ready) =
            if counted.desired == 0 { (pods.nodes, pods.nodes) } else { (counted.created, counted.ready) };
        json!({
            "observedGeneration": generation,
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

/// A condition without the times at which it changed: a simulated cluster adds those.
fn condition(name: &str, holds: bool, reason: &str, reason_not: &str) -> Value {
    let (status, reason) = if holds { ("True", reason) } else { ("False", reason_not) };
    json!({"type": name, "status": status, "reason": reason})
}
