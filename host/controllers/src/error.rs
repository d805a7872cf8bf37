//! Why a reconcile failed.

use windlass_core::object::ObjectError;
use windlass_core::{CallError, Gvk};

/// Why a reconcile failed. Each is tried again with backoff; what is no use trying is no error but a condition.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the API server refused or was not reached")]
    Api(#[from] kube::Error),
    #[error("{0} is not served here: install its CustomResourceDefinition")]
    NotServed(Gvk),
    #[error("the object can't be read")]
    Object(#[from] ObjectError),
    #[error("the object can't be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Interpretation(#[from] CallError),
    #[error("{what} is not there yet")]
    Waiting { what: String },
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Whether somebody else was just quicker: normal, and not worth a warning.
    pub(crate) fn is_race(&self) -> bool {
        match self {
            Error::Api(error) => is_conflict(error) || is_already_exists(error) || is_not_found(error),
            Error::Waiting { .. } => true,
            _ => false,
        }
    }
}

/// 404: the object, its namespace or its kind is not there.
pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// 409 with reason AlreadyExists.
pub(crate) fn is_already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}

/// 409 with any other reason: a stale resourceVersion or uid.
pub(crate) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && !status.is_already_exists())
}

/// 403 because the namespace is being deleted: nothing can be created in it any more.
pub(crate) fn is_terminating(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403
    && status.details.as_ref().is_some_and(|details| {
        details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
    }))
}

/// What the server said, without the wrapping that repeats it.
pub(crate) fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
