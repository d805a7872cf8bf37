//! The requests that chores make.

use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};

use super::observed::Observed;
use crate::store::Stored;

/// One request. Answers that mean that somebody else was faster are no failures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    pub(super) path: String,
    content_type: &'static str,
    pub(super) body: Value,
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// What becomes of an object's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The object is not as it was when the request was planned: plan again.
    Outdated,
}

impl ApiRequest {
    pub(super) fn create(collection: String, body: Value) -> ApiRequest {
        ApiRequest { method: Method::POST, path: collection, content_type: JSON, body }
    }

    pub(super) fn replace(path: String, body: Value) -> ApiRequest {
        ApiRequest { method: Method::PUT, path, content_type: JSON, body }
    }

    /// Merges the patch into the object, if it is still as it was.
    pub(super) fn patch(object: &Stored, seen: &Observed, subresource: &str, mut patch: Value) -> ApiRequest {
        patch["metadata"]["resourceVersion"] = object.revision.to_string().into();
        patch["metadata"]["uid"] = (*object.uid).into();
        let path = path(object, seen) + subresource;
        ApiRequest { method: Method::PATCH, path, content_type: MERGE_PATCH, body: patch }
    }

    /// Deletes this very object; if `unchanged`, only as it was seen.
    pub(super) fn delete(
        object: &Stored,
        seen: &Observed,
        propagation: Propagation,
        unchanged: bool,
    ) -> ApiRequest {
        let mut preconditions = json!({});
        if !object.uid.is_empty() {
            preconditions["uid"] = (*object.uid).into();
        }
        if unchanged {
            preconditions["resourceVersion"] = object.revision.to_string().into();
        }
        let propagation = match propagation {
            Propagation::Orphan => "Orphan",
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": preconditions, "propagationPolicy": propagation});
        ApiRequest { method: Method::DELETE, path: path(object, seen), content_type: JSON, body }
    }

    /// # Errors
    /// The server refuses for a reason of its own, or can't be reached.
    pub(super) async fn send(self, client: &Client) -> Result<Answer, kube::Error> {
        let ApiRequest { method, path, content_type, body } = self;
        let body = body.to_string().into_bytes();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::ACCEPT, JSON)
            .body(body)
            .map_err(kube::Error::HttpError)?;
        match client.request_text(request).await {
            Ok(_) => Ok(Answer::Done),
            // Gone, and so it should be.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Answer::Done),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Answer::Outdated),
            Err(error) => Err(error),
        }
    }
}

/// Where an object is served, in the version that it is stored in.
pub(super) fn path(object: &Stored, seen: &Observed) -> String {
    let key = &object.key;
    let plural = key.resource.rsplit_once('/').map_or(&*key.resource, |(_, plural)| plural);
    let root = if seen.api_version.contains('/') { "/apis/" } else { "/api/" };
    let namespace =
        if key.namespace.is_empty() { String::new() } else { format!("/namespaces/{}", key.namespace) };
    format!("{root}{}{namespace}/{plural}/{}", seen.api_version, key.name)
}
