//! What the statuses of rollouts say, kind by kind.

use windlass_sdk::Pods;
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields};

/// What tells one kind's status from another's.
pub(crate) struct RolloutKind {
    pub(crate) fields: Fields,
    pub(crate) wanted: Wanted,
    pub(crate) updated: &'static str,
    pub(crate) available: &'static str,
    /// The status of an object, given its pods.
    pub(crate) simulated: fn(&State<'_>, Pods<'_>) -> Value,
}

/// How many pods there are to be.
pub(crate) enum Wanted {
    /// As many as `spec.replicas` says.
    Replicas,
    /// As many as this field of the status says.
    Reported(&'static str),
}

/// What a simulated status depends on besides the pods.
pub(crate) struct State<'a> {
    pub(crate) name: &'a str,
    pub(crate) generation: i64,
    /// `status.currentRevision`.
    pub(crate) current_revision: &'a str,
}

impl State<'_> {
    /// The revision that the pods are brought to, and the one that is done with when no pod of it is left.
    fn revisions(&self, is_rolled_out: bool) -> (String, String) {
        let update = format!("{}-{}", self.name, self.generation);
        let current = if is_rolled_out { update.clone() } else { self.current_revision.to_owned() };
        (update, current)
    }
}

static CLONE_SET: RolloutKind = RolloutKind {
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::sum("replicas"),
        Field::sum("updatedReplicas"),
        Field::sum("readyReplicas"),
        Field::sum("availableReplicas"),
        Field::sum("updatedReadyReplicas"),
        Field::sum("expectedUpdatedReplicas"),
        Field::last_named_where_placed("updateRevision"),
        Field::last_named_where_placed("currentRevision"),
        Field::last_named_where_placed("labelSelector"),
    ]),
    wanted: Wanted::Replicas,
    updated: "updatedReplicas",
    available: "availableReplicas",
    simulated: |state, pods| {
        let pods = pods.of("");
        let ready = pods.ready_of_any_template();
        let (update, current) = state.revisions(pods.outdated == 0);
        json!({
            "observedGeneration": state.generation,
            "replicas": pods.of_any_template(),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": pods.created,
            "updatedReadyReplicas": pods.ready,
            "updatedAvailableReplicas": pods.ready,
            "expectedUpdatedReplicas": pods.desired,
            "currentRevision": current,
            "updateRevision": update,
        })
    },
};

static STATEFUL_SET: RolloutKind = RolloutKind {
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::sum("replicas"),
        Field::sum("readyReplicas"),
        Field::sum("currentReplicas"),
        Field::sum("updatedReplicas"),
        Field::sum("availableReplicas"),
        Field::sum("updatedReadyReplicas"),
        Field::last_named("updateRevision"),
        Field::last_named("currentRevision"),
    ]),
    wanted: Wanted::Replicas,
    updated: "updatedReplicas",
    available: "availableReplicas",
    simulated: |state, pods| {
        let pods = pods.of("");
        let ready = pods.ready_of_any_template();
        let is_rolled_out = pods.outdated == 0;
        let (update, current) = state.revisions(is_rolled_out);
        json!({
            "observedGeneration": state.generation,
            "replicas": pods.of_any_template(),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": if is_rolled_out { pods.created } else { pods.outdated },
            "updatedReplicas": pods.created,
            "updatedReadyReplicas": pods.ready,
            "updatedAvailableReplicas": pods.ready,
            "currentRevision": current,
            "updateRevision": update,
        })
    },
};

static UNITED_DEPLOYMENT: RolloutKind = RolloutKind {
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::sum("replicas"),
        Field::sum("updatedReplicas"),
        Field::sum("readyReplicas"),
        Field::sum("availableReplicas"),
        Field::sum("unavailableReplicas"),
        Field::conditions_by_type(),
    ]),
    wanted: Wanted::Replicas,
    updated: "updatedReplicas",
    available: "availableReplicas",
    simulated: |state, pods| {
        let pods = pods.of("");
        let ready = pods.ready_of_any_template();
        let (update, current) = state.revisions(pods.outdated == 0);
        json!({
            "observedGeneration": state.generation,
            "replicas": pods.of_any_template(),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": pods.desired.saturating_sub(ready),
            "updatedReplicas": pods.created,
            "updatedReadyReplicas": pods.ready,
            "currentRevision": current,
            "updateStatus": {"updatedRevision": update},
        })
    },
};

static DAEMON_SET: RolloutKind = RolloutKind {
    fields: Fields(&[
        Field::OBSERVED_GENERATION,
        Field::sum("currentNumberScheduled"),
        Field::sum("numberMisscheduled"),
        Field::sum("desiredNumberScheduled"),
        Field::sum("numberReady"),
        Field::sum("updatedNumberScheduled"),
        Field::sum("numberAvailable"),
        Field::sum("numberUnavailable"),
        Field::last_named("daemonSetHash"),
    ]),
    wanted: Wanted::Reported("desiredNumberScheduled"),
    updated: "updatedNumberScheduled",
    available: "numberAvailable",
    simulated: |state, pods| {
        // A cluster that simulates no pods for each node has them run all the same.
        let counted = pods.of("");
        let (scheduled, ready) =
            if counted.desired == 0 { (pods.nodes, pods.nodes) } else { (counted.created, counted.ready) };
        json!({
            "observedGeneration": state.generation,
            "currentNumberScheduled": scheduled,
            "desiredNumberScheduled": pods.nodes,
            "updatedNumberScheduled": scheduled,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": pods.nodes.saturating_sub(ready),
            "daemonSetHash": format!("{}-{}", state.name, state.generation),
        })
    },
};

/// What a kind's status says. Only the kinds here are ever read as rollouts.
pub(crate) fn of_kind(kind: &str) -> &'static RolloutKind {
    match kind {
        "DaemonSet" => &DAEMON_SET,
        "StatefulSet" => &STATEFUL_SET,
        "UnitedDeployment" => &UNITED_DEPLOYMENT,
        _ => &CLONE_SET,
    }
}
