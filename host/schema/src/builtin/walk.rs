//! Walks an object along its schema and stops at every place that is of a named definition, so that a table's rows
//! apply wherever their type occurs: a container's in a pod and in every template.

use serde_json::Value;

use crate::structural::Place;

/// Calls `visit` with the definition, the value and its path, parents before children.
pub(super) fn each(
    place: Place<'_>,
    value: &Value,
    path: &mut String,
    visit: &mut impl FnMut(&str, &Value, &str),
) {
    if let Some(definition) = place.definition() {
        visit(definition, value, path);
    }
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let Some(inner) = place.field(name) else { continue };
                step(path, place, name);
                each(inner, value, path, visit);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let Some(inner) = place.items() else { return };
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                each(inner, item, path, visit);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn step(path: &mut String, place: Place<'_>, name: &str) {
    if place.has_property(name) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    } else {
        path.push_str(&format!("[{name}]"));
    }
}

/// The same, for changing the values.
pub(super) fn each_mut(place: Place<'_>, value: &mut Value, visit: &mut impl FnMut(&str, &mut Value)) {
    if let Some(definition) = place.definition() {
        visit(definition, value);
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(inner) = place.field(name) {
                    each_mut(inner, value, visit);
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = place.items() {
                items.iter_mut().for_each(|item| each_mut(inner, item, visit));
            }
        }
        _ => {}
    }
}

/// The value at a path of names; `Null` where there is none.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').filter(|step| !step.is_empty()).fold(value, |value, step| &value[step])
}

/// Whether a value counts as not given, as Go's zero values of strings, lists and maps do.
pub(super) fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A condition of a row, on a value of its definition. Terms joined by ` & `: `type=RollingUpdate`,
/// `type=A|B`, `type!=A`, `has parameters`, `lacks completions`, `text port`, `number port`, `differ one other`, `same one other`, `only name`.
pub(super) fn holds(condition: &str, value: &Value) -> bool {
    condition.split(" & ").all(|term| {
        if let Some(path) = term.strip_prefix("has ") {
            !is_missing(at(value, path))
        } else if let Some(path) = term.strip_prefix("lacks ") {
            is_missing(at(value, path))
        } else if let Some(paths) = term.strip_prefix("differ ") {
            paths.split_once(' ').is_some_and(|(one, other)| at(value, one) != at(value, other))
        } else if let Some(paths) = term.strip_prefix("same ") {
            paths.split_once(' ').is_some_and(|(one, other)| at(value, one) == at(value, other))
        } else if let Some(name) = term.strip_prefix("only ") {
            value.as_object().is_some_and(|fields| fields.keys().all(|key| key == name))
        } else if let Some(path) = term.strip_prefix("text ") {
            at(value, path).is_string()
        } else if let Some(path) = term.strip_prefix("number ") {
            at(value, path).is_number()
        } else if let Some((path, other)) = term.split_once("!=") {
            text(at(value, path)) != other
        } else if let Some((path, others)) = term.split_once('=') {
            let found = text(at(value, path));
            others.split('|').any(|other| found == other)
        } else {
            false
        }
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
