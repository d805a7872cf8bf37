//! Namespaces: what may be created in them, and how one ends.

use http::Response;
use serde_json::{Value, json};

use super::field::{self, Head};
use super::update::{self, Change, Target};
use super::{Call, input};
use crate::catalogue::store_name;
use crate::request::options::WriteOptions;
use crate::response::Body;
use crate::status::{ApiError, Cause};
use crate::store::Key;

pub(crate) const NAMESPACES: (&str, &str) = ("namespaces", "");
const FINALIZER: &str = "kubernetes";
/// The label that every namespace has, so that selectors can name it.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether something may be created in the call's namespace.
///
/// # Errors
/// 404 where it doesn't exist, 403 where it is being deleted.
pub(crate) fn check_open(call: &Call, name: &str) -> Result<(), ApiError> {
    if !call.resource.kind.namespaced {
        return Ok(());
    }
    let namespace = call.namespace();
    let (plural, group) = NAMESPACES;
    let key = Key::new(store_name(group, plural), "", namespace);
    let stored = call.state.store.get(&key).ok_or_else(|| ApiError::not_found(group, plural, namespace))?;
    let head: Head = serde_json::from_slice(&stored.json).unwrap_or_default();
    if head.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = Cause {
        reason: "NamespaceTerminating".into(),
        field: "metadata.namespace".into(),
        message: format!("namespace {namespace} is being terminated"),
    };
    Err(ApiError::forbidden(call.resource.group(), call.resource.plural(), name, &why).because(vec![cause]))
}

/// What a new namespace has besides its defaults.
pub(crate) fn shape_new(call: &Call, object: &mut Value) {
    if !call.resource.is(NAMESPACES) {
        return;
    }
    let name = field::meta(object, "name").to_owned();
    let metadata = field::metadata(object);
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(NAME_LABEL.to_owned(), json!(name));
    }
    let finalizers = field::child(object, "spec").entry("finalizers").or_insert_with(|| json!([]));
    if let Some(finalizers) = finalizers.as_array_mut()
        && !finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    {
        finalizers.push(json!(FINALIZER));
    }
    field::child(object, "status").insert("phase".to_owned(), json!("Active"));
}

/// What else changes when a namespace is marked as being deleted.
pub(crate) fn mark_terminating(call: &Call, object: &mut Value) {
    if call.resource.is(NAMESPACES) {
        field::child(object, "status").insert("phase".to_owned(), json!("Terminating"));
    }
}

/// Whether the namespace's own finalizers keep it, besides those of its metadata.
pub(crate) fn is_held(call: &Call, object: &Value) -> bool {
    let finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array);
    call.resource.is(NAMESPACES) && finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

/// PUT of `finalize`: replaces the finalizers in the spec, and nothing else.
pub(crate) async fn finalize(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("UpdateOptions", &call.query, &call.user_agent)?;
    let (object, _) = input::object(call, &options)?;
    let finalizers = object.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
    let version = field::meta(&object, "resourceVersion").to_owned();
    let change = |old: &Value| {
        let mut new = old.clone();
        let spec = field::child(&mut new, "spec");
        spec.insert("finalizers".to_owned(), finalizers.clone());
        if !version.is_empty() {
            field::metadata(&mut new).insert("resourceVersion".to_owned(), json!(version));
        }
        Ok(Change::of(new))
    };
    let outcome = update::update(call, &options, Target::whole("finalize"), change).await?;
    outcome.respond(call)
}
