//! The protocol without the network: what is sent, and what is taken of the answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use windlass_api::config::{
    DependentObjectReference, GroupVersionKind, PatchType, ResourceInterpreterContext,
    ResourceInterpreterRequest, ResourceInterpreterResponse,
};
use windlass_api::work::{AggregatedStatusItem, Component};
use windlass_core::{Blame, Fence, Json, Object, Operation, ReplicaAnswer, confined};

/// What is asked of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query<'a> {
    /// Something about the object alone.
    Inspect(Operation),
    ReviseReplica(i32),
    Retain(&'a Object),
    AggregateStatus(&'a [AggregatedStatusItem]),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Replicas(ReplicaAnswer),
    Components(Vec<Component>),
    Dependencies(Vec<DependentObjectReference>),
    Status(Json),
    Health(bool),
    /// The whole object, changed within its fence.
    Object(Object),
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) blame: Blame,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(blame: Blame, message: impl Into<String>) -> Fault {
        Fault { blame, message: message.into() }
    }
}

impl Query<'_> {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Query::Inspect(operation) => operation,
            Query::ReviseReplica(_) => Operation::ReviseReplica,
            Query::Retain(_) => Operation::Retain,
            Query::AggregateStatus(_) => Operation::AggregateStatus,
        }
    }

    /// The text of the question; the answer has to repeat `uid`.
    pub(super) fn text(self, uid: &str, object: &Object) -> Bytes {
        let id = object.id();
        let mut request = ResourceInterpreterRequest {
            uid: uid.to_owned(),
            kind: GroupVersionKind {
                group: id.gvk.group.clone(),
                version: id.gvk.version.clone(),
                kind: id.gvk.kind.clone(),
            },
            name: id.name.clone(),
            namespace: id.namespace.clone(),
            operation: self.operation().name().to_owned(),
            object: object.to_value(),
            ..ResourceInterpreterRequest::default()
        };
        match self {
            Query::Inspect(_) => {}
            Query::ReviseReplica(replicas) => request.replicas = Some(replicas),
            Query::Retain(observed) => request.observed_object = Some(observed.to_value()),
            Query::AggregateStatus(items) => request.aggregated_status = items.to_vec(),
        }
        let context = ResourceInterpreterContext {
            api_version: "config.karmada.io/v1alpha1".to_owned(),
            kind: "ResourceInterpreterContext".to_owned(),
            request: Some(request),
            response: None,
        };
        serde_json::to_vec(&context).expect("the API's own types are JSON").into()
    }

    /// What the answer in `body` says.
    pub(super) fn told(self, uid: &str, object: &Object, body: &[u8]) -> Result<Told, Fault> {
        let bad = |message: String| Fault::new(Blame::BadAnswer, message);
        let context: ResourceInterpreterContext = serde_json::from_slice(body)
            .map_err(|error| bad(format!("the answer is no ResourceInterpreterContext: {error}")))?;
        let response = context.response.ok_or_else(|| bad("the answer has no response".to_owned()))?;
        if response.uid != uid {
            return Err(bad(format!("response.uid is {:?}, want {uid:?}", response.uid)));
        }
        if !response.successful {
            let status = response.status.ok_or_else(|| {
                bad("response.status is missing: without success it has to say why".to_owned())
            })?;
            // What it failed at itself may go well another time; what it refuses, it refuses.
            let blame = if status.code >= 500 { Blame::Unavailable } else { Blame::Rejected { field: None } };
            return Err(Fault::new(blame, format!("{} (code {})", status.message, status.code)));
        }
        let absent = |field: &str| bad(format!("response.{field} is missing"));
        match self {
            Query::Inspect(Operation::InterpretReplica) => Ok(Told::Replicas(ReplicaAnswer {
                replicas: response.replicas.ok_or_else(|| absent("replicas"))?,
                requirements: response.replica_requirements,
            })),
            Query::Inspect(Operation::InterpretComponent) => Ok(Told::Components(response.components)),
            Query::Inspect(Operation::InterpretDependency) => {
                check(&response.dependencies).map_err(bad)?;
                Ok(Told::Dependencies(response.dependencies))
            }
            Query::Inspect(Operation::InterpretStatus) => {
                let status = response.raw_status.ok_or_else(|| absent("rawStatus"))?;
                Ok(Told::Status(Json::from(&status)))
            }
            Query::Inspect(Operation::InterpretHealth) => {
                Ok(Told::Health(response.healthy.ok_or_else(|| absent("healthy"))?))
            }
            Query::ReviseReplica(_) => patched(object, &response, Fence::Spec),
            Query::Retain(_) => patched(object, &response, Fence::AllButIdentity),
            Query::AggregateStatus(_) => patched(object, &response, Fence::Status),
            Query::Inspect(operation) => Err(bad(format!("the protocol has no {operation}"))),
        }
    }
}

/// A dependent is found by its name or by labels.
fn check(dependencies: &[DependentObjectReference]) -> Result<(), String> {
    for (index, dependency) in dependencies.iter().enumerate() {
        let DependentObjectReference { api_version, kind, name, label_selector, .. } = dependency;
        let missing = if api_version.is_empty() {
            "apiVersion"
        } else if kind.is_empty() {
            "kind"
        } else if name.is_empty() && label_selector.is_none() {
            "name, or labelSelector,"
        } else {
            continue;
        };
        return Err(format!("response.dependencies[{index}]: {missing} is missing"));
    }
    Ok(())
}

/// The object with the response's patch made. Neither a patch nor its type: nothing changes.
fn patched(object: &Object, response: &ResourceInterpreterResponse, fence: Fence) -> Result<Told, Fault> {
    let bad = |message: String| Fault::new(Blame::BadAnswer, message);
    let before = object.to_value();
    match (response.patch.as_str(), response.patch_type) {
        ("", None) => return Ok(Told::Object(object.clone())),
        ("", Some(_)) => return Err(bad("response.patch is missing, patchType is not".to_owned())),
        (_, None) => return Err(bad("response.patchType is missing, want JSONPatch".to_owned())),
        (_, Some(PatchType::JSONPatch)) => {}
    }
    let patch = STANDARD
        .decode(&response.patch)
        .map_err(|error| bad(format!("response.patch is not base64: {error}")))?;
    let patch: json_patch::Patch = serde_json::from_slice(&patch)
        .map_err(|error| bad(format!("response.patch is no JSONPatch: {error}")))?;
    let mut after = before.clone();
    json_patch::patch(&mut after, &patch)
        .map_err(|error| bad(format!("response.patch does not fit: {error}")))?;
    let after = confined(&before, &after, fence).map_err(|error| bad(format!("response.patch: {error}")))?;
    let after = Object::from_value(&after).map_err(|error| bad(format!("response.patch: {error}")))?;
    Ok(Told::Object(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object() -> Object {
        Object::from_json(
            r#"{"apiVersion":"v1","kind":"Thing","metadata":{"name":"t"},"spec":{"replicas":1}}"#,
        )
        .unwrap()
    }

    fn told(query: Query<'_>, response: Value) -> Result<Told, Fault> {
        let mut response = response;
        response["uid"] = json!("u");
        query.told("u", &object(), json!({"response": response}).to_string().as_bytes())
    }

    fn patch(operations: Value) -> Value {
        json!({"successful": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
    }

    #[test]
    fn a_patch_is_made_within_the_fence_of_what_was_asked() {
        let grown = json!([{"op": "replace", "path": "/spec/replicas", "value": 3},
            {"op": "add", "path": "/status", "value": {}}]);
        let Ok(Told::Object(object)) = told(Query::ReviseReplica(3), patch(grown)) else {
            panic!("no object")
        };
        assert_eq!((object.part("spec"), object.part("status")), (json!({"replicas": 3}), Value::Null));
        let nothing = told(Query::ReviseReplica(3), json!({"successful": true}));
        assert_eq!(nothing, Ok(Told::Object(self::object())));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_the_webhooks_fault() {
        let revise = Query::ReviseReplica(3);
        let replicas = Query::Inspect(Operation::InterpretReplica);
        let dependencies = Query::Inspect(Operation::InterpretDependency);
        let good = STANDARD.encode("[]");
        for (query, response, want) in [
            (replicas, json!({"successful": true}), "response.replicas is missing"),
            (replicas, json!({"successful": false}), "response.status is missing"),
            (Query::Inspect(Operation::InterpretStatus), json!({"successful": true}), "rawStatus"),
            (Query::Inspect(Operation::InterpretHealth), json!({"successful": true}), "healthy"),
            (
                dependencies,
                json!({"successful": true, "dependencies": [{"apiVersion": "v1", "kind": "Secret"}]}),
                "[0]: name",
            ),
            (revise, json!({"successful": true, "patch": good}), "patchType is missing"),
            (revise, json!({"successful": true, "patchType": "JSONPatch"}), "patch is missing"),
            (revise, json!({"successful": true, "patchType": "JSONPatch", "patch": "%"}), "base64"),
            (revise, json!({"successful": true, "patchType": "MergePatch", "patch": good}), "MergePatch"),
            (revise, patch(json!({"spec": 1})), "no JSONPatch"),
            (revise, patch(json!([{"op": "remove", "path": "/spec/none"}])), "does not fit"),
            (
                revise,
                patch(json!([{"op": "replace", "path": "/metadata/name", "value": "u"}])),
                "/metadata/name",
            ),
            (revise, patch(json!([{"op": "replace", "path": "", "value": 7}])), "outside"),
        ] {
            let fault = told(query, response).unwrap_err();
            assert_eq!(fault.blame, Blame::BadAnswer);
            assert!(fault.message.contains(want), "{}", fault.message);
        }
        for (body, want) in [
            ("<html>", "no ResourceInterpreterContext"),
            ("{}", "no response"),
            (r#"{"response":{"uid":"v"}}"#, "uid"),
        ] {
            let fault = replicas.told("u", &object(), body.as_bytes()).unwrap_err();
            assert!(fault.message.contains(want), "{}", fault.message);
        }
    }

    #[test]
    fn a_refusal_is_an_answer_and_a_failure_is_none() {
        let refused = |code| {
            told(
                Query::ReviseReplica(1),
                json!({"successful": false, "status": {"code": code, "message": "no"}}),
            )
            .unwrap_err()
        };
        assert_eq!(refused(422), Fault::new(Blame::Rejected { field: None }, "no (code 422)"));
        assert_eq!(refused(500).blame, Blame::Unavailable);
    }
}
