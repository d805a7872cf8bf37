//! Watches: a stream of events, one JSON object a line, each written from the stored bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Call;
use super::selection::Selection;
use super::shape::Shaper;
use crate::catalogue::Resource;
use crate::request::options::ListOptions;
use crate::request::representation::Encoding;
use crate::response::{self, Body};
use crate::status::ApiError;
use crate::store::{Change, Event, RevisionError, Snapshot, Stored, Watch};

/// How much is written before the client's connection is asked whether it takes it.
const CHUNK_BYTES: usize = 64 * 1024;
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// Clients that name no timeout get this one, so that none is left over for ever.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(45 * 60);

/// GET of a collection that is a watch.
pub(crate) fn watch(call: &Call, options: &ListOptions) -> Result<Response<Body>, ApiError> {
    if call.accept.encoding != Encoding::Json {
        return Err(ApiError::not_acceptable("application/json"));
    }
    let selection = Selection::parse(call, options)?;
    let shaper = Shaper::new(call.accept.shape, &call.query)?;
    let store = &call.state.store;
    let from = options.resource_version.unwrap_or(0);
    let (initial, watch) = if options.send_initial_events || from == 0 {
        let (snapshot, watch) = store.snapshot_and_watch(&call.resource.store);
        if from > snapshot.revision() {
            return Ok(failed(&ApiError::future_revision(from, snapshot.revision())));
        }
        // `sendInitialEvents=false` with no revision asks for what happens from now on.
        let wanted = options.send_initial_events || options.version_match.is_none();
        (wanted.then_some(snapshot), watch)
    } else {
        match store.watch(&call.resource.store, from) {
            Ok(watch) => (None, watch),
            Err(error) => return Ok(failed(&refusal(error))),
        }
    };
    let timeout = options.timeout_seconds.map_or(TIMEOUT_DEFAULT, Duration::from_secs);
    let mut bookmarks = tokio::time::interval_at(Instant::now() + BOOKMARK_PERIOD, BOOKMARK_PERIOD);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = Stream {
        resource: Arc::clone(&call.resource),
        selection,
        shaper,
        initial: initial.map(|snapshot| Initial {
            snapshot,
            after: None,
            ends_with_bookmark: options.send_initial_events,
        }),
        watch,
        bookmarks: options.allow_bookmarks.then_some(bookmarks),
        deadline: Instant::now() + timeout,
        stopping: call.state.stopping.clone(),
        columns_sent: false,
        ended: false,
    };
    let chunks = futures::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((chunk, stream))
    });
    Ok(response::with_body(200, Encoding::Json, Body::stream(chunks)))
}

/// Once a watch is permitted and understood, what goes wrong is told by an event, as kube-apiserver does.
fn failed(error: &ApiError) -> Response<Body> {
    let mut out = BytesMut::new();
    line("ERROR", &error.to_status(), &mut out);
    response::with_body(200, Encoding::Json, Body::from(out.freeze()))
}

fn refusal(error: RevisionError) -> ApiError {
    match error {
        RevisionError::Expired { .. } => ApiError::expired(error.to_string()),
        RevisionError::Future { requested, current } => ApiError::future_revision(requested, current),
    }
}

fn line(kind: &str, object: &Value, out: &mut BytesMut) {
    out.put_slice(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").as_bytes());
}

/// The objects that were there when the watch began.
struct Initial {
    snapshot: Snapshot,
    /// Namespace and name of the last one sent.
    after: Option<(Arc<str>, Arc<str>)>,
    ends_with_bookmark: bool,
}

struct Stream {
    resource: Arc<Resource>,
    selection: Selection,
    shaper: Shaper,
    initial: Option<Initial>,
    watch: Watch,
    bookmarks: Option<Interval>,
    deadline: Instant,
    stopping: CancellationToken,
    columns_sent: bool,
    ended: bool,
}

impl Stream {
    /// The next piece of text; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = BytesMut::new();
        while let Some(initial) = self.initial.take() {
            self.write_initial(initial, &mut out);
            if !out.is_empty() {
                return Some(out.freeze());
            }
        }
        while out.is_empty() {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                () = tokio::time::sleep_until(self.deadline) => {
                    self.ended = true;
                    self.write_bookmark(&mut out);
                    return (!out.is_empty()).then(|| out.freeze());
                }
                event = self.watch.next() => self.write(event, &mut out),
                () = tick(self.bookmarks.as_mut()) => self.write_bookmark(&mut out),
            }
        }
        while out.len() < CHUNK_BYTES && !self.ended {
            match self.watch.try_next().transpose() {
                Some(event) => self.write(event, &mut out),
                None => break,
            }
        }
        Some(out.freeze())
    }

    fn write_initial(&mut self, mut initial: Initial, out: &mut BytesMut) {
        let snapshot = initial.snapshot.clone();
        let after = initial.after.clone();
        let after = after.as_ref().map(|(namespace, name)| (&**namespace, &**name));
        let namespace = self.selection.namespace.clone();
        for stored in snapshot.range(namespace.as_deref(), after) {
            if out.len() >= CHUNK_BYTES {
                self.initial = Some(initial);
                return;
            }
            initial.after = Some((Arc::clone(&stored.key.namespace), Arc::clone(&stored.key.name)));
            if self.selection.is_everything() || self.selection.matches(stored) {
                self.write_event("ADDED", stored, out);
            }
        }
        if initial.ends_with_bookmark {
            line("BOOKMARK", &self.shaper.bookmark(&self.resource, snapshot.revision(), true), out);
        }
    }

    fn write(&mut self, event: Result<Arc<Event>, RevisionError>, out: &mut BytesMut) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                line("ERROR", &refusal(error).to_status(), out);
                self.ended = true;
                return;
            }
        };
        let selects = |stored: &Stored| self.selection.matches(stored);
        let was = event.previous.as_deref().is_some_and(selects);
        let is = event.change != Change::Deleted && selects(&event.object);
        match (was, is) {
            (false, false) => {}
            (false, true) => self.write_event("ADDED", &event.object, out),
            (true, true) => self.write_event("MODIFIED", &event.object, out),
            (true, false) if event.change == Change::Deleted => {
                self.write_event("DELETED", &event.object, out)
            }
            // It left the selection: the client gets it as it was when it was selected.
            (true, false) => {
                let previous = event.previous.as_ref().expect("it was selected before");
                self.write_event("DELETED", &previous.at_revision(event.revision()), out);
            }
        }
    }

    fn write_event(&mut self, kind: &str, stored: &Stored, out: &mut BytesMut) {
        out.put_slice(b"{\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\",\"object\":");
        self.shaper.alone(&self.resource, &stored.json, !self.columns_sent, out);
        self.columns_sent = true;
        out.put_slice(b"}\n");
    }

    fn write_bookmark(&mut self, out: &mut BytesMut) {
        if self.bookmarks.is_some() {
            let revision = self.watch.progress();
            line("BOOKMARK", &self.shaper.bookmark(&self.resource, revision, false), out);
        }
    }
}

async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
