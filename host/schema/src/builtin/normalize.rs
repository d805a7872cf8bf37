//! The form in which Kubernetes' Go types write a built-in kind's fields: without nulls, quantities canonical, a
//! Secret's `stringData` in its data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::quantity;
use crate::structural::{JsonType, Place};

/// Brings an object whose types have been checked into that form.
pub(super) fn normalize(root: Place<'_>, object: &mut Value) {
    walk(root, object);
    if root.field("stringData").is_some() {
        fold_string_data(object);
    }
}

fn walk(place: Place<'_>, value: &mut Value) {
    if is_quantity(place) {
        let text = match &*value {
            Value::String(text) => quantity::canonical(text),
            Value::Number(number) => quantity::canonical(&number.to_string()),
            _ => None,
        };
        if let Some(text) = text {
            *value = Value::String(text);
        }
        return;
    }
    match value {
        Value::Object(fields) => {
            // Free-form fields keep their nulls: they are somebody else's JSON.
            if !place.is_free_form() {
                fields.retain(|name, value| {
                    if let (true, false, Some(inner)) =
                        (value.is_null(), place.has_property(name), place.field(name))
                    {
                        *value = zero(inner);
                    }
                    !value.is_null()
                });
            }
            for (name, value) in fields {
                if let Some(inner) = place.field(name) {
                    walk(inner, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = place.items() {
                for item in items {
                    if item.is_null() && !inner.is_free_form() {
                        *item = zero(inner);
                    }
                    walk(inner, item);
                }
            }
        }
        _ => {}
    }
}

/// What a null in a list or a map is in Go: its type when nothing is set.
fn zero(place: Place<'_>) -> Value {
    if is_quantity(place) {
        return "0".into();
    }
    match place.json_type() {
        JsonType::String => "".into(),
        JsonType::Integer | JsonType::Number => 0.into(),
        JsonType::Boolean => false.into(),
        JsonType::Object => Value::Object(Map::new()),
        JsonType::Any | JsonType::Array => Value::Null,
    }
}

fn is_quantity(place: Place<'_>) -> bool {
    place.definition().is_some_and(|name| name.ends_with(".resource.Quantity"))
}

/// `stringData` is for writing only.
fn fold_string_data(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    let Some(Value::Object(plain)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(data) = data {
        for (key, value) in plain {
            let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
            data.insert(key, Value::String(encoded));
        }
    }
}
