//! ResourceInterpreterWebhookConfiguration: remote interpreters.

use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The webhooks of one configuration.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "config.karmada.io",
    version = "v1alpha1",
    kind = "ResourceInterpreterWebhookConfiguration",
    plural = "resourceinterpreterwebhookconfigurations",
    category = "karmada-io",
    no_spec,
    derive = "PartialEq",
    derive = "Default",
    doc = "Webhooks that are asked what resources mean."
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterWebhooks {
    /// The webhooks.
    pub webhooks: Vec<ResourceInterpreterWebhook>,
}

/// A webhook that is asked what resources mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterWebhook {
    /// Its full name: `workloads.example.com`.
    pub name: String,
    /// Where it is, and whom to trust there.
    #[schemars(schema_with = "schema::webhook_client_config")]
    pub client_config: WebhookClientConfig,
    /// What it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleWithOperations>,
    /// How long it may take, in seconds; absent: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
    /// The versions of ResourceInterpreterContext that it speaks; the first that we speak is used.
    pub interpreter_context_versions: Vec<String>,
}

/// Operations and kinds. A webhook is asked where both match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithOperations {
    /// The operations by name, or `*`.
    pub operations: Vec<String>,
    /// The kinds' groups, or `*`.
    pub api_groups: Vec<String>,
    /// The kinds' versions, or `*`.
    pub api_versions: Vec<String>,
    /// The kinds, or `*`.
    pub kinds: Vec<String>,
}
