//! The three patches of an object: JSON Patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch.

mod json;
mod order;
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
    /// More operations, or more copying, than a request may ask for: 413 RequestEntityTooLarge.
    #[error("{0}")]
    TooLarge(String),
}

/// The object after a JSON Patch.
///
/// # Errors
/// The patch is malformed, leads nowhere, or a `test` fails.
pub fn json(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    json::apply(object, patch)
}

/// The object after a JSON merge patch.
///
/// # Errors
/// The patch is not an object.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        return Err(PatchError::Malformed("a merge patch has to be a JSON object".to_owned()));
    }
    let mut merged = object.clone();
    json_patch::merge(&mut merged, patch);
    Ok(merged)
}

/// The object after a strategic merge patch.
///
/// # Errors
/// A directive is malformed, or a list's item lacks the merge key.
pub fn strategic(schema: &Schema, object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let (Value::Object(fields), Value::Object(patch)) = (object, patch) else {
        return Err(PatchError::Malformed("a strategic merge patch has to be a JSON object".to_owned()));
    };
    strategic::merge(Some(schema.root()), fields.clone(), patch.clone()).map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_removes_by_null_and_replaces_lists() {
        let object = json!({"spec": {"a": 1, "b": [1, 2]}});
        let merged = merge(&object, &json!({"spec": {"a": null, "b": [3], "c": {"d": null}}})).unwrap();
        assert_eq!(merged, json!({"spec": {"b": [3], "c": {}}}));
        assert!(matches!(merge(&object, &json!([])), Err(PatchError::Malformed(_))));
    }
}
