//! Wrong JSON types, worded as Go's decoder words them: built-in kinds (and every object's metadata) are Go structs
//! in Kubernetes, and a wrong type there is a 400 before any validation.

use serde_json::Value;

use super::validate::is_integer;
use super::{JsonType, Node, Place, Schema, format};
use crate::builtin;

/// What is wrong with the first field of the wrong type: `json: cannot unmarshal string into Go struct field
/// DeploymentSpec.spec.replicas of type int32`. With `whole` unset only metadata is looked at.
pub(crate) fn go_type_error(schema: &Schema, object: &Value, whole: bool) -> Option<String> {
    let root = schema.root();
    if whole {
        return value(root, object, &mut Vec::new(), None);
    }
    let metadata = root.field("metadata")?;
    value(metadata, object.get("metadata")?, &mut vec!["metadata"], None)
}

fn value<'v>(
    place: Place<'_>,
    found: &'v Value,
    path: &mut Vec<&'v str>,
    owner: Option<&str>,
) -> Option<String> {
    let node = place.node();
    if found.is_null() || (node.preserve_unknown && node.json_type == JsonType::Any) {
        return None;
    }
    if let Some(complaint) = complaint(node, found, path, owner) {
        return Some(complaint);
    }
    match found {
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let inner = place.field(name)?;
            path.push(name);
            let complaint = value(inner, field, path, node.definition.as_deref().or(owner));
            path.pop();
            complaint
        }),
        Value::Array(items) => {
            let inner = place.items()?;
            items.iter().find_map(|item| value(inner, item, path, owner))
        }
        _ => None,
    }
}

fn complaint(node: &Node, found: &Value, path: &[&str], owner: Option<&str>) -> Option<String> {
    let quantity = node.definition.as_deref().is_some_and(|name| name.ends_with(".Quantity"));
    let fits = match node.json_type {
        _ if quantity => found.is_string() || found.is_number(),
        _ if node.int_or_string => found.is_string() || is_integer(found),
        JsonType::Any => true,
        JsonType::Object => found.is_object(),
        JsonType::Array => found.is_array(),
        JsonType::String => found.is_string(),
        JsonType::Integer => found.is_i64() || found.is_u64(),
        JsonType::Number => found.is_number(),
        JsonType::Boolean => found.is_boolean(),
    };
    if quantity && fits {
        let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        return builtin::quantity::canonical(&text)
            .is_none()
            .then(|| builtin::quantity::COMPLAINT.to_owned());
    }
    if fits {
        return match (node.format.as_deref(), found) {
            (Some("date-time"), Value::String(text)) if !text.is_empty() && !format::is_date_time(text) => {
                Some(format!(
                    "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
                ))
            }
            (Some("byte"), Value::String(_)) => {
                format::complaint("byte", found).map(|_| "illegal base64 data at input byte 0".to_owned())
            }
            (Some(format @ ("int32" | "int64")), Value::Number(number)) => format::complaint(format, found)
                .map(|_| {
                    let field = go_field(path, owner);
                    format!(
                        "json: cannot unmarshal number {number} into Go struct field {field} of type {format}"
                    )
                }),
            _ => None,
        };
    }
    let kind = match found {
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null => return None,
    };
    let field = go_field(path, owner);
    Some(format!("json: cannot unmarshal {kind} into Go struct field {field} of type {}", go_type(node)))
}

/// `DeploymentSpec.spec.replicas`.
fn go_field(path: &[&str], owner: Option<&str>) -> String {
    let owner = owner.and_then(|name| name.rsplit('.').next()).unwrap_or_default();
    format!("{owner}.{}", path.join("."))
}

fn go_type(node: &Node) -> String {
    if let Some(definition) = &node.definition {
        let mut parts = definition.rsplit('.');
        let (name, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return format!("{package}.{name}");
    }
    match (node.json_type, node.format.as_deref()) {
        (JsonType::Integer, Some(format)) => format.to_owned(),
        (JsonType::Integer, None) => "int64".to_owned(),
        (JsonType::Number, _) => "float64".to_owned(),
        (JsonType::Boolean, _) => "bool".to_owned(),
        (JsonType::String, Some("byte")) => "[]uint8".to_owned(),
        (JsonType::String, _) => "string".to_owned(),
        (JsonType::Array, _) => "[]interface {}".to_owned(),
        (JsonType::Object | JsonType::Any, _) => "map[string]interface {}".to_owned(),
    }
}
