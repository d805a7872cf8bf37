//! What the statuses of rollouts say, kind by kind.

use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields};
use windlass_sdk::{PodCount, Pods};

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
    /// The revision that the pods are brought to.
    fn update_revision(&self) -> String {
        format!("{}-{}", self.name, self.generation)
    }

    /// What all that are rolled out by revisions say of their pods, and what one kind alone does.
    fn rolling_out(&self, pods: PodCount, own: Value) -> Value {
        let ready = pods.ready_of_any_template();
        // The current revision is done with when no pod of it is left.
        let is_rolled_out = pods.outdated == 0;
        let current = if is_rolled_out { self.update_revision() } else { self.current_revision.to_owned() };
        let mut status = json!({
            "observedGeneration": self.generation,
            "replicas": pods.of_any_template(),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": pods.created,
            "updatedReadyReplicas": pods.ready,
            "currentRevision": current,
        });
        if let (Some(status), Value::Object(own)) = (status.as_object_mut(), own) {
            status.extend(own);
        }
        status
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
        let own = json!({
            "updatedAvailableReplicas": pods.ready,
            "expectedUpdatedReplicas": pods.desired,
            "updateRevision": state.update_revision(),
        });
        state.rolling_out(pods, own)
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
        let own = json!({
            "currentReplicas": if pods.outdated == 0 { pods.created } else { pods.outdated },
            "updatedAvailableReplicas": pods.ready,
            "updateRevision": state.update_revision(),
        });
        state.rolling_out(pods, own)
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
        let own = json!({
            "unavailableReplicas": pods.desired.saturating_sub(pods.ready_of_any_template()),
            "updateStatus": {"updatedRevision": state.update_revision()},
        });
        state.rolling_out(pods, own)
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
            "daemonSetHash": state.update_revision(),
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
