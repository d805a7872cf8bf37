//! The `scale` subresource: autoscaling/v1 Scale over the paths that the kind names.

use http::Response;
use serde_json::{Map, Value, json};
use windlass_schema::Scale;

use super::update::{self, Change, Target};
use super::{Call, field, input, patch};
use crate::request::body;
use crate::request::options::WriteOptions;
use crate::request::representation::{Encoding, patch_kind};
use crate::response::{self, Body};
use crate::status::{ApiError, Cause};

const API_VERSION: &str = "autoscaling/v1";
const KIND: &str = "Scale";

pub(crate) fn get(call: &Call) -> Result<Response<Body>, ApiError> {
    let object = call.resource.object(&call.stored()?.json);
    Ok(response::value(200, call.accept.encoding, &read(paths(call)?, &object)))
}

pub(crate) async fn put(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("UpdateOptions", &call.query, &call.user_agent)?;
    let scale = input::body(call, KIND)?;
    typed(&scale)?;
    let name = field::meta(&scale, "name");
    if !name.is_empty() && name != call.path.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.path.name
        )));
    }
    write(call, &options, |_| Ok(scale.clone())).await
}

pub(crate) async fn patch(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("PatchOptions", &call.query, &call.user_agent)?;
    let kind = patch_kind(call.content_type.as_deref(), call.resource.kind.has_strategic_merge())?;
    let patch = body::parse(&call.body, Encoding::Yaml)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    // A Scale has no lists, so that a strategic merge is a merge, and so is an apply.
    let kind = match kind {
        crate::request::representation::PatchKind::Json => kind,
        _ => crate::request::representation::PatchKind::Merge,
    };
    let change = |scale: &Value| {
        let scale = patch::patched(call, kind, scale, &patch)?;
        typed(&scale)?;
        Ok(scale)
    };
    write(call, &options, change).await
}

/// # Errors
/// 400 where the number of replicas is none.
fn typed(scale: &Value) -> Result<(), ApiError> {
    let replicas = scale.pointer("/spec/replicas").unwrap_or(&Value::Null);
    let found = match replicas {
        Value::Null => return Ok(()),
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => return Ok(()),
        Value::Number(number) => format!("number {number}"),
        Value::Bool(_) => "bool".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    Err(ApiError::bad_request(format!(
        "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {found} into Go struct field \
         ScaleSpec.spec.replicas of type int32"
    )))
}

/// Changes the object's replicas to what `change` makes of its scale.
async fn write(
    call: &Call,
    options: &WriteOptions,
    change: impl Fn(&Value) -> Result<Value, ApiError>,
) -> Result<Response<Body>, ApiError> {
    let paths = paths(call)?;
    let change = |old: &Value| {
        let scale = change(&read(paths, old))?;
        if scale["kind"].as_str().is_some_and(|kind| kind != KIND) {
            return Err(ApiError::bad_request(format!("{} cannot be handled as a Scale", scale["kind"])));
        }
        let mut new = old.clone();
        write_to(call, paths, &mut new, &scale)?;
        // The scale's preconditions are the object's.
        for name in ["uid", "resourceVersion"] {
            let given = field::meta(&scale, name);
            if !given.is_empty() {
                field::metadata(&mut new).insert(name.to_owned(), json!(given));
            }
        }
        Ok(Change::of(new))
    };
    let outcome = update::update(call, options, Target::whole("scale"), change).await?;
    let object: Value =
        serde_json::from_slice(&outcome.json).expect("an object that was just written is JSON");
    let mut response = response::value(200, call.accept.encoding, &read(paths, &object));
    response::warn(&mut response, &outcome.warnings);
    Ok(response)
}

/// Sets what a Scale says.
///
/// # Errors
/// 422 for a negative number.
pub(crate) fn write_to(
    call: &Call,
    paths: &Scale,
    object: &mut Value,
    scale: &Value,
) -> Result<(), ApiError> {
    let replicas = match scale.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => {
            value.as_i64().filter(|replicas| *replicas >= 0).ok_or_else(|| negative(call, value))?
        }
    };
    set(object, &paths.spec_replicas_path, json!(replicas));
    Ok(())
}

fn negative(call: &Call, value: &Value) -> ApiError {
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        field: "spec.replicas".into(),
        message: format!("Invalid value: {value}: must be greater than or equal to 0"),
    };
    ApiError::invalid("autoscaling", KIND, &call.path.name, vec![cause])
}

fn paths(call: &Call) -> Result<&Scale, ApiError> {
    call.resource.kind.subresources.scale.as_ref().ok_or_else(ApiError::unknown_path)
}

/// An object's Scale.
pub(crate) fn read(paths: &Scale, object: &Value) -> Value {
    let mut metadata = Map::new();
    for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.pointer("/metadata").and_then(|metadata| metadata.get(name)) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    let number = |path: &str| at(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": number(&paths.status_replicas_path)});
    let selector = paths.label_selector_path.as_deref().and_then(|path| at(object, path)).map(selector_text);
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": KIND,
        "apiVersion": API_VERSION,
        "metadata": metadata,
        "spec": {"replicas": number(&paths.spec_replicas_path)},
        "status": status,
    })
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|step| !step.is_empty())
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path).try_fold(object, |at, step| at.get(step))
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for step in steps(path) {
        if !place.is_object() {
            *place = json!({});
        }
        place = place.as_object_mut().expect("made above").entry(step).or_insert(Value::Null);
    }
    *place = value;
}

/// A selector as text: a string as it is, a map of labels, or a LabelSelector.
fn selector_text(selector: &Value) -> String {
    let Some(fields) = selector.as_object() else {
        return selector.as_str().unwrap_or_default().to_owned();
    };
    let structured = fields.contains_key("matchLabels") || fields.contains_key("matchExpressions");
    let labels = if structured { fields.get("matchLabels").and_then(Value::as_object) } else { Some(fields) };
    let mut terms: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let expressions = fields.get("matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.sort();
    terms.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reads_and_writes_the_paths_that_the_kind_names() {
        let paths = Scale {
            spec_replicas_path: ".spec.size".into(),
            status_replicas_path: ".status.size".into(),
            label_selector_path: Some(".spec.selector".into()),
        };
        let mut object = json!({"metadata": {"name": "a"}, "status": {"size": 2},
            "spec": {"selector": {"matchLabels": {"b": "c"}, "matchExpressions": [{"key": "d", "operator": "Exists"}]}}});
        set(&mut object, &paths.spec_replicas_path, json!(3));
        let scale = read(&paths, &object);
        assert_eq!((&scale["spec"]["replicas"], &scale["status"]["replicas"]), (&json!(3), &json!(2)));
        assert_eq!(scale["status"]["selector"], "b=c,d");
    }
}
