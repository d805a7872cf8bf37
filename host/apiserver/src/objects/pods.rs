//! What is special about pods: the grace period of their deletion, binding to a node, and eviction.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::update::{self, Change, Target};
use super::{Call, delete, field, input};
use crate::request::options::{Query, WriteOptions};
use crate::request::target::ResourcePath;
use crate::response::{self, Body};
use crate::status::ApiError;

const PODS: (&str, &str) = ("pods", "");
pub(crate) const BINDINGS: (&str, &str) = ("bindings", "");
const GRACE_SECONDS_DEFAULT: i64 = 30;
/// A grace period of next to nothing, where 0 was asked for in error: kube-apiserver's lower bound.
const GRACE_SECONDS_MIN: i64 = 1;

/// How long the object lives on after its deletion. Only a pod on a node has something to finish.
pub(crate) fn grace_seconds(call: &Call, object: &Value, wanted: Option<i64>) -> i64 {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if !call.resource.is(PODS) || text("/spec/nodeName").is_empty() {
        return 0;
    }
    if matches!(text("/status/phase"), "Succeeded" | "Failed") {
        return 0;
    }
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    match (wanted, own) {
        (Some(seconds), _) => seconds,
        (None, Some(seconds)) => seconds.max(GRACE_SECONDS_MIN),
        (None, None) => GRACE_SECONDS_DEFAULT,
    }
}

/// POST to `bindings`: the same as to the `binding` of the pod that the body names.
pub(crate) async fn bind_named(call: &Call) -> Result<Response<Body>, ApiError> {
    let name = field::meta(&input::body(call, "Binding")?, "name").to_owned();
    let served = call.state.served();
    let (plural, group) = PODS;
    let pods = served.preferred(group, plural).ok_or_else(ApiError::unknown_path)?;
    let path = ResourcePath {
        resource: plural.to_owned(),
        subresource: "binding".to_owned(),
        name,
        ..call.path.clone()
    };
    bind(&call.elsewhere(Arc::clone(pods), path, call.body.clone())).await
}

/// POST of `binding`: puts the pod on a node.
pub(crate) async fn bind(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("CreateOptions", &call.query, &call.user_agent)?;
    let binding = input::body(call, "Binding")?;
    let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
    if node.is_empty() {
        return Err(ApiError::new(
            422,
            "Invalid",
            "Binding \"\" is invalid: target.name: Required value: a binding names the node that the pod goes to",
        ));
    }
    let (name, node) = (&call.path.name, node.to_owned());
    let change = |old: &Value| {
        let conflict = |why: String| ApiError::conflict("", "pods/binding", name, &why);
        if field::is_being_deleted(old) {
            return Err(conflict(format!("pod {name} is being deleted, cannot be assigned to a host")));
        }
        let assigned = old.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if !assigned.is_empty() {
            return Err(conflict(format!("pod {name} is already assigned to node {assigned:?}")));
        }
        let mut new = old.clone();
        field::child(&mut new, "spec").insert("nodeName".to_owned(), json!(node));
        let conditions = field::child(&mut new, "status").entry("conditions").or_insert_with(|| json!([]));
        if let Some(conditions) = conditions.as_array_mut() {
            conditions.retain(|condition| condition["type"] != "PodScheduled");
            let at = crate::state::now();
            conditions.push(json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": at}));
        }
        Ok(Change::of(new))
    };
    update::update(call, &options, Target::whole("binding"), change).await?;
    Ok(success(call))
}

/// POST of `eviction`: deletes the pod, with the options that the eviction carries. Disruption budgets are not asked:
/// nothing here keeps their status.
pub(crate) async fn evict(call: &Call) -> Result<Response<Body>, ApiError> {
    let eviction = input::body(call, "Eviction")?;
    let options = eviction.get("deleteOptions").filter(|options| options.is_object());
    let body = options.map(Value::to_string).unwrap_or_default();
    let call_of_deletion = call.elsewhere(Arc::clone(&call.resource), call.path.clone(), body.into());
    let deletion = Call { query: Query::default(), content_type: None, ..call_of_deletion };
    delete::delete(&deletion).await?;
    Ok(success(call))
}

fn success(call: &Call) -> Response<Body> {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    response::value(201, call.accept.encoding, &status)
}
