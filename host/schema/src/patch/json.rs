//! JSON Patch, one operation at a time, so that no patch can make a small object huge or deeply nested.

use json_patch::jsonptr::Pointer;
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

use super::PatchError;

/// Kubernetes' own limit.
const OPERATIONS_MAX: usize = 10_000;
/// How much all `copy` operations together may write, as JSON.
const COPIED_BYTES_MAX: usize = 3 << 20;
/// How deep an object may become; serde_json reads no deeper one back.
const DEPTH_MAX: usize = 120;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let operations: Vec<PatchOperation> = serde_json::from_value(patch.clone()).map_err(|error| {
        // A list of objects is a patch, though no operation of it may be known: that is found when it is made.
        let is_patch = patch.as_array().is_some_and(|list| list.iter().all(Value::is_object));
        let wrong = if is_patch { PatchError::Unfit } else { PatchError::Malformed };
        wrong(format!("error decoding patch: {error}"))
    })?;
    if operations.len() > OPERATIONS_MAX {
        let count = operations.len();
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}"
        )));
    }
    let mut patched = object.clone();
    let mut copied = 0;
    for operation in &operations {
        limit(&patched, operation, &mut copied)?;
        json_patch::patch(&mut patched, std::slice::from_ref(operation)).map_err(|error| {
            let path = operation.path();
            PatchError::Unfit(match error.kind {
                PatchErrorKind::TestFailed => format!("testing value {path} failed: test failed"),
                kind => format!(
                    "{} operation does not apply: doc is missing path {path:?}: {kind}",
                    name(operation)
                ),
            })
        })?;
    }
    Ok(patched)
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

fn limit(object: &Value, operation: &PatchOperation, copied: &mut usize) -> Result<(), PatchError> {
    let (to, value): (&Pointer, &Value) = match operation {
        PatchOperation::Add(add) => (&add.path, &add.value),
        PatchOperation::Replace(replace) => (&replace.path, &replace.value),
        PatchOperation::Move(moved) => match moved.from.resolve(object) {
            Ok(value) => (&moved.path, value),
            Err(_) => return Ok(()),
        },
        PatchOperation::Copy(copy) => match copy.from.resolve(object) {
            Ok(value) => {
                *copied += value.to_string().len();
                (&copy.path, value)
            }
            Err(_) => return Ok(()),
        },
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    if *copied > COPIED_BYTES_MAX {
        return Err(PatchError::TooLarge(format!(
            "the patch's copy operations write more than {COPIED_BYTES_MAX} bytes"
        )));
    }
    if to.tokens().count() + depth(value) > DEPTH_MAX {
        return Err(PatchError::TooLarge(format!(
            "the patch nests the object more than {DEPTH_MAX} levels deep"
        )));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_apply_in_order() {
        let patched = apply(
            &json!({"a": [1, 2], "b": {"c": 3}}),
            &json!([
                {"op": "test", "path": "/a/0", "value": 1},
                {"op": "add", "path": "/a/-", "value": 9},
                {"op": "move", "from": "/b/c", "path": "/d"},
                {"op": "copy", "from": "/d", "path": "/e"},
                {"op": "remove", "path": "/a/0"},
                {"op": "replace", "path": "/b", "value": null}
            ]),
        );
        assert_eq!(patched.unwrap(), json!({"a": [2, 9], "b": null, "d": 3, "e": 3}));
    }

    #[test]
    fn a_failed_test_differs_from_a_malformed_patch() {
        let object = json!({"a": 1});
        let check = |patch: Value| apply(&object, &patch).unwrap_err();
        assert_eq!(
            check(json!([{"op": "test", "path": "/a", "value": 2}])),
            PatchError::Unfit("testing value /a failed: test failed".to_owned())
        );
        assert!(matches!(check(json!([{"op": "remove", "path": "/b"}])), PatchError::Unfit(_)));
        assert!(matches!(check(json!([{"op": "explode", "path": "/b"}])), PatchError::Unfit(_)));
        assert!(matches!(check(json!({"op": "remove"})), PatchError::Malformed(_)));
    }

    #[test]
    fn copying_cannot_make_an_object_huge_or_deep() {
        let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let object = json!({"a": ["x".repeat(1000)]});
        let error = apply(&object, &Value::Array(vec![double; 60])).unwrap_err();
        assert!(matches!(error, PatchError::TooLarge(_)), "{error}");
        let deepen = json!({"op": "copy", "from": "/a", "path": "/a/a"});
        let error = apply(&json!({"a": {}}), &Value::Array(vec![deepen; 500])).unwrap_err();
        assert!(matches!(error, PatchError::TooLarge(_)), "{error}");
    }
}
