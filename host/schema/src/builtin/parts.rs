//! Checks of the parts of a pod that belong together: mounts and volumes, a probe's one handler.

use std::collections::HashSet;

use serde_json::Value;

use crate::field::{FieldError, Reason, shown};

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(name).and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn at(root: &str, rest: &str) -> String {
    if root.is_empty() { rest.to_owned() } else { format!("{root}.{rest}") }
}

/// Each mount is of a volume that the pod has.
pub(super) fn mounts(pod: &Value, root: &str) -> Vec<FieldError> {
    let volumes: HashSet<&Value> = items(pod, "volumes").map(|(_, volume)| &volume["name"]).collect();
    let mut errors = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for (container_at, container) in items(pod, list) {
            for (mount_at, mount) in items(container, "volumeMounts") {
                let field = at(root, &format!("{list}[{container_at}].volumeMounts[{mount_at}]"));
                let name = &mount["name"];
                if name.as_str().is_some_and(|name| !name.is_empty()) && !volumes.contains(name) {
                    errors.push(FieldError {
                        reason: Reason::NotFound,
                        field: format!("{field}.name"),
                        message: format!("Not found: {}", shown(name)),
                    });
                }
            }
        }
    }
    errors
}

/// A probe or hook is done in one of these ways.
pub(super) fn one_handler(handler: &Value, root: &str, ways: &[Value]) -> Vec<FieldError> {
    let given: Vec<&str> =
        ways.iter().filter_map(Value::as_str).filter(|way| handler.get(*way).is_some()).collect();
    match given.as_slice() {
        [] => vec![FieldError::required(root, "must specify a handler type")],
        [_] => Vec::new(),
        [_, second, ..] => {
            vec![FieldError::forbidden(at(root, second), "may not specify more than 1 handler type")]
        }
    }
}

/// A value comes from one of these sources.
pub(super) fn one_source(value: &Value, field: String, sources: &[Value]) -> Option<FieldError> {
    let given =
        sources.iter().filter_map(Value::as_str).filter(|source| value.get(*source).is_some()).count();
    let detail = match given {
        0 => {
            let names: Vec<String> =
                sources.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
            let (last, others) = names.split_last()?;
            format!("must specify one of: {} or {last}", others.join(", "))
        }
        1 => return None,
        _ => "may not have more than one field specified at a time".to_owned(),
    };
    Some(FieldError::invalid(field, &"".into(), &detail))
}

/// A volume is of one type.
pub(super) fn one_volume(volume: &Value, root: &str) -> Vec<FieldError> {
    let types: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
        .filter(|name| *name != "name")
        .collect();
    match types.as_slice() {
        [] => vec![FieldError::required(root, "must specify a volume type")],
        [_] => Vec::new(),
        [_, second, ..] => {
            vec![FieldError::forbidden(at(root, second), "may not specify more than 1 volume type")]
        }
    }
}
