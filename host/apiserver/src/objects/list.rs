//! Lists: pages of a consistent snapshot, written from the stored bytes.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use super::selection::Selection;
use super::shape::Shaper;
use crate::catalogue::Resource;
use crate::request::options::{ListOptions, Match};
use crate::request::representation::{Encoding, Shape};
use crate::response::{self, Body};
use crate::status::ApiError;
use crate::store::{RevisionError, Snapshot, Stored};

/// How much of a list is put together before it is handed on.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Continue {
    /// The revision of the first page; `None` to go on at whatever is there now.
    #[serde(rename = "rv")]
    revision: Option<u64>,
    namespace: String,
    name: String,
}

impl Continue {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a struct of strings is JSON"))
    }

    fn decode(token: &str) -> Result<Continue, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            ApiError::bad_request("continue key is not valid: it is not one that this server gave out")
        })
    }
}

/// GET of a collection that is no watch.
pub(crate) fn list(call: &Call, options: &ListOptions) -> Result<Response<Body>, ApiError> {
    let selection = Selection::parse(call, options)?;
    if call.accept.shape == Shape::Metadata {
        return Err(ApiError::not_acceptable("PartialObjectMetadataList for a list"));
    }
    let shaper = Shaper::new(call.accept.shape, &call.query)?;
    let (snapshot, after) = snapshot(call, options)?;
    let after = after.as_ref().map(|place| (place.namespace.as_str(), place.name.as_str()));
    let mut rest = snapshot
        .range(selection.namespace.as_deref(), after)
        .filter(|stored| selection.is_everything() || selection.matches(stored));
    let objects: Vec<Arc<Stored>> = match options.limit {
        0 => rest.by_ref().cloned().collect(),
        limit => rest.by_ref().take(limit).cloned().collect(),
    };
    let mut metadata = json!({"resourceVersion": snapshot.revision().to_string()});
    // A selector would have to look at each, so that these are not counted.
    let remaining = if selection.is_everything() { rest.count() } else { usize::from(rest.next().is_some()) };
    if let (1.., Some(last)) = (remaining, objects.last()) {
        let place = Continue {
            revision: Some(snapshot.revision()),
            namespace: last.key.namespace.to_string(),
            name: last.key.name.to_string(),
        };
        metadata["continue"] = json!(place.encode());
        if selection.is_everything() {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    let chunks = Chunks {
        shaper,
        resource: Arc::clone(&call.resource),
        objects: objects.into_iter(),
        place: Place::Head(metadata),
    };
    if call.accept.encoding == Encoding::Yaml {
        return Ok(response::json(200, Encoding::Yaml, chunks.collect()));
    }
    Ok(response::with_body(200, Encoding::Json, Body::stream(futures::stream::iter(chunks))))
}

/// The state that a list is of, and where in it the page begins.
fn snapshot(call: &Call, options: &ListOptions) -> Result<(Snapshot, Option<Continue>), ApiError> {
    let store = &call.state.store;
    let resource = &call.resource.store;
    if !options.continue_token.is_empty() {
        let place = Continue::decode(&options.continue_token)?;
        let snapshot = match place.revision {
            Some(revision) => {
                store.snapshot_at(resource, revision).map_err(|error| expired(error, &place))?
            }
            None => store.snapshot(resource),
        };
        return Ok((snapshot, Some(place)));
    }
    let snapshot = store.snapshot(resource);
    match (options.resource_version, options.version_match) {
        (Some(wanted), _) if wanted > snapshot.revision() => {
            Err(ApiError::future_revision(wanted, snapshot.revision()))
        }
        (Some(wanted), Some(Match::Exact)) => Ok((exact(call, wanted)?, None)),
        // A limit with a revision and no match means exactly that revision; so it has been since there are pages.
        (Some(wanted), None) if wanted > 0 && options.limit > 0 => Ok((exact(call, wanted)?, None)),
        _ => Ok((snapshot, None)),
    }
}

fn exact(call: &Call, revision: u64) -> Result<Snapshot, ApiError> {
    call.state
        .store
        .snapshot_at(&call.resource.store, revision)
        .map_err(|_| ApiError::expired("The resourceVersion for the provided list is too old."))
}

/// 410 with a token by which the client may go on, at the price of consistency.
fn expired(error: RevisionError, place: &Continue) -> ApiError {
    let on = Continue { revision: None, namespace: place.namespace.clone(), name: place.name.clone() };
    match error {
        RevisionError::Expired { .. } => ApiError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the \
             list.",
        )
        .continue_with(on.encode()),
        RevisionError::Future { .. } => {
            ApiError::bad_request("continue key is not valid: it is of a revision that this server has not reached")
        }
    }
}

/// A list as pieces of text.
struct Chunks {
    shaper: Shaper,
    resource: Arc<Resource>,
    objects: std::vec::IntoIter<Arc<Stored>>,
    place: Place,
}

enum Place {
    Head(Value),
    Items,
    End,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        let mut first = false;
        match &self.place {
            Place::Head(metadata) => {
                out.put_slice(self.shaper.list_head(&self.resource, metadata).as_bytes());
                self.place = Place::Items;
                first = true;
            }
            Place::Items => {}
            Place::End => return None,
        }
        while out.len() < CHUNK_BYTES {
            let Some(stored) = self.objects.next() else {
                out.put_slice(b"]}\n");
                self.place = Place::End;
                break;
            };
            if !first {
                out.put_u8(b',');
            }
            first = false;
            self.shaper.item(&self.resource, &stored.json, &mut out);
        }
        Some(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continue_token_is_opaque_and_checked() {
        let place = Continue { revision: Some(7), namespace: "a".into(), name: "b".into() };
        assert_eq!(Continue::decode(&place.encode()).unwrap(), place);
        assert_eq!(Continue::decode("nonsense").unwrap_err().code, 400);
    }
}
