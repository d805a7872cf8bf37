//! What is sent to an interpreter webhook, and what it answers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::schema::{self, is_default};
use crate::work::{AggregatedStatusItem, Component, ReplicaRequirements};

/// The envelope of a question or an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterContext {
    /// `config.karmada.io/v1alpha1`. Karmada's own webhook server leaves it out of its answers, and `kind` too.
    #[serde(default)]
    pub api_version: String,
    /// `ResourceInterpreterContext`.
    #[serde(default)]
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
    #[serde(default)]
    pub kind: GroupVersionKind,
    /// The object's name.
    #[serde(default)]
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
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupVersionKind {
    /// Its group; empty: the core group.
    #[serde(default)]
    pub group: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Its name.
    #[serde(default)]
    pub kind: String,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterResponse {
    /// As in the question.
    #[serde(default)]
    pub uid: String,
    /// Whether there is an answer.
    #[serde(default)]
    pub successful: bool,
    /// Why not, if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RequestStatus>,
    /// The change to the object, base64 of a JSONPatch; for ReviseReplica, Retain, AggregateStatus.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
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
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// What must go along; for InterpretDependency.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
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

/// Go's encoder writes `null` for a list that was never made.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_of_karmadas_own_server_is_read() {
        let answer = json!({"response": {"uid": "u", "successful": true, "status": {"code": 200},
            "replicas": 3, "components": null, "dependencies": null}});
        let read: ResourceInterpreterContext = serde_json::from_value(answer).unwrap();
        let response = read.response.unwrap();
        assert_eq!((response.replicas, response.successful), (Some(3), true));
        assert!(response.components.is_empty() && read.kind.is_empty());
    }
}
