//! Errors as Kubernetes sends them: a `Status` object with code, reason, message and details.
//!
//! The wording follows kube-apiserver, because people and programs search for it.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// Why a request was not served. Becomes the response, or the ERROR event of a watch.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) message: String,
    details: Box<Details>,
}

#[derive(Clone, Debug, Default)]
struct Details {
    name: String,
    group: String,
    kind: String,
    causes: Vec<Cause>,
    retry_after_seconds: u32,
    continue_token: String,
    /// Somebody else's, as they are.
    given: Option<Value>,
}

/// One entry of `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: String,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// `deployments.apps`, or `pods` in the core group: how errors name a resource.
pub(crate) fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

impl ApiError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { code, reason: reason.into(), message: message.into(), details: Box::default() }
    }

    /// What somebody else refuses with, in their words.
    pub(crate) fn forwarded(code: u16, reason: String, message: String, details: Option<Value>) -> ApiError {
        let given = details.filter(Value::is_object);
        let details = Box::new(Details { given, ..Details::default() });
        ApiError { code, reason: Cow::Owned(reason), message, details }
    }

    /// Says which object the error is about; `kind` is the plural resource, or the kind for Invalid.
    pub(crate) fn about(mut self, group: &str, kind: &str, name: &str) -> ApiError {
        self.details.group = group.to_owned();
        self.details.kind = kind.to_owned();
        self.details.name = name.to_owned();
        self
    }

    pub(crate) fn because(mut self, causes: Vec<Cause>) -> ApiError {
        self.details.causes = causes;
        self
    }

    pub(crate) fn into_causes(self) -> Vec<Cause> {
        self.details.causes
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> ApiError {
        self.details.retry_after_seconds = seconds;
        self
    }

    pub(crate) fn continue_with(mut self, token: String) -> ApiError {
        self.details.continue_token = token;
        self
    }

    /// Seconds for the `Retry-After` header; 0 where the client should not retry.
    pub(crate) fn retry_after_seconds(&self) -> u32 {
        self.details.retry_after_seconds
    }

    pub(crate) fn unknown_path() -> ApiError {
        ApiError::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn not_found(group: &str, resource: &str, name: &str) -> ApiError {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        ApiError::new(404, "NotFound", message).about(group, resource, name)
    }

    pub(crate) fn already_exists(group: &str, resource: &str, name: &str) -> ApiError {
        let message = format!("{} {name:?} already exists", qualified(group, resource));
        ApiError::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    pub(crate) fn conflict(group: &str, resource: &str, name: &str, why: &str) -> ApiError {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, resource));
        ApiError::new(409, "Conflict", message).about(group, resource, name)
    }

    pub(crate) fn modified(group: &str, resource: &str, name: &str) -> ApiError {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        ApiError::conflict(group, resource, name, why)
    }

    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> ApiError {
        let said = |cause: &Cause| match cause.field.as_str() {
            "" => cause.message.clone(),
            field => format!("{field}: {}", cause.message),
        };
        let why = match causes.as_slice() {
            [one] => said(one),
            many => format!("[{}]", many.iter().map(said).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {why}", qualified(group, kind));
        ApiError::new(422, "Invalid", message).about(group, kind, name).because(causes)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> ApiError {
        let message = match name {
            "" => format!("{} is forbidden: {why}", qualified(group, resource)),
            name => format!("{} {name:?} is forbidden: {why}", qualified(group, resource)),
        };
        ApiError::new(403, "Forbidden", message).about(group, resource, name)
    }

    pub(crate) fn unauthorized() -> ApiError {
        ApiError::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn method_not_allowed() -> ApiError {
        ApiError::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(crate) fn not_acceptable(accepted: &str) -> ApiError {
        let message = format!("only the following media types are accepted: {accepted}");
        ApiError::new(406, "NotAcceptable", message)
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> ApiError {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        ApiError::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn too_large(limit_bytes: usize) -> ApiError {
        let message = format!("Request entity too large: limit is {limit_bytes}");
        ApiError::new(413, "RequestEntityTooLarge", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> ApiError {
        ApiError::new(410, "Expired", message)
    }

    /// The client wants a revision that this server has not reached yet.
    pub(crate) fn future_revision(wanted: u64, current: u64) -> ApiError {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let cause = Cause {
            reason: "ResourceVersionTooLarge".into(),
            field: String::new(),
            message: "Too large resource version".into(),
        };
        ApiError::new(504, "Timeout", message).because(vec![cause]).retry_after(1)
    }

    pub(crate) fn too_many_requests() -> ApiError {
        ApiError::new(
            429,
            "TooManyRequests",
            "the server has received too many requests, please try again later",
        )
        .retry_after(1)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> ApiError {
        ApiError::new(503, "ServiceUnavailable", message).retry_after(1)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> ApiError {
        ApiError::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// Whether it is about the request and no object: Kubernetes then sends details that are empty.
    fn answers_for_itself(&self) -> bool {
        matches!(self.code, 404 | 405 | 422)
    }

    /// The `Status` object.
    pub(crate) fn to_status(&self) -> Value {
        let Details { name, group, kind, causes, retry_after_seconds, continue_token, given } =
            &*self.details;
        let mut details = given.as_ref().and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        if !causes.is_empty() {
            let causes = causes.iter().map(cause_json).collect();
            details.insert("causes".to_owned(), Value::Array(causes));
        }
        if *retry_after_seconds > 0 {
            details.insert("retryAfterSeconds".to_owned(), json!(retry_after_seconds));
        }
        let mut metadata = Map::new();
        if !continue_token.is_empty() {
            metadata.insert("continue".to_owned(), json!(continue_token));
        }
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !details.is_empty() || self.answers_for_itself() {
            status["details"] = Value::Object(details);
        }
        status
    }
}

fn cause_json(cause: &Cause) -> Value {
    let mut json = Map::new();
    for (key, value) in [("reason", &cause.reason), ("message", &cause.message), ("field", &cause.field)] {
        if !value.is_empty() {
            json.insert(key.to_owned(), json!(value));
        }
    }
    Value::Object(json)
}

/// The `Status` of a deletion that left nothing behind.
pub(crate) fn deleted(group: &str, resource: &str, name: &str, uid: &str) -> Value {
    let mut details = json!({"name": name, "kind": resource, "uid": uid});
    if !group.is_empty() {
        details["group"] = json!(group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_causes_are_listed_in_brackets() {
        let cause = |field: &str| Cause {
            reason: "FieldValueRequired".into(),
            field: field.into(),
            message: "Required value".into(),
        };
        let one = ApiError::invalid("apps", "Deployment", "a", vec![cause("spec.x")]);
        assert_eq!(one.message, r#"Deployment.apps "a" is invalid: spec.x: Required value"#);
        let two = ApiError::invalid("", "Pod", "a", vec![cause("x"), cause("y")]);
        assert_eq!(two.message, r#"Pod "a" is invalid: [x: Required value, y: Required value]"#);
        assert_eq!(two.to_status()["details"]["causes"][1]["field"], "y");
    }
}
