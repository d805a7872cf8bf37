//! Kubernetes' protobuf: objects of the built-in kinds as Go's typed clients send them, read into the same trees that
//! their JSON gives. Nothing is written in protobuf; clients that send it take JSON for an answer.
//!
//! An object is `k8s\0`, then a `runtime.Unknown` with its type and its message. What the messages hold is a table,
//! `kinds/messages.json`; no code here knows a kind by name.

mod decode;
mod special;
mod table;
mod wire;

use serde_json::Value;

pub use wire::WireError;

/// What every encoded object starts with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep a decoded object may nest. JSON is read no deeper than 128, and what is stored is read as JSON.
const TREE_DEPTH_MAX: usize = 120;

/// Why bytes are not an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not Kubernetes' protobuf at all.
    #[error("the body does not start with k8s\\0, as an object in protobuf does")]
    NoPrefix,
    /// The bytes around the object are not a runtime.Unknown.
    #[error("the envelope of the object is malformed")]
    Envelope(#[source] WireError),
    /// The envelope does not say what it holds.
    #[error("the envelope of the object has no apiVersion or no kind")]
    NoKind,
    /// Compressed, or not protobuf inside.
    #[error("the object is in encoding {encoding:?} and media type {media_type:?}: send plain protobuf")]
    Encoding {
        /// `contentEncoding`
        encoding: String,
        /// `contentType`
        media_type: String,
    },
    /// Custom resources, and kinds that are not served, have no protobuf form here.
    #[error("{kind} of {api_version} has no protobuf form")]
    UnknownKind {
        /// The envelope's apiVersion.
        api_version: String,
        /// The envelope's kind.
        kind: String,
    },
    /// A field is not what its message says.
    #[error("{message}, field {field:?}")]
    Malformed {
        /// The message's full name.
        message: String,
        /// The field's name in JSON; empty where the message itself is broken.
        field: String,
        /// What is wrong.
        source: WireError,
    },
    /// Messages in messages.
    #[error("the object nests too deep")]
    TooDeep,
}

/// The messages of all built-in kinds.
#[derive(Debug)]
pub struct Messages {
    table: table::Table,
}

impl Messages {
    /// Reads the table, which takes some milliseconds: do it once.
    #[must_use]
    pub fn read() -> Messages {
        Messages { table: table::Table::read() }
    }

    /// The object, as its JSON is: with `apiVersion` and `kind`, bytes in base64, times as text, and without fields
    /// that are not set. Fields that this version of Kubernetes does not have are left out.
    ///
    /// # Errors
    /// Whatever the bytes are, what can't be read is an error.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, DecodeError> {
        let object = decode::Decoder::new(&self.table).envelope(bytes)?;
        if depth(&object) > TREE_DEPTH_MAX { Err(DecodeError::TooDeep) } else { Ok(object) }
    }
}

/// Bounded by what the decoder and embedded JSON allow.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
