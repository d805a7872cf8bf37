//! The last step of every write: into the store, and what has to follow before the client is answered.

use std::sync::Arc;

use serde_json::Value;
use windlass_schema::FieldError;

use super::Call;
use crate::status::{ApiError, Cause};
use crate::store::{Event, Op, WriteError};

/// Why nothing was written.
pub(crate) enum Failure {
    /// Somebody else wrote the object first: look again.
    Raced,
    /// Somebody else took what the object was to hold: choose again.
    Taken,
    Api(ApiError),
}

/// Writes an operation on the call's object, together with those that depend on it: all of them, or none.
pub(crate) async fn commit(call: &Call, op: Op, dependent: Vec<Op>) -> Result<Arc<Event>, Failure> {
    let own = op.key.clone();
    let ops = std::iter::once(op).chain(dependent).collect();
    match call.state.store.write(ops).await {
        Ok(events) => Ok(events.into_iter().next().expect("the store answers each operation with an event")),
        Err(WriteError::Conflict { key, .. }) if key != own => Err(Failure::Taken),
        Err(WriteError::Conflict { .. }) => Err(Failure::Raced),
        Err(WriteError::Malformed(error)) => Err(Failure::Api(ApiError::bad_request(error.to_string()))),
        Err(error @ (WriteError::Failed { .. } | WriteError::Unavailable { .. })) => {
            tracing::error!(server = %call.state.name, %error, "a write failed");
            Err(Failure::Api(ApiError::unavailable(error.to_string())))
        }
    }
}

/// 422 with the causes, if there are errors.
pub(crate) fn check(call: &Call, name: &str, errors: Vec<FieldError>) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    let causes = errors
        .into_iter()
        .map(|error| Cause {
            reason: error.reason.name().to_owned(),
            field: error.field,
            message: error.message,
        })
        .collect();
    Err(ApiError::invalid(call.resource.group(), &call.resource.kind.names.kind, name, causes))
}

/// The object as it is stored: of the version that is stored.
pub(crate) fn storable(call: &Call, object: Value) -> Value {
    call.resource.storable(object)
}
