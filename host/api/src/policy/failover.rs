//! What happens when an application or its cluster fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// When and how a resource leaves a place that fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverBehavior {
    /// When the application is unhealthy; absent: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFailoverBehavior>,
    /// When the cluster is tainted `NoExecute`; absent: as the control plane is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFailoverBehavior>,
}

/// How a resource leaves a cluster in which it is unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFailoverBehavior {
    /// When it has been unhealthy for long enough.
    pub decision_conditions: DecisionConditions,
    /// How it is removed from the cluster that it leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Gracefully"))]
    pub purge_mode: Option<PurgeMode>,
    /// Seconds after which it is removed even if its replacement is not healthy; only with `Gracefully`.
    /// Absent: as the control plane is set (10 minutes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// What of its state is carried to the new cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// How a resource leaves a cluster that fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFailoverBehavior {
    /// How it is removed from the cluster that it leaves: `Directly` or `Gracefully`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cluster_purge_mode")]
    pub purge_mode: Option<PurgeMode>,
    /// What of its state is carried to the new cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// When an unhealthy application is moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionConditions {
    /// Seconds that it may be unhealthy; absent: 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 300))]
    pub toleration_seconds: Option<i32>,
}

/// How a resource is removed from a cluster that it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PurgeMode {
    /// At once; the new cluster is filled only when the old one is empty.
    Directly,
    /// When the replacement is healthy, or the grace period is over.
    Gracefully,
    /// By hand.
    Never,
    /// An older name of `Directly`.
    Immediately,
    /// An older name of `Gracefully`.
    Graciously,
}

/// What of a resource's state is carried to its new cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservation {
    /// The values, one a rule.
    pub rules: Vec<StatePreservationRule>,
}

/// One value to carry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservationRule {
    /// The label under which the value is set on the resource in its new cluster.
    pub alias_label_name: String,
    /// Where the value is in the resource's status, in Kubernetes' dialect of JSONPath.
    #[serde(rename = "jsonPath")]
    pub json_path: String,
}
