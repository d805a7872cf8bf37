//! What a ResourceInterpreterContext (`config.karmada.io/v1alpha1`) asks, and what it is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use windlass_api::config::{
    PatchType, RequestStatus, ResourceInterpreterContext, ResourceInterpreterRequest,
    ResourceInterpreterResponse,
};
use windlass_core::{Answer, Ask, Blame, CallError, Interpreter, Object, Operation};

use super::configuration::OPERATIONS;

pub(crate) const API_VERSION: &str = "config.karmada.io/v1alpha1";
const KIND: &str = "ResourceInterpreterContext";

/// Why a text is no question that can be answered: there is no UID to answer to.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnreadableError {
    #[error("the body is not a ResourceInterpreterContext: {field}{problem}")]
    Json { field: String, problem: serde_json::Error },
    #[error("the body is a {kind:?} of {api_version:?}, want a {KIND} of {API_VERSION}")]
    OtherKind { api_version: String, kind: String },
    #[error("request is missing: a ResourceInterpreterContext without one asks nothing")]
    NoRequest,
    #[error("request.uid is empty: the answer has to repeat it")]
    NoUid,
}

/// An answer, good or bad, and what it was about.
#[derive(Debug)]
pub(super) struct Reply {
    /// `None` where the operation is not one of the protocol's.
    pub(super) operation: Option<Operation>,
    /// As an HTTP status code.
    pub(super) code: i32,
    pub(super) context: ResourceInterpreterContext,
}

/// Why there is no good answer.
struct Failure {
    code: i32,
    message: String,
}

/// Answers the question in `body`.
///
/// # Errors
/// There is no question in it, or nobody to answer to.
pub(super) fn answer(interpreter: &dyn Interpreter, body: &[u8]) -> Result<Reply, UnreadableError> {
    let request = read(body)?;
    let uid = request.uid.clone();
    let operation = OPERATIONS.into_iter().find(|operation| operation.name() == request.operation);
    let outcome = match operation {
        Some(operation) => put(interpreter, operation, request),
        None => {
            let known: Vec<_> = OPERATIONS.into_iter().map(Operation::name).collect();
            let message =
                format!("request.operation is {:?}, want one of {}", request.operation, known.join(", "));
            Err(Failure { code: 400, message })
        }
    };
    let (code, response) = match outcome {
        Ok(response) => (200, ResourceInterpreterResponse { uid, successful: true, ..response }),
        Err(Failure { code, message }) => {
            let status = Some(RequestStatus { message, code });
            (code, ResourceInterpreterResponse { uid, status, ..ResourceInterpreterResponse::default() })
        }
    };
    let context = ResourceInterpreterContext {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        request: None,
        response: Some(response),
    };
    Ok(Reply { operation, code, context })
}

fn read(body: &[u8]) -> Result<ResourceInterpreterRequest, UnreadableError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read: ResourceInterpreterContext =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            // A text that breaks off has no field.
            let field = if matches!(path.as_str(), "." | "?") { String::new() } else { format!("{path}: ") };
            UnreadableError::Json { field, problem: error.into_inner() }
        })?;
    let ResourceInterpreterContext { api_version, kind, request, response: _ } = read;
    if api_version != API_VERSION || kind != KIND {
        return Err(UnreadableError::OtherKind { api_version, kind });
    }
    let request = request.ok_or(UnreadableError::NoRequest)?;
    if request.uid.is_empty() { Err(UnreadableError::NoUid) } else { Ok(request) }
}

fn put(
    interpreter: &dyn Interpreter,
    operation: Operation,
    request: ResourceInterpreterRequest,
) -> Result<ResourceInterpreterResponse, Failure> {
    let object = parse("request.object", &request.object)?;
    let unanswered =
        || Failure { code: 404, message: format!("no interpreter answers {operation} for {}", object.gvk()) };
    let ask = || interpreter.inspect(&object, Ask::only(operation));
    let response = ResourceInterpreterResponse::default();
    Ok(match operation {
        Operation::InterpretReplica => {
            let found = given(ask().replicas, unanswered)?;
            ResourceInterpreterResponse {
                replicas: Some(found.replicas),
                replica_requirements: found.requirements,
                ..response
            }
        }
        Operation::InterpretComponent => {
            ResourceInterpreterResponse { components: given(ask().components, unanswered)?, ..response }
        }
        Operation::InterpretDependency => {
            ResourceInterpreterResponse { dependencies: given(ask().dependencies, unanswered)?, ..response }
        }
        Operation::InterpretStatus => {
            let status = given(ask().status, unanswered)?;
            // The protocol has no word for an object without a status: an absent one is an error there.
            let status = if status.is_null() { json!({}) } else { status.to_value() };
            ResourceInterpreterResponse { raw_status: Some(status), ..response }
        }
        Operation::InterpretHealth => {
            ResourceInterpreterResponse { healthy: Some(given(ask().health, unanswered)?), ..response }
        }
        Operation::ReviseReplica => {
            let replicas = request.replicas.ok_or_else(|| missing("request.replicas", operation))?;
            patched(&object, &given(interpreter.revise_replica(&object, replicas), unanswered)?)
        }
        Operation::Retain => {
            let observed =
                request.observed_object.ok_or_else(|| missing("request.observedObject", operation))?;
            let observed = parse("request.observedObject", &observed)?;
            patched(&object, &given(interpreter.retain(&object, &observed), unanswered)?)
        }
        Operation::AggregateStatus => {
            let items = &request.aggregated_status;
            patched(&object, &given(interpreter.aggregate_status(&object, items), unanswered)?)
        }
        // Not of the protocol, so not among the operations that come here.
        Operation::PreserveState | Operation::RestoreState => return Err(unanswered()),
    })
}

fn given<T>(answer: Answer<T>, unanswered: impl FnOnce() -> Failure) -> Result<T, Failure> {
    let answered = answer.ok_or_else(unanswered)?;
    answered.result.map_err(|error| Failure { code: code(&error), message: error.to_string() })
}

/// As an HTTP server would say it: the object is wrong, or the plugin is slow, or it is broken.
fn code(error: &CallError) -> i32 {
    match error.blame {
        Blame::Rejected { .. } => 422,
        Blame::Deadline => 504,
        Blame::HostFault => 503,
        _ => 500,
    }
}

fn parse(field: &str, value: &Value) -> Result<Object, Failure> {
    Object::from_value(value).map_err(|error| Failure {
        code: 400,
        message: format!("{field} is not a Kubernetes object: {error}"),
    })
}

fn missing(field: &str, operation: Operation) -> Failure {
    Failure { code: 400, message: format!("{field} is missing: {operation} needs it") }
}

/// The change from the object to the one that came out; without a change there is no patch.
fn patched(object: &Object, changed: &Object) -> ResourceInterpreterResponse {
    let patch = json_patch::diff(&object.to_value(), &changed.to_value());
    if patch.0.is_empty() {
        return ResourceInterpreterResponse::default();
    }
    let patch = serde_json::to_vec(&patch).expect("a patch of JSON values is JSON");
    ResourceInterpreterResponse {
        patch: STANDARD.encode(patch),
        patch_type: Some(PatchType::JSONPatch),
        ..ResourceInterpreterResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Things, context};
    use super::*;

    fn ask(operation: &str, more: Value) -> ResourceInterpreterResponse {
        let reply = answer(&Things, &context(operation, more)).unwrap();
        let response = reply.context.response.unwrap();
        assert_eq!(response.uid, "u1");
        response
    }

    fn patch(response: &ResourceInterpreterResponse) -> Value {
        assert_eq!(response.patch_type, Some(PatchType::JSONPatch));
        serde_json::from_slice(&STANDARD.decode(&response.patch).unwrap()).unwrap()
    }

    #[test]
    fn every_operation_is_answered_in_its_own_field() {
        assert_eq!(ask("InterpretReplica", json!({})).replicas, Some(2));
        assert_eq!(ask("InterpretComponent", json!({})).components[0].name, "only");
        assert_eq!(ask("InterpretDependency", json!({})).dependencies[0].name, "settings");
        assert_eq!(ask("InterpretHealth", json!({})).healthy, Some(true));
        assert_eq!(ask("InterpretStatus", json!({})).raw_status, Some(json!({})), "there is none");
        let revised = ask("ReviseReplica", json!({"replicas": 5}));
        assert_eq!(patch(&revised), json!([{"op": "replace", "path": "/spec/replicas", "value": 5}]));
        let observed = json!({"apiVersion": "example.io/v1", "kind": "Thing", "spec": {"paused": true}});
        let retained = ask("Retain", json!({"observedObject": observed}));
        assert_eq!(patch(&retained), json!([{"op": "add", "path": "/spec/paused", "value": true}]));
        let aggregated = ask(
            "AggregateStatus",
            json!({"aggregatedStatus": [{"clusterName": "m1", "status": {"ready": 2}}]}),
        );
        assert_eq!(patch(&aggregated), json!([{"op": "add", "path": "/status", "value": {"ready": 2}}]));
        let same = ask("ReviseReplica", json!({"replicas": 2}));
        assert!(same.successful && same.patch.is_empty() && same.patch_type.is_none(), "nothing changes");
    }

    #[test]
    fn what_cannot_be_answered_says_whose_fault_it_is_and_where() {
        let object =
            |kind: &str| json!({"apiVersion": "example.io/v1", "kind": kind, "metadata": {"name": "t"}});
        for (operation, more, code, want) in [
            ("Sing", json!({}), 400, "request.operation is \"Sing\""),
            ("PreserveState", json!({}), 400, "want one of InterpretReplica"),
            ("ReviseReplica", json!({}), 400, "request.replicas is missing"),
            ("Retain", json!({}), 400, "request.observedObject is missing"),
            ("Retain", json!({"observedObject": {"kind": "Thing"}}), 400, "apiVersion"),
            (
                "InterpretHealth",
                json!({"object": {"kind": "Thing"}}),
                400,
                "request.object is not a Kubernetes object",
            ),
            (
                "InterpretHealth",
                json!({"object": object("Other")}),
                404,
                "InterpretHealth for example.io/v1, Kind=Other",
            ),
            (
                "ReviseReplica",
                json!({"replicas": -1}),
                422,
                "plugin things rejects Thing t in ReviseReplica: spec.replicas",
            ),
            ("ReviseReplica", json!({"replicas": 99}), 500, "Trap"),
        ] {
            let response = ask(operation, more);
            let status = response.status.unwrap();
            assert!(!response.successful);
            assert_eq!(status.code, code, "{}", status.message);
            assert!(status.message.contains(want), "{}", status.message);
        }
    }

    #[test]
    fn no_field_of_the_wrong_type_is_more_than_an_error() {
        let places = [
            "",
            "/apiVersion",
            "/request",
            "/request/uid",
            "/request/kind",
            "/request/kind/kind",
            "/request/name",
            "/request/namespace",
            "/request/operation",
            "/request/object",
            "/request/object/apiVersion",
            "/request/object/metadata",
            "/request/object/metadata/name",
            "/request/observedObject",
            "/request/replicas",
            "/request/aggregatedStatus",
            "/request/aggregatedStatus/0",
            "/request/aggregatedStatus/0/status",
            "/request/aggregatedStatus/0/clusterName",
        ];
        let odd = [json!(null), json!(true), json!(-7.5), json!("x"), json!([]), json!({}), json!([{}])];
        for operation in OPERATIONS {
            for (place, value) in places.iter().flat_map(|place| odd.iter().map(move |value| (place, value)))
            {
                let more = json!({"replicas": 1, "aggregatedStatus": [{"clusterName": "m", "status": {}}],
                    "observedObject": {"apiVersion": "v1", "kind": "Thing", "spec": {}}});
                let mut body: Value = serde_json::from_slice(&context(operation.name(), more)).unwrap();
                *body.pointer_mut(place).unwrap() = value.clone();
                if let Ok(reply) = answer(&Things, &serde_json::to_vec(&body).unwrap()) {
                    let response = reply.context.response.unwrap();
                    assert_eq!(response.successful, response.status.is_none(), "{place} {value}");
                }
            }
        }
    }

    #[test]
    fn a_text_without_a_question_is_told_apart_by_its_fault() {
        let change = |pointer: &str, value: Value| {
            let mut body: Value = serde_json::from_slice(&context("InterpretHealth", json!({}))).unwrap();
            *body.pointer_mut(pointer).unwrap() = value;
            serde_json::to_vec(&body).unwrap()
        };
        for (body, want) in [
            (b"{".to_vec(), "not a ResourceInterpreterContext"),
            (change("/kind", json!("AdmissionReview")), "AdmissionReview"),
            (change("/apiVersion", json!("config.karmada.io/v2")), "v2"),
            (change("/request", Value::Null), "request is missing"),
            (change("/request/uid", json!("")), "request.uid"),
            (change("/request/operation", json!(7)), "request.operation"),
        ] {
            let error = answer(&Things, &body).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
