//! Filling in a schema's defaults.

use serde_json::Value;

use super::{Additional, Place};

/// Drops the nulls of fields that may not be null and have no default: they say as much as nothing at all.
pub(super) fn drop_nulls(place: Place<'_>, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.retain(|name, field| {
            let Some(inner) = place.field(name) else { return true };
            let meaningless = field.is_null() && !inner.node().nullable && inner.default_value().is_none();
            drop_nulls(inner, field);
            !meaningless
        }),
        Value::Array(items) => {
            if let Some(inner) = place.items() {
                items.iter_mut().for_each(|item| drop_nulls(inner, item));
            }
        }
        _ => {}
    }
}

pub(super) fn default(place: Place<'_>, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let node = place.node();
            for (name, id) in &node.properties {
                let inner = place.at(*id);
                let Some(filling) = inner.default_value() else { continue };
                let missing = match fields.get(&**name) {
                    None => true,
                    Some(present) => present.is_null() && !inner.node().nullable,
                };
                if missing {
                    fields.insert(name.to_string(), filling.clone());
                }
            }
            if let Additional::Each(id) = &node.additional {
                let inner = place.at(*id);
                if let (Some(filling), false) = (inner.default_value(), inner.node().nullable) {
                    for (name, field) in fields.iter_mut() {
                        if field.is_null() && !node.properties.contains_key(name.as_str()) {
                            *field = filling.clone();
                        }
                    }
                }
            }
            for (name, field) in fields.iter_mut() {
                if let Some(inner) = place.field(name) {
                    default(inner, field);
                }
            }
        }
        Value::Array(items) => {
            let Some(inner) = place.items() else { return };
            for item in items {
                if item.is_null()
                    && !inner.node().nullable
                    && let Some(filling) = inner.default_value()
                {
                    *item = filling.clone();
                }
                default(inner, item);
            }
        }
        _ => {}
    }
}
