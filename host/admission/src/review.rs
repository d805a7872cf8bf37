//! AdmissionReview (`admission.k8s.io/v1`): what a kube-apiserver asks, and what it is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use windlass_core::{AdmissionRequest, Gvk, Verb, Verdict};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// What of an AdmissionReview is read.
#[derive(Debug, Deserialize)]
struct Review {
    #[serde(rename = "apiVersion", default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Request>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    kind: GroupVersionKind,
    resource: GroupVersionResource,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    operation: String,
    #[serde(default)]
    user_info: UserInfo,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct GroupVersionKind {
    #[serde(default)]
    group: String,
    version: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct GroupVersionResource {
    resource: String,
}

#[derive(Debug, Default, Deserialize)]
struct UserInfo {
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

/// Why a text is no AdmissionReview that can be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("the body is not an AdmissionReview")]
    Json(#[from] serde_json::Error),
    #[error("the body is a {kind:?} of {api_version:?}, want an AdmissionReview of admission.k8s.io/v1")]
    OtherKind { api_version: String, kind: String },
    #[error("request is missing: an AdmissionReview without one asks nothing")]
    NoRequest,
    #[error("request.uid is empty: the answer has to repeat it")]
    NoUid,
    #[error("request.operation is {0:?}, want CREATE, UPDATE or DELETE")]
    Operation(String),
}

/// The answer to one review, to be sent as JSON.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Answer(Value);

/// Reads a review: its UID, and what it asks.
///
/// # Errors
/// The text isn't an AdmissionReview of version v1 with a request of a known operation.
pub fn read(body: &[u8]) -> Result<(String, AdmissionRequest), ReviewError> {
    let Review { api_version, kind, request } = serde_json::from_slice(body)?;
    if api_version != API_VERSION || kind != KIND {
        return Err(ReviewError::OtherKind { api_version, kind });
    }
    let request = request.ok_or(ReviewError::NoRequest)?;
    if request.uid.is_empty() {
        return Err(ReviewError::NoUid);
    }
    let verbs = [Verb::Create, Verb::Update, Verb::Delete];
    let verb = verbs.into_iter().find(|verb| verb.name() == request.operation);
    let verb = verb.ok_or_else(|| ReviewError::Operation(request.operation.clone()))?;
    let GroupVersionKind { group, version, kind } = request.kind;
    let asked = AdmissionRequest {
        gvk: Gvk { group, version, kind },
        resource: request.resource.resource,
        subresource: request.sub_resource.unwrap_or_default(),
        namespace: request.namespace.unwrap_or_default(),
        name: request.name.unwrap_or_default(),
        verb,
        user: request.user_info.username,
        groups: request.user_info.groups,
        dry_run: request.dry_run.unwrap_or_default(),
        object: request.object,
        old_object: request.old_object,
    };
    Ok((request.uid, asked))
}

/// The answer to the review with this UID; changes to the object become a JSONPatch.
pub fn answer(uid: &str, asked: &AdmissionRequest, verdict: &Verdict) -> Answer {
    let mut response = json!({"uid": uid});
    match verdict {
        Verdict::Allowed { object, warnings } => {
            response["allowed"] = json!(true);
            if let Some(object) = object.as_ref().filter(|object| **object != asked.object) {
                let patch = json_patch::diff(&asked.object, object);
                let patch = serde_json::to_vec(&patch).expect("a patch of JSON values is JSON");
                response["patchType"] = json!("JSONPatch");
                response["patch"] = json!(STANDARD.encode(patch));
            }
            if !warnings.is_empty() {
                response["warnings"] = json!(warnings);
            }
        }
        Verdict::Denied { message, causes } => {
            response["allowed"] = json!(false);
            let (code, reason) = if causes.is_empty() { (403, "Forbidden") } else { (422, "Invalid") };
            let mut status = json!({"status": "Failure", "message": message, "reason": reason, "code": code});
            if !causes.is_empty() {
                let causes: Vec<Value> = causes
                    .iter()
                    .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
                    .collect();
                status["details"] = json!({"name": asked.name, "group": asked.gvk.group, "kind": asked.gvk.kind, "causes": causes});
            }
            response["status"] = status;
        }
    }
    Answer(json!({"apiVersion": API_VERSION, "kind": KIND, "response": response}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(change: impl Fn(&mut Value)) -> Vec<u8> {
        let mut review = json!({"apiVersion": API_VERSION, "kind": KIND, "request": {"uid": "u1",
            "kind": {"group": "", "version": "v1", "kind": "Secret"},
            "resource": {"group": "", "version": "v1", "resource": "secrets"},
            "namespace": "shop", "operation": "CREATE", "userInfo": {"username": "me"},
            "object": {"metadata": {"name": "s"}}, "oldObject": null}});
        change(&mut review);
        serde_json::to_vec(&review).unwrap()
    }

    #[test]
    fn a_change_is_answered_as_a_patch_of_just_what_changed() {
        let (uid, asked) = read(&review(|_| ())).unwrap();
        let object = json!({"metadata": {"name": "s", "labels": {"a": "b"}}});
        let Answer(answer) =
            answer(&uid, &asked, &Verdict::Allowed { object: Some(object), warnings: vec![] });
        let patch = STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch, json!([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]));
        assert_eq!(answer["response"]["uid"], "u1");
    }

    #[test]
    fn what_is_no_review_is_refused_with_the_reason() {
        for (body, want) in [
            (b"{".to_vec(), "not an AdmissionReview"),
            (review(|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1")), "v1beta1"),
            (review(|review| review["request"] = Value::Null), "request is missing"),
            (review(|review| review["request"]["uid"] = json!("")), "uid"),
            (review(|review| review["request"]["operation"] = json!("CONNECT")), "CONNECT"),
        ] {
            let error = read(&body).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
