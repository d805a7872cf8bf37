//! Validation of ObjectMeta: names, labels, annotations, finalizers, owner references, and what an update may not
//! change.

mod names;

use serde_json::{Map, Value};

use crate::field::{FieldError, Reason};

pub(crate) use names::path_segment;
pub use names::{NameRule, label, label_1035, label_value, qualified, subdomain};

const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;
const IMMUTABLE: &str = "field is immutable";

/// Drops the maps and lists of metadata that are empty, as Go's types never write them.
pub(crate) fn drop_empty(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let empty = match metadata.get(name) {
            Some(Value::Object(fields)) => fields.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            _ => false,
        };
        if empty {
            metadata.remove(name);
        }
    }
}

/// What is wrong with an object's metadata.
pub fn validate(object: &Value, namespaced: bool, rule: NameRule) -> Vec<FieldError> {
    let none = Map::new();
    let metadata = object.get("metadata").and_then(Value::as_object).unwrap_or(&none);
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut errors = Vec::new();
    let mut invalid = |field: &str, value: &str, complaints: Vec<String>| {
        for complaint in complaints {
            errors.push(FieldError::invalid(format!("metadata.{field}"), &value.into(), &complaint));
        }
    };
    match text("generateName") {
        "" => {}
        prefix => invalid("generateName", prefix, rule.complaints(prefix, true)),
    }
    match text("name") {
        "" => {}
        name => invalid("name", name, rule.complaints(name, false)),
    }
    if namespaced && !text("namespace").is_empty() {
        invalid("namespace", text("namespace"), label(text("namespace")));
    }
    if text("name").is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    }
    match (namespaced, text("namespace")) {
        (true, "") => errors.push(FieldError::required("metadata.namespace", "")),
        (false, namespace) if !namespace.is_empty() => {
            errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
        }
        _ => {}
    }
    if let Some(Value::Object(labels)) = metadata.get("labels") {
        errors.extend(validate_labels(labels, "metadata.labels"));
    }
    if let Some(Value::Object(annotations)) = metadata.get("annotations") {
        errors.extend(validate_annotations(annotations, "metadata.annotations"));
    }
    if let Some(Value::Array(owners)) = metadata.get("ownerReferences") {
        errors.extend(validate_owners(owners));
    }
    if let Some(Value::Array(finalizers)) = metadata.get("finalizers") {
        errors.extend(validate_finalizers(finalizers));
    }
    errors
}

/// What is wrong with a map of labels at `field`.
pub fn validate_labels(labels: &Map<String, Value>, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels {
        let value = value.as_str().unwrap_or_default();
        for complaint in qualified(key) {
            errors.push(FieldError::invalid(field, &key.as_str().into(), &complaint));
        }
        for complaint in label_value(value) {
            errors.push(FieldError::invalid(field, &value.into(), &complaint));
        }
    }
    errors
}

/// What is wrong with a map of annotations at `field`.
pub(crate) fn validate_annotations(annotations: &Map<String, Value>, field: &str) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = annotations
        .keys()
        .flat_map(|key| {
            let complaints = qualified(&key.to_lowercase());
            complaints
                .into_iter()
                .map(move |complaint| FieldError::invalid(field, &key.as_str().into(), &complaint))
        })
        .collect();
    let size: usize =
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > ANNOTATIONS_BYTES_MAX {
        errors.push(FieldError::too_long(field, ANNOTATIONS_BYTES_MAX));
    }
    errors
}

fn validate_owners(owners: &[Value]) -> Vec<FieldError> {
    let field = "metadata.ownerReferences";
    let mut errors = Vec::new();
    let mut controllers = Vec::new();
    for owner in owners {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        for (name, detail) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(name).is_empty() {
                errors.push(FieldError::invalid(format!("{field}.{name}"), &"".into(), detail));
            }
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            controllers.push(format!("{}/{}", text("kind"), text("name")));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        errors.push(FieldError::invalid(field, &Value::Array(owners.to_vec()), &detail));
    }
    errors
}

fn validate_finalizers(finalizers: &[Value]) -> Vec<FieldError> {
    let field = "metadata.finalizers";
    let mut errors = Vec::new();
    for finalizer in finalizers {
        let name = finalizer.as_str().unwrap_or_default();
        for complaint in qualified(name) {
            errors.push(FieldError::invalid(field, finalizer, &complaint));
        }
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(field, &Value::Array(finalizers.to_vec()), detail));
    }
    errors
}

/// What of `object`'s metadata may not differ from `old`'s.
pub fn validate_update(object: &Value, old: &Value) -> Vec<FieldError> {
    let field =
        |object: &Value, name: &str| object["metadata"].get(name).filter(|value| !value.is_null()).cloned();
    let mut errors = Vec::new();
    let finalizers = |object: &Value| {
        field(object, "finalizers").and_then(|list| list.as_array().cloned()).unwrap_or_default()
    };
    if field(old, "deletionTimestamp").is_some() {
        let before = finalizers(old);
        let new: Vec<String> =
            finalizers(object).iter().filter(|one| !before.contains(one)).map(Value::to_string).collect();
        if !new.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                new.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    for name in
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    {
        let (new, before) = (field(object, name), field(old, name));
        if new != before {
            let shown = new.unwrap_or(Value::Null);
            errors.push(FieldError {
                reason: Reason::Invalid,
                ..FieldError::invalid(format!("metadata.{name}"), &shown, IMMUTABLE)
            });
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(metadata: Value, namespaced: bool, expected: &[&str]) {
        let errors = validate(&json!({"metadata": metadata}), namespaced, NameRule::Subdomain);
        let heads: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(heads.len(), expected.len(), "{heads:?}");
        for (head, expected) in heads.iter().zip(expected) {
            assert!(head.starts_with(expected), "{head} does not begin with {expected}");
        }
    }

    #[test]
    fn metadata_is_checked_field_by_field() {
        check(json!({"name": "a", "namespace": "b"}), true, &[]);
        check(
            json!({"name": "A_b", "namespace": "b"}),
            true,
            &["metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain"],
        );
        check(
            json!({}),
            true,
            &[
                "metadata.name: Required value: name or generateName is required",
                "metadata.namespace: Required value",
            ],
        );
        check(
            json!({"name": "a", "namespace": "b"}),
            false,
            &["metadata.namespace: Forbidden: not allowed on this type"],
        );
        check(
            json!({"name": "a", "labels": {"-": "x", "ok": "not ok"}, "annotations": {"a/b/c": "x"}, "finalizers": ["x y"]}),
            false,
            &[
                "metadata.labels: Invalid value: \"-\"",
                "metadata.labels: Invalid value: \"not ok\"",
                "metadata.annotations: Invalid value: \"a/b/c\"",
                "metadata.finalizers: Invalid value",
            ],
        );
        check(
            json!({"name": "a", "annotations": {"big": "x".repeat(300_000)}}),
            false,
            &["metadata.annotations: Too long: may not be more than 262144 bytes"],
        );
        check(
            json!({"name": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]}),
            false,
            &["metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"],
        );
    }

    #[test]
    fn identity_does_not_change() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "deletionTimestamp": "2024-01-01T00:00:00Z"}});
        let new = json!({"metadata": {"name": "a", "uid": "2", "deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["a/b"]}});
        let texts: Vec<String> = validate_update(&new, &old).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a/b\"}",
                "metadata.uid: Invalid value: \"2\": field is immutable"
            ]
        );
    }
}
