//! ResourceInterpreterCustomization: scripts in Lua.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one kind means, in scripts.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "config.karmada.io",
    version = "v1alpha1",
    kind = "ResourceInterpreterCustomization",
    plural = "resourceinterpretercustomizations",
    shortname = "ric",
    category = "karmada-io",
    derive = "PartialEq",
    derive = "Default",
    doc = "Scripts that say what one kind of resource means.",
    printcolumn(name = "TARGET-API-VERSION", type_ = "string", json_path = ".spec.target.apiVersion"),
    printcolumn(name = "TARGET-KIND", type_ = "string", json_path = ".spec.target.kind"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterCustomizationSpec {
    /// The kind.
    pub target: CustomizationTarget,
    /// The scripts.
    pub customizations: CustomizationRules,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationTarget {
    /// Its group and version.
    pub api_version: String,
    /// Its name.
    pub kind: String,
}

/// A script for each operation that is customized.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationRules {
    /// Retain: `Retain(desiredObj, observedObj)` returns the object to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<LuaRule>,
    /// InterpretReplica: `GetReplicas(desiredObj)` returns the replicas and what each needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_resource: Option<LuaRule>,
    /// InterpretComponent: `GetComponents(desiredObj)` returns the components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_resource: Option<LuaRule>,
    /// ReviseReplica: `ReviseReplica(desiredObj, desiredReplica)` returns the object with that many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_revision: Option<LuaRule>,
    /// InterpretStatus: `ReflectStatus(observedObj)` returns the status to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reflection: Option<LuaRule>,
    /// AggregateStatus: `AggregateStatus(desiredObj, statusItems)` returns the template with its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_aggregation: Option<LuaRule>,
    /// InterpretHealth: `InterpretHealth(observedObj)` returns whether it is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_interpretation: Option<LuaRule>,
    /// InterpretDependency: `GetDependencies(desiredObj)` returns what must go along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency_interpretation: Option<LuaRule>,
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LuaRule {
    /// The script's text.
    pub lua_script: String,
}
