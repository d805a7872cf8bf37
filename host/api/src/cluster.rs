//! `cluster.karmada.io/v1alpha1`: Cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{self, is_default};

/// What a member cluster is and how it is reached.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cluster.karmada.io",
    version = "v1alpha1",
    kind = "Cluster",
    plural = "clusters",
    status = "ClusterStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A member cluster.",
    printcolumn(name = "Version", type_ = "string", json_path = ".status.kubernetesVersion"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.syncMode"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Zones", type_ = "string", json_path = ".spec.zones", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region", priority = 1),
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider", priority = 1),
    printcolumn(name = "API-Endpoint", type_ = "string", json_path = ".spec.apiEndpoint", priority = 1),
    printcolumn(name = "Proxy-URL", type_ = "string", json_path = ".spec.proxyURL", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// What tells it from all others: the UID of its `kube-system` namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128000))]
    pub id: String,
    /// Who carries objects to it.
    pub sync_mode: ClusterSyncMode,
    /// Where its API server is: `host:port` or a URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_endpoint: String,
    /// The Secret with the credentials to it: `token` and `caBundle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalSecretReference>,
    /// The Secret with the credentials for acting in a user's name: `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonator_secret_ref: Option<LocalSecretReference>,
    /// Whether its certificate is not checked.
    #[serde(rename = "insecureSkipTLSVerification", default, skip_serializing_if = "is_default")]
    pub insecure_skip_tls_verification: bool,
    /// The proxy on the way to it: `http://`, `https://` or `socks5://`.
    #[serde(rename = "proxyURL", default, skip_serializing_if = "String::is_empty")]
    pub proxy_url: String,
    /// Headers for that proxy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_header: BTreeMap<String, String>,
    /// Whose cloud it runs in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The region it is in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The zone it is in; an older form of `zones`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// The zones it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What keeps resources away that do not tolerate it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::taints")]
    pub taints: Vec<Taint>,
    /// Grades of nodes by which its free capacity is counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_models: Vec<ResourceModel>,
}

/// Who carries objects to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ClusterSyncMode {
    /// The control plane.
    #[default]
    Push,
    /// An agent in the cluster.
    Pull,
}

/// Which Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One grade of nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModel {
    /// The grade's number, from 0.
    #[schemars(schema_with = "schema::unsigned")]
    pub grade: i64,
    /// Between which bounds a node of this grade has each resource.
    pub ranges: Vec<ResourceModelRange>,
}

/// The bounds of one resource in a grade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModelRange {
    /// The resource: `cpu`, `memory`, ...
    pub name: String,
    /// The least that a node of the grade has.
    #[schemars(schema_with = "schema::quantity")]
    pub min: Quantity,
    /// What a node of the grade has less than.
    #[schemars(schema_with = "schema::quantity")]
    pub max: Quantity,
}

/// What a member cluster was last seen to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The version of its API server: `v1.34.1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kubernetes_version: String,
    /// The kinds that it serves.
    #[serde(rename = "apiEnablements", default, skip_serializing_if = "Vec::is_empty")]
    pub api_enablements: Vec<ApiEnablement>,
    /// Ready, CompleteAPIEnablements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// How many nodes it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_summary: Option<NodeSummary>,
    /// How much room it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_summary: Option<ResourceSummary>,
    /// What is being done about its troubles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedy_actions: Vec<String>,
}

/// The kinds of one group and version that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiEnablement {
    /// As in `apps/v1`.
    pub group_version: String,
    /// The kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ApiResource>,
}

/// A kind that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiResource {
    /// Its plural name in URLs.
    pub name: String,
    /// The kind.
    pub kind: String,
}

/// How many nodes a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSummary {
    /// All of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub total_num: i32,
    /// Those that are ready.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ready_num: i32,
}

/// How much room a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSummary {
    /// What its nodes can give, all together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// What pods request that are on no node yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub allocating: BTreeMap<String, Quantity>,
    /// What pods request that are on a node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub allocated: BTreeMap<String, Quantity>,
    /// How many nodes of each grade have room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocatable_modelings: Vec<AllocatableModeling>,
}

/// How many nodes of one grade a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocatableModeling {
    /// The grade.
    #[schemars(schema_with = "schema::unsigned")]
    pub grade: i64,
    /// How many nodes have that much left.
    #[schemars(schema_with = "schema::integer")]
    pub count: i64,
}
