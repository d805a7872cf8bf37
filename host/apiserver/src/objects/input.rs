//! From a body to an object of the resource's kind.

use serde_json::Value;

use super::Call;
use super::field;
use crate::request::body;
use crate::request::options::{FieldValidation, WriteOptions};
use crate::request::representation::body_format;
use crate::status::ApiError;

/// The object that a create or update carries, decoded, with warnings about its fields.
///
/// # Errors
/// 400 and 415, as Kubernetes words them.
pub(crate) fn object(call: &Call, options: &WriteOptions) -> Result<(Value, Vec<String>), ApiError> {
    let mut object = body(call, &call.resource.kind.names.kind)?;
    check_type(call, &mut object)?;
    let duplicates = match options.field_validation {
        FieldValidation::Ignore => Vec::new(),
        _ => body::duplicates(&call.body, body_format(call.content_type.as_deref())?),
    };
    let problems = decode(call, &mut object, duplicates)?;
    let warnings = judge(options, problems).map_err(|problems| {
        let kind = &call.resource.kind;
        let (name, version) = (&kind.names.kind, &kind.version);
        ApiError::bad_request(format!(
            "{name} in version {version:?} cannot be handled as a {name}: strict decoding error: {}",
            problems.join(", ")
        ))
    })?;
    Ok((object, warnings))
}

/// Any body, parsed; `expected` is the kind that it should hold.
///
/// # Errors
/// 400 where it is no document or not an object, 415 for a format that is not read, or not for this kind.
pub(crate) fn body(call: &Call, expected: &str) -> Result<Value, ApiError> {
    body::object(&call.body, call.content_type.as_deref(), &call.state.messages, expected)
}

/// Checks `apiVersion` and `kind`, or fills them in.
fn check_type(call: &Call, object: &mut Value) -> Result<(), ApiError> {
    let kind = &call.resource.kind;
    let api_version = kind.api_version();
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (given_version, given_kind) = (text("apiVersion"), text("kind"));
    if !kind.is_builtin() && (given_version.is_empty() || given_kind.is_empty()) {
        let missing = if given_kind.is_empty() { "Kind" } else { "apiVersion" };
        return Err(ApiError::bad_request(format!(
            "Object '{missing}' is missing in '{}'",
            String::from_utf8_lossy(&call.body)
        )));
    }
    if !given_version.is_empty() && given_version != api_version {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({given_version}) does not match the expected API version ({api_version})"
        )));
    }
    if !given_kind.is_empty() && given_kind != kind.names.kind {
        let version = &kind.version;
        let expected = &kind.names.kind;
        return Err(ApiError::bad_request(format!(
            "{given_kind} in version {version:?} cannot be handled as a {expected}: converting ({version}.{given_kind}) to ({expected}): unknown conversion"
        )));
    }
    object["apiVersion"] = Value::String(api_version);
    object["kind"] = Value::String(kind.names.kind.clone());
    Ok(())
}

/// Makes a tree an object of the kind. Gives back what is wrong with its fields.
///
/// # Errors
/// 400 for a field of the wrong type.
pub(crate) fn decode(
    call: &Call,
    object: &mut Value,
    mut problems: Vec<String>,
) -> Result<Vec<String>, ApiError> {
    if object.get("metadata").is_none_or(Value::is_null) {
        field::metadata(object);
    }
    let dropped =
        call.resource.kind.decode(object).map_err(|error| ApiError::bad_request(error.to_string()))?;
    problems.extend(dropped);
    Ok(problems)
}

/// What follows from problems with fields: nothing, warnings, or a refusal with all of them.
pub(crate) fn judge(options: &WriteOptions, problems: Vec<String>) -> Result<Vec<String>, Vec<String>> {
    match options.field_validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(problems),
        FieldValidation::Strict if problems.is_empty() => Ok(problems),
        FieldValidation::Strict => Err(problems),
    }
}

/// Holds the body's namespace and the path's together.
///
/// # Errors
/// 400 where they differ.
pub(crate) fn settle_namespace(call: &Call, object: &mut Value) -> Result<(), ApiError> {
    let given = field::meta(object, "namespace").to_owned();
    let metadata = field::metadata(object);
    if !call.resource.kind.namespaced {
        metadata.remove("namespace");
        return Ok(());
    }
    if given.is_empty() {
        metadata.insert("namespace".to_owned(), Value::String(call.path.namespace.clone()));
    } else if given != call.path.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}
