//! Server-side printing: `meta.k8s.io/v1 Table`.

use serde_json::Value;

use crate::kind::Kind;

/// One printed column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    #[allow(dead_code)]
    name: String,
}

/// What stands in `rows[].object`: the `includeObject` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    /// A PartialObjectMetadata.
    #[default]
    Metadata,
    Object,
}

/// The `columnDefinitions` of a kind.
pub fn column_definitions(kind: &Kind) -> Value {
    let _ = kind;
    Value::Array(Vec::new())
}

/// One row of a kind's table: `{"cells": [...], "object": {...}}`.
pub fn row(kind: &Kind, object: &Value, include: IncludeObject, now: jiff::Timestamp) -> Value {
    let _ = (kind, object, include, now);
    Value::Null
}

/// A whole table; `list_metadata` is the list's (resourceVersion, continue, remainingItemCount). A watch sends the
/// definitions with its first event only: `definitions` says whether they are in.
pub fn table<'a>(
    kind: &Kind,
    objects: impl IntoIterator<Item = &'a Value>,
    list_metadata: Value,
    include: IncludeObject,
    now: jiff::Timestamp,
) -> Value {
    let rows: Vec<Value> = objects.into_iter().map(|object| row(kind, object, include, now)).collect();
    serde_json::json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list_metadata,
        "columnDefinitions": column_definitions(kind), "rows": rows,
    })
}
