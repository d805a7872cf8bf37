//! OpenAPI documents, made when they are first asked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderValue, Response};
use parking_lot::Mutex;
use windlass_schema::Kind;
use windlass_schema::openapi::{self, Document};

use crate::catalogue::Served;
use crate::request::representation::Encoding;
use crate::response::{self, Body};
use crate::status::ApiError;

/// The documents of what is served at one time.
#[derive(Default)]
pub(crate) struct Documents {
    v2: OnceLock<Document>,
    /// By path: `api/v1`, `apis/apps/v1`
    v3: Mutex<HashMap<String, Document>>,
}

fn paths(served: &Served) -> impl Iterator<Item = (String, Vec<Arc<Kind>>)> {
    served.groups.iter().flat_map(|group| {
        group.versions.iter().map(|version| {
            let path = match group.name.as_str() {
                "" => format!("api/{}", version.name),
                name => format!("apis/{name}/{}", version.name),
            };
            (path, version.resources.iter().map(|resource| Arc::clone(&resource.kind)).collect())
        })
    })
}

impl Documents {
    fn of(&self, path: &str, kinds: &[Arc<Kind>]) -> Document {
        if let Some(document) = self.v3.lock().get(path) {
            return document.clone();
        }
        // Made outside the lock: two requests may both make it, which costs less than to wait for each other.
        let document = openapi::v3(kinds);
        self.v3.lock().insert(path.to_owned(), document.clone());
        document
    }
}

/// `/openapi/v3`
pub(crate) fn v3_index(served: &Served, encoding: Encoding) -> Response<Body> {
    let documents: Vec<(String, Document)> = paths(served)
        .map(|(path, kinds)| {
            let document = served.documents.of(&path, &kinds);
            (path, document)
        })
        .collect();
    let index = openapi::v3_index(documents.iter().map(|(path, document)| (path.clone(), document)));
    response::value(200, encoding, &index)
}

/// `/openapi/v3/{path}`
pub(crate) fn v3(served: &Served, path: &str) -> Result<Response<Body>, ApiError> {
    let (path, kinds) =
        paths(served).find(|(served, _)| served == path).ok_or_else(ApiError::unknown_path)?;
    Ok(respond(&served.documents.of(&path, &kinds)))
}

/// `/openapi/v2`
pub(crate) fn v2(served: &Served) -> Response<Body> {
    respond(served.documents.v2.get_or_init(|| openapi::v2(&served.kinds())))
}

fn respond(document: &Document) -> Response<Body> {
    let body = Bytes::copy_from_slice(document.body.as_bytes());
    let mut response = response::with_body(200, Encoding::Json, Body::from(body));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", document.hash)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
