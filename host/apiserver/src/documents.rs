//! OpenAPI documents, made when they are first asked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, VARY};
use http::{HeaderValue, Response};
use parking_lot::Mutex;
use windlass_schema::Kind;
use windlass_schema::openapi::{self, Document};

use crate::catalogue::Served;
use crate::request::representation::{Encoding, OpenApiV2};
use crate::response::{self, Body};
use crate::status::ApiError;

/// The documents of what is served at one time.
#[derive(Default)]
pub(crate) struct Documents {
    v2: OnceLock<Document>,
    v2_protobuf: OnceLock<Document>,
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
pub(crate) fn v3(
    served: &Served,
    path: &str,
    if_none_match: Option<&str>,
) -> Result<Response<Body>, ApiError> {
    let (path, kinds) =
        paths(served).find(|(served, _)| served == path).ok_or_else(ApiError::unknown_path)?;
    Ok(respond(&served.documents.of(&path, &kinds), Encoding::Json.media_type(), if_none_match))
}

/// `/openapi/v2`
pub(crate) fn v2(served: &Served, form: OpenApiV2, if_none_match: Option<&str>) -> Response<Body> {
    let documents = &served.documents;
    let document = match form {
        OpenApiV2::Json => documents.v2.get_or_init(|| openapi::v2(&served.kinds())),
        OpenApiV2::Protobuf => documents.v2_protobuf.get_or_init(|| openapi::v2_protobuf(&served.kinds())),
    };
    respond(document, form.media_type(), if_none_match)
}

fn respond(document: &Document, media_type: &'static str, if_none_match: Option<&str>) -> Response<Body> {
    let tag = format!("\"{}\"", document.hash);
    let mut response = match if_none_match {
        Some(known) if known == tag => response::with_body(304, Encoding::Json, Body::empty()),
        _ => {
            let body = Bytes::from_owner(Arc::clone(&document.body));
            response::with_body(200, Encoding::Json, Body::from(body))
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    response
}
