//! What the API server knows about the shape of objects: pure functions over `serde_json::Value`, with no I/O, no
//! clock and no client. Storage, HTTP and watches are the API server's own.
//!
//! A [`Kind`] is one served resource at one version, built in or from a CustomResourceDefinition; everything else
//! hangs on it.

pub mod apply;
pub mod builtin;
pub mod crd;
pub mod expression;
pub mod field;
pub mod kind;
pub mod meta;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod selector;
pub mod structural;
pub mod table;

pub use field::{FieldError, Reason};
pub use kind::{DecodeError, Kind, Names, Part, Scale, Subresources};
pub use patch::PatchError;
pub use selector::{FieldSelector, LabelSelector};
pub use structural::Schema;
