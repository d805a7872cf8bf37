//! FederatedResourceQuota.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The limits of a namespace over all clusters together.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "FederatedResourceQuota",
    plural = "federatedresourcequotas",
    namespaced,
    status = "FederatedResourceQuotaStatus",
    category = "karmada-io",
    derive = "PartialEq",
    derive = "Default",
    doc = "How much a namespace may use over all clusters together.",
    printcolumn(name = "OVERALL", type_ = "string", json_path = ".status.overall"),
    printcolumn(name = "OVERALL_USED", type_ = "string", json_path = ".status.overallUsed")
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedResourceQuotaSpec {
    /// The limit of each resource, over all clusters together.
    #[schemars(schema_with = "schema::resource_list")]
    pub overall: BTreeMap<String, Quantity>,
    /// The part of it that a cluster's own ResourceQuota gets; a cluster that is not listed gets none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_assignments: Vec<StaticClusterAssignment>,
}

/// The limits in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticClusterAssignment {
    /// The cluster.
    pub cluster_name: String,
    /// The limit of each resource there.
    #[schemars(schema_with = "schema::resource_list")]
    pub hard: BTreeMap<String, Quantity>,
}

/// What is enforced and what is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedResourceQuotaStatus {
    /// The limits that are enforced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub overall: BTreeMap<String, Quantity>,
    /// What is used, over all clusters together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub overall_used: BTreeMap<String, Quantity>,
    /// What is enforced and used in each cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<ClusterQuotaStatus>,
}

/// What is enforced and used in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterQuotaStatus {
    /// The cluster.
    pub cluster_name: String,
    /// The limits that are enforced there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub hard: BTreeMap<String, Quantity>,
    /// What is used there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub used: BTreeMap<String, Quantity>,
}
