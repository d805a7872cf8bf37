//! What is sent to an interpreter webhook, and what it answers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::{self, is_default};
use crate::work::{AggregatedStatusItem, Component, ReplicaRequirements};

/// The envelope of a question or an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterContext {
    /// `config.karmada.io/v1alpha1`.
    pub api_version: String,
    /// `ResourceInterpreterContext`.
    pub kind: String,
    /// The question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<ResourceInterpreterRequest>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResourceInterpreterResponse>,
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterRequest {
    /// What the answer has to repeat.
    pub uid: String,
    /// The object's kind.
    pub kind: GroupVersionKind,
    /// The object's name.
    pub name: String,
    /// The object's namespace; empty for a cluster-scoped one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The operation, by name.
    pub operation: String,
    /// The object: the template or the desired one, or for status and health the observed one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub object: Value,
    /// The object as it is in the member cluster; for Retain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_object: Option<Value>,
    /// How many replicas to set; for ReviseReplica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The statuses to draw together; for AggregateStatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupVersionKind {
    /// Its group; empty: the core group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name.
    pub kind: String,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterResponse {
    /// As in the question.
    pub uid: String,
    /// Whether there is an answer.
    pub successful: bool,
    /// Why not, if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RequestStatus>,
    /// The change to the object, base64 of a JSONPatch; for ReviseReplica, Retain, AggregateStatus.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub patch: String,
    /// What kind of patch it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<PatchType>,
    /// What each replica needs; for InterpretReplica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
    /// How many replicas the object wants; for InterpretReplica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The components; for InterpretComponent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// What must go along; for InterpretDependency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<DependentObjectReference>,
    /// The status to show; for InterpretStatus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_status: Option<Value>,
    /// Whether the object is healthy; for InterpretHealth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
}

/// Why there is no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// An HTTP status code; 0: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub code: i32,
}

/// What kind of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PatchType {
    /// RFC 6902.
    JSONPatch,
}

/// An object that must go along with another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependentObjectReference {
    /// Its group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name; empty where `labelSelector` selects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// By labels, where no name is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub label_selector: Option<LabelSelector>,
}
