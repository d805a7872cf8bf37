//! PropagationPolicy and ClusterPropagationPolicy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FailoverBehavior, Placement};
use crate::schema::{self, is_default};

/// Which resources a policy propagates, where to, and how.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "PropagationPolicy",
    plural = "propagationpolicies",
    namespaced,
    shortname = "pp",
    category = "karmada-io",
    derive = "PartialEq",
    derive = "Default",
    doc = "Which resources of its namespace go to which clusters, and how.",
    printcolumn(name = "CONFLICT-RESOLUTION", type_ = "string", json_path = ".spec.conflictResolution"),
    printcolumn(name = "PRIORITY", type_ = "string", json_path = ".spec.priority"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct PropagationSpec {
    /// The resources; at least one selector, and a resource needs to match only one.
    #[schemars(length(min = 1))]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Set by older policies in place of `propagateDeps`; not read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub association: bool,
    /// Whether what the resources depend on goes with them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub propagate_deps: bool,
    /// Which clusters are chosen, and how replicas are divided.
    #[serde(default, skip_serializing_if = "is_default")]
    pub placement: Placement,
    /// Which policy wins where several match a resource: the higher one, then the closer match, then the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub priority: Option<i32>,
    /// Whether the policy takes resources over from one of lower priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Never"))]
    pub preemption: Option<PreemptionBehavior>,
    /// Names of override policies that must exist before the resources are propagated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_overrides: Vec<String>,
    /// Which scheduler decides.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("default" = "default-scheduler"))]
    pub scheduler_name: String,
    /// What happens when an application or its cluster fails; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// What happens where the object is in a member cluster already and is not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Abort"))]
    pub conflict_resolution: Option<ConflictResolution>,
    /// When a change of the policy takes effect; absent: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_preference: Option<ActivationPreference>,
    /// What is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Whether the objects stay in the member clusters when the template is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// How urgent the scheduling of the resources is; absent: priority 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
}

/// Selects resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// The group and version, as in `apps/v1`.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty: the policy's own, or any for a policy without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name; empty: any. Goes before `labelSelector`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// By labels; read only where `name` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub label_selector: Option<LabelSelector>,
}

/// What is held back. The two exclude each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Whether nothing is dispatched to any cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatching: Option<bool>,
    /// The clusters to which nothing is dispatched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatching_on_clusters: Option<SuspendClusters>,
}

/// A list of clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendClusters {
    /// Their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
}

/// Whether a policy takes resources over from one of lower priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PreemptionBehavior {
    /// It does.
    Always,
    /// It leaves them.
    Never,
}

/// What happens where an object that is not managed is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConflictResolution {
    /// It is left as it is, and the propagation fails.
    Abort,
    /// It is taken over.
    Overwrite,
}

/// When a change of a policy takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ActivationPreference {
    /// When the resource itself changes next.
    Lazy,
}

/// Where the priority of a resource's scheduling is taken from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePriority {
    /// What kind of object holds it.
    pub priority_class_source: PriorityClassSource,
    /// That object's name.
    pub priority_class_name: String,
    /// Whether the resources take room from ones of lower priority where there is none left; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption: Option<SchedulePreemption>,
}

/// Whether a resource takes room from resources of lower priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SchedulePreemption {
    /// It does, from the fewest and lowest.
    PreemptLowerPriority,
    /// It waits for room.
    #[default]
    Never,
}

/// What kind of object holds a scheduling priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PriorityClassSource {
    /// A PriorityClass (`scheduling.k8s.io/v1`) in the control plane.
    #[default]
    KubePriorityClass,
}
