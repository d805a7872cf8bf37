//! Objects in the shape the client asked for: as they are, as rows of a Table, or their metadata alone.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use windlass_schema::table::{self, IncludeObject};

use super::Call;
use crate::catalogue::Resource;
use crate::request::options::Query;
use crate::request::representation::Shape;
use crate::response::{self, Body};
use crate::status::ApiError;

/// Turns stored JSON into what the client asked for.
#[derive(Clone)]
pub(crate) struct Shaper {
    pub(crate) shape: Shape,
    include: IncludeObject,
}

/// The parts of an object that a PartialObjectMetadata repeats.
#[derive(Deserialize)]
struct Partial<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Shaper {
    /// # Errors
    /// 406 for a shape that objects don't have, 400 for an unknown `includeObject`.
    pub(crate) fn new(shape: Shape, query: &Query) -> Result<Shaper, ApiError> {
        if matches!(shape, Shape::Discovery(_)) {
            return Err(ApiError::not_acceptable("application/json, application/yaml"));
        }
        let include = match query.text("includeObject") {
            "" | "Metadata" => IncludeObject::Metadata,
            "None" => IncludeObject::None,
            "Object" => IncludeObject::Object,
            other => {
                return Err(ApiError::bad_request(format!("unrecognized includeObject value: {other:?}")));
            }
        };
        Ok(Shaper { shape, include })
    }

    /// Appends one object in its shape, as an item of a list.
    pub(crate) fn item(&self, resource: &Resource, json: &Bytes, out: &mut BytesMut) {
        match self.shape {
            Shape::Object | Shape::Discovery(_) => {
                let (head, rest) = resource.present(json);
                out.put(head);
                out.put(rest);
            }
            Shape::Metadata | Shape::MetadataList if resource.converts() => {
                let json = Bytes::from(resource.object(json).to_string());
                partial(&json, out);
            }
            Shape::Metadata | Shape::MetadataList => partial(json, out),
            Shape::Table => put(out, &self.row(resource, json)),
        }
    }

    fn row(&self, resource: &Resource, json: &Bytes) -> Value {
        let object = resource.object(json);
        table::row(&resource.kind, &object, self.include, jiff::Timestamp::now())
    }

    /// Appends one object by itself: a response, or what a watch event carries. `columns` says whether a Table
    /// defines its columns; in a watch only the first does.
    pub(crate) fn alone(&self, resource: &Resource, json: &Bytes, columns: bool, out: &mut BytesMut) {
        match self.shape {
            Shape::Table => {
                let object = resource.object(json);
                let version = super::field::meta(&object, "resourceVersion");
                put(
                    out,
                    &self.table(
                        resource,
                        json!({"resourceVersion": version}),
                        columns,
                        self.row(resource, json),
                    ),
                );
            }
            _ => self.item(resource, json, out),
        }
    }

    fn table(&self, resource: &Resource, metadata: Value, columns: bool, row: Value) -> Value {
        let columns = if columns { table::column_definitions(&resource.kind) } else { Value::Null };
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": columns, "rows": [row],
        })
    }

    /// What a bookmark carries.
    pub(crate) fn bookmark(&self, resource: &Resource, revision: u64, end_of_initial_events: bool) -> Value {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if end_of_initial_events {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, api_version) = match self.shape {
            Shape::Metadata | Shape::MetadataList => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            _ => (resource.kind.names.kind.as_str(), resource.kind.api_version()),
        };
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        match self.shape {
            Shape::Table => {
                let list = json!({"resourceVersion": revision.to_string()});
                let row = json!({"cells": [], "object": object});
                self.table(resource, list, false, row)
            }
            _ => object,
        }
    }

    /// How a list begins, up to its first item.
    pub(crate) fn list_head(&self, resource: &Resource, metadata: &Value) -> String {
        match self.shape {
            Shape::Table => format!(
                r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"columnDefinitions":{},"rows":["#,
                table::column_definitions(&resource.kind)
            ),
            Shape::Metadata | Shape::MetadataList => format!(
                r#"{{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"items":["#
            ),
            _ => format!(
                r#"{{"kind":"{}","apiVersion":"{}","metadata":{metadata},"items":["#,
                resource.kind.names.list_kind,
                resource.kind.api_version()
            ),
        }
    }
}

fn put(out: &mut BytesMut, value: &Value) {
    serde_json::to_writer(out.writer(), value).expect("a value is written to memory");
}

fn partial(json: &Bytes, out: &mut BytesMut) {
    let parsed: Partial<'_> = serde_json::from_slice(json).expect("stored objects are JSON with metadata");
    out.put_slice(br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#);
    out.put_slice(parsed.metadata.get().as_bytes());
    out.put_u8(b'}');
}

/// The response that holds one object.
///
/// # Errors
/// 406 and 400 as of [`Shaper::new`].
pub(crate) fn one(call: &Call, code: u16, json: &Bytes) -> Result<Response<Body>, ApiError> {
    if call.accept.shape == Shape::MetadataList {
        return Err(ApiError::not_acceptable("PartialObjectMetadata, and no list, for a single object"));
    }
    let shaper = Shaper::new(call.accept.shape, &call.query)?;
    let pieces = match shaper.shape {
        Shape::Object => {
            let (head, rest) = call.resource.present(json);
            VecDeque::from([head, rest])
        }
        _ => {
            let mut out = BytesMut::new();
            shaper.alone(&call.resource, json, true, &mut out);
            VecDeque::from([out.freeze()])
        }
    };
    Ok(response::json(
        code,
        call.accept.encoding,
        pieces.into_iter().filter(|piece| !piece.is_empty()).collect(),
    ))
}

/// The response that holds an object that was not stored: a dry run's outcome.
///
/// # Errors
/// As of [`one`].
pub(crate) fn unstored(call: &Call, code: u16, object: &Value) -> Result<Response<Body>, ApiError> {
    one(call, code, &Bytes::from(object.to_string()))
}
