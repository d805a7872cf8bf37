//! `plugins.windlass.io/v1alpha1`: Plugin, what a running control plane says of each of its plugins.
//!
//! The control plane writes these objects itself, one for each place that a plugin is loaded from, and puts back what
//! others change in them.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A condition: the newest version of the plugin, with the newest settings, is what was loaded.
pub const LOADED: &str = "Loaded";
/// A condition: a version of the plugin is asked.
pub const SERVING: &str = "Serving";
/// A condition: the plugin did not fail by its own fault of late.
pub const HEALTHY: &str = "Healthy";

/// Where a plugin comes from.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "plugins.windlass.io",
    version = "v1alpha1",
    kind = "Plugin",
    plural = "plugins",
    status = "PluginStatus",
    category = "windlass-io",
    derive = "PartialEq",
    derive = "Default",
    doc = "A WebAssembly plugin of the control plane: an interpreter of resources, or an admission hook.",
    printcolumn(name = "Plugin", type_ = "string", json_path = ".status.serving.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.serving.version"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(
        name = "Healthy",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Healthy")].status"#
    ),
    printcolumn(name = "Calls", type_ = "integer", json_path = ".status.serving.calls"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.serving.digest", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct PluginSpec {
    /// Where the component is: one of the fields is given.
    pub source: PluginSource,
}

/// Where a plugin's component is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginSource {
    /// Part of the binary: its name there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub built_in: String,
    /// A file of the folder of plugins that is watched.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// A ResourceInterpreterCustomization: its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customization: String,
}

/// How a plugin stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// In a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PluginState>,
    /// Why, where it isn't plainly serving.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Loaded, Serving, Healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// What serves; absent where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<ServingPlugin>,
}

/// How a plugin stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PluginState {
    /// The newest version is asked.
    Serving,
    /// The newest version, or its newest settings, can't be used; what served before still does.
    Degraded,
    /// It can't be loaded, and nothing serves.
    Failed,
    /// Calls are refused for a moment, after failures in a row.
    HeldBack,
    /// Another plugin has the same name and is asked in its place.
    Shadowed,
}

impl PluginState {
    /// As it is written in an object.
    pub const fn name(self) -> &'static str {
        match self {
            PluginState::Serving => "Serving",
            PluginState::Degraded => "Degraded",
            PluginState::Failed => "Failed",
            PluginState::HeldBack => "HeldBack",
            PluginState::Shadowed => "Shadowed",
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The version of a plugin that serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServingPlugin {
    /// By its own account.
    pub name: String,
    /// By its own account; a semantic version.
    pub version: String,
    /// By its own account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The contract that it speaks, and that contract's version.
    pub world: String,
    /// `sha256:` and the digest of the component.
    pub digest: String,
    /// Of two plugins for one kind, the one with the higher priority is asked.
    #[serde(default)]
    pub priority: i32,
    /// What an interpreter answers for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<InterpretedKind>,
    /// What an admission plugin sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AdmissionRule>,
    /// What it may use.
    pub limits: PluginLimits,
    /// How often it was asked since it was loaded.
    #[schemars(schema_with = "schema::unsigned")]
    pub calls: u64,
    /// The mean time of a call.
    #[schemars(schema_with = "schema::unsigned")]
    pub mean_call_microseconds: u64,
    /// Failed calls by who is to blame: HostFault, Trap, Rejected, Deadline, OutOfMemory, BadAnswer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::counts")]
    pub failures: BTreeMap<String, u64>,
    /// How the last failed call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// A kind and the operations that a plugin declares for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InterpretedKind {
    /// Empty for the core group; `*` for any.
    pub group: String,
    /// `*` for any.
    pub version: String,
    /// `*` for any.
    pub kind: String,
    /// By Karmada's names.
    pub operations: Vec<String>,
    /// Which of them the host answers by itself, from what the plugin declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<DeclaredAnswer>,
}

/// An operation that needs no call into the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredAnswer {
    /// By Karmada's name.
    pub operation: String,
    /// `the whole status`, `/spec/clusterIP unless empty`.
    pub answer: String,
}

/// Which requests an admission plugin sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRule {
    /// Empty for the core group; `*` for any.
    pub group: String,
    /// `*` for any.
    pub version: String,
    /// `*` for any.
    pub resource: String,
    /// CREATE, UPDATE, DELETE.
    pub verbs: Vec<String>,
}

/// What a plugin may use, as people write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginLimits {
    /// The time of a call.
    pub deadline: String,
    /// The memory of an instance.
    pub memory: String,
    /// The size of an answer.
    pub answer: String,
    /// How many calls run at once.
    #[schemars(schema_with = "schema::unsigned")]
    pub concurrency: u32,
    /// After how many calls an instance is replaced.
    #[schemars(schema_with = "schema::unsigned")]
    pub calls_per_instance: u32,
    /// Warm, or PerCall.
    pub isolation: String,
}
