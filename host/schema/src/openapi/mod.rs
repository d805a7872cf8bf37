//! OpenAPI documents: v3 by group version, and v2 for all.

use std::sync::Arc;

use serde_json::Value;

use crate::kind::Kind;

/// A document as it is served, with the hash that the index and the ETag carry.
#[derive(Clone, Debug)]
pub struct Document {
    pub body: Arc<str>,
    /// Upper-case hex of SHA-512, as in `?hash=`.
    pub hash: String,
}

impl Document {
    fn new(document: &Value) -> Document {
        Document { body: document.to_string().into(), hash: String::new() }
    }
}

/// The v3 document of one group version (`/openapi/v3/apis/apps/v1`): all `kinds` are of it.
pub fn v3(kinds: &[Arc<Kind>]) -> Document {
    let _ = kinds;
    Document::new(&Value::Null)
}

/// `/openapi/v3`: from `apis/apps/v1` or `api/v1` to the document's hash.
pub fn v3_index<'a>(documents: impl IntoIterator<Item = (String, &'a Document)>) -> Value {
    let paths: serde_json::Map<String, Value> = documents
        .into_iter()
        .map(|(path, document)| {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            (path, serde_json::json!({ "serverRelativeURL": url }))
        })
        .collect();
    serde_json::json!({ "paths": paths })
}

/// `/openapi/v2` over all kinds.
pub fn v2(kinds: &[Arc<Kind>]) -> Document {
    let _ = kinds;
    Document::new(&Value::Null)
}
