//! The one thread that writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::directory::{Directory, OpenError};
use super::disk::{CommitFailure, Disk};
use super::feed::{LogLimits, Publication, Shared};
use super::map::ObjectMap;
use super::object::{Change, Draft, Event, Expect, Key, MalformedObject, Stored};
use super::record::{Reader, Record};

/// Requests that share one commit. Bounds how long the first of them waits for the serialisation of the others.
const BATCH_REQUESTS_MAX: usize = 512;
/// Bytes that share one commit: some requests may be megabytes each.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// While the disk is full, how long to refuse writes before looking again.
const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// Why a write did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// An operation's expectation was not met; nothing of the request was done.
    #[error("{key}: {}", mismatch(*expected, found.as_deref()))]
    Conflict {
        key: Key,
        expected: Expect,
        /// What is there now.
        found: Option<Arc<Stored>>,
    },
    #[error(transparent)]
    Malformed(#[from] MalformedObject),
    /// The commit failed. Nobody has seen the change; whether a restart brings it back is not known.
    #[error("the store could not write: {reason}")]
    Failed { reason: Arc<str> },
    /// An earlier commit failed, so that this one was not tried. Reads go on.
    #[error("the store refuses writes: {reason}")]
    Unavailable { reason: Arc<str> },
}

fn mismatch(expected: Expect, found: Option<&Stored>) -> String {
    match (expected, found) {
        (Expect::Absent, _) => "already exists".to_owned(),
        (_, None) => "not found".to_owned(),
        (Expect::Revision(expected), Some(found)) => {
            format!("has been modified: expected revision {expected}, found {}", found.revision)
        }
        (Expect::Exists | Expect::Anything, Some(_)) => "could not be written".to_owned(),
    }
}

/// An operation whose object is already serialised.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) key: Key,
    pub(super) expect: Expect,
    pub(super) draft: Option<Draft>,
}

/// One call of `write`.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ops: Vec<Prepared>,
    pub(super) reply: oneshot::Sender<Result<Vec<Arc<Event>>, WriteError>>,
}

impl Request {
    fn bytes(&self) -> usize {
        self.ops.iter().filter_map(|op| op.draft.as_ref()).map(Draft::len).sum()
    }
}

/// Why writes are refused, and whether it is worth looking again.
struct Failure {
    reason: Arc<str>,
    /// `None`: only a restart helps.
    retry_at: Option<Instant>,
}

/// The contents of all resources, as the writer changes them ahead of the commit.
#[derive(Clone)]
pub(super) struct Contents {
    pub(super) resources: HashMap<Arc<str>, ObjectMap>,
    pub(super) revision: u64,
}

impl Contents {
    /// No objects. `horizon` is the newest revision that left no trace.
    pub(super) fn new(horizon: u64) -> Contents {
        Contents { resources: HashMap::new(), revision: horizon }
    }

    /// Reads everything that is on disk. Gives back the log, too.
    pub(super) fn load(disk: &Disk) -> Result<(Contents, Vec<Arc<Event>>), OpenError> {
        let horizon = disk.horizon()?;
        let mut contents = Contents::new(horizon);
        let log = contents.load_after(disk, 0, horizon)?;
        // The log is empty where the store went on from a higher revision, and nothing was written since.
        contents.revision = contents.revision.max(horizon);
        Ok((contents, log))
    }

    /// Adds what is on disk after a revision. Gives back the events that are newer than `horizon`.
    fn load_after(&mut self, disk: &Disk, after: u64, horizon: u64) -> Result<Vec<Arc<Event>>, OpenError> {
        let mut reader = Reader::default();
        let mut log = Vec::new();
        disk.read_after(after, |revision, bytes| {
            let record =
                reader.read(revision, bytes).ok_or_else(|| format!("record {revision} is not readable"))?;
            log.extend(self.replay(record, horizon)?);
            Ok(())
        })?;
        Ok(log)
    }

    fn get(&self, key: &Key) -> Option<&Arc<Stored>> {
        self.resources.get(&key.resource)?.get((&key.namespace, &key.name))
    }

    fn apply(&mut self, event: &Event) {
        let key = &event.object.key;
        if !self.resources.contains_key(&key.resource) {
            self.resources.insert(Arc::clone(&key.resource), ObjectMap::default());
        }
        let objects = self.resources.get_mut(&key.resource).expect("it was inserted when it was missing");
        match event.change {
            Change::Added | Change::Modified => objects.insert(Arc::clone(&event.object)),
            Change::Deleted => objects.remove((&key.namespace, &key.name)),
        };
        self.revision = event.revision();
    }

    /// Takes back the newest event.
    fn undo(&mut self, event: &Event) {
        if let Some(objects) = self.resources.get_mut(&event.object.key.resource) {
            event.undo(objects);
        }
        self.revision -= 1;
    }

    /// Adds what was read from disk, in order. `None` where the event is older than the log, which reaches back to
    /// `horizon`.
    fn replay(&mut self, record: Record, horizon: u64) -> Result<Option<Arc<Event>>, String> {
        let Record { change, object, previous } = record;
        let revision = object.revision;
        let found = self.get(&object.key).filter(|found| found.revision == previous).cloned();
        if revision > horizon && previous != 0 && found.is_none() {
            return Err(format!("record {revision} replaces record {previous}, which is not there"));
        }
        let event = Arc::new(Event { change, object: Arc::new(object), previous: found });
        self.apply(&event);
        Ok((revision > horizon).then_some(event))
    }
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    // Before the directory, which is unlocked last.
    pub(super) disk: Option<Disk>,
    pub(super) directory: Directory,
    pub(super) contents: Contents,
    pub(super) limits: LogLimits,
    failure: Option<Failure>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        directory: Directory,
        disk: Disk,
        contents: Contents,
        limits: LogLimits,
    ) -> Writer {
        Writer { shared, disk: Some(disk), directory, contents, limits, failure: None }
    }

    /// Serves requests until the last sender is gone.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut bytes = first.bytes();
            let mut batch = vec![first];
            while batch.len() < BATCH_REQUESTS_MAX && bytes < BATCH_BYTES_MAX {
                let Ok(request) = requests.try_recv() else { break };
                bytes += request.bytes();
                batch.push(request);
            }
            self.serve(batch);
        }
    }

    fn serve(&mut self, batch: Vec<Request>) {
        if let Err(reason) = self.ready() {
            for request in batch {
                let _ = request.reply.send(Err(WriteError::Unavailable { reason: Arc::clone(&reason) }));
            }
            return;
        }
        let mut events = Vec::with_capacity(batch.len());
        let mut replies = Vec::with_capacity(batch.len());
        for Request { ops, reply } in batch {
            replies.push((reply, self.apply(ops, &mut events)));
        }
        if !events.is_empty()
            && let Err(failure) = self.commit(&events)
        {
            let reason = self.fail(failure, &events);
            for (reply, _) in replies {
                // Refusals too: they may rest on what was not written.
                let _ = reply.send(Err(WriteError::Failed { reason: Arc::clone(&reason) }));
            }
            return;
        }
        for (reply, result) in replies {
            // A caller may have gone away; what it asked for is done all the same.
            let _ = reply.send(result);
        }
    }

    /// Makes one request's changes to the contents, all or none.
    fn apply(
        &mut self,
        ops: Vec<Prepared>,
        events: &mut Vec<Arc<Event>>,
    ) -> Result<Vec<Arc<Event>>, WriteError> {
        let begin = events.len();
        for op in ops {
            match self.change(op) {
                Ok(event) => {
                    self.contents.apply(&event);
                    events.push(Arc::new(event));
                }
                Err(error) => {
                    for event in events.drain(begin..).rev() {
                        self.contents.undo(&event);
                    }
                    return Err(error);
                }
            }
        }
        Ok(events[begin..].to_vec())
    }

    /// The event that an operation makes of the present contents.
    fn change(&self, op: Prepared) -> Result<Event, WriteError> {
        let Prepared { key, expect, draft } = op;
        let found = self.contents.get(&key);
        let is_met = match (expect, found) {
            (Expect::Absent, found) => found.is_none(),
            (Expect::Exists, found) => found.is_some(),
            (Expect::Revision(revision), found) => found.is_some_and(|found| found.revision == revision),
            (Expect::Anything, found) => found.is_some() || draft.is_some(),
        };
        if !is_met || (found.is_none() && draft.is_none()) {
            return Err(WriteError::Conflict { key, expected: expect, found: found.cloned() });
        }
        let revision = self.contents.revision + 1;
        let previous = found.cloned();
        // The key that is held already is shared rather than the caller's kept.
        let key = previous.as_ref().map_or(key, |previous| previous.key.clone());
        let (change, object) = match (draft, &previous) {
            (Some(draft), None) => (Change::Added, draft.finish(key, revision)),
            (Some(draft), Some(_)) => (Change::Modified, draft.finish(key, revision)),
            (None, Some(previous)) => (Change::Deleted, previous.at_revision(revision)),
            (None, None) => unreachable!("a delete of nothing was refused above"),
        };
        Ok(Event { change, object: Arc::new(object), previous })
    }

    /// Writes the events to disk, and only then lets anybody see them.
    fn commit(&mut self, events: &[Arc<Event>]) -> Result<(), CommitFailure> {
        let overdue = self.shared.published.read().overdue(events, self.limits);
        let disk = self.disk.as_ref().expect("the disk is open unless writes are refused");
        disk.commit(events, &overdue)?;
        self.publish(events.to_vec(), overdue.len());
        Ok(())
    }

    fn publish(&self, events: Vec<Arc<Event>>, pruned: usize) {
        let mut objects = HashMap::new();
        for event in &events {
            let resource = &event.object.key.resource;
            if !objects.contains_key(resource) {
                let contents = self.contents.resources.get(resource).cloned().unwrap_or_default();
                objects.insert(Arc::clone(resource), contents);
            }
        }
        self.shared.publish(Publication { events, objects, pruned }, self.contents.revision);
    }

    /// Goes back to what is published, and refuses writes from now on.
    fn fail(&mut self, failure: CommitFailure, events: &[Arc<Event>]) -> Arc<str> {
        for event in events.iter().rev() {
            self.contents.undo(event);
        }
        let CommitFailure { problem, full } = failure;
        let remedy = if full { "free some space" } else { "check the disk, then restart" };
        let reason: Arc<str> = format!("{problem}; {remedy}").into();
        tracing::error!(reason = &*reason, "the store refuses writes");
        let retry_at = full.then(|| Instant::now() + FULL_DISK_PAUSE);
        self.refuse_from_now_on(Failure { reason: Arc::clone(&reason), retry_at });
        reason
    }

    fn refuse_from_now_on(&mut self, failure: Failure) {
        self.shared.set_failure(Some(Arc::clone(&failure.reason)));
        self.failure = Some(failure);
    }

    /// Whether writes can be made; after the disk was full, tries to get going again.
    fn ready(&mut self) -> Result<(), Arc<str>> {
        let Some(Failure { reason, retry_at }) = &self.failure else { return Ok(()) };
        let reason = Arc::clone(reason);
        if retry_at.is_none_or(|at| Instant::now() < at) {
            return Err(reason);
        }
        match self.recover() {
            Ok(()) => {
                tracing::info!("the store accepts writes again");
                self.failure = None;
                self.shared.set_failure(None);
                Ok(())
            }
            Err(problem) => {
                tracing::debug!(problem, "the store still refuses writes");
                let retry_at = Some(Instant::now() + FULL_DISK_PAUSE);
                self.refuse_from_now_on(Failure { reason: Arc::clone(&reason), retry_at });
                Err(reason)
            }
        }
    }

    /// Opens the file anew and proves with an empty commit that it can be written to. A commit of which it was not
    /// known whether it succeeded may turn out to have: then it is published now.
    fn recover(&mut self) -> Result<(), String> {
        self.disk = None;
        let describe = |error: OpenError| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let disk = self.directory.disk().map_err(describe)?;
        disk.commit(&[], &[]).map_err(|failure| failure.problem)?;
        let published = self.contents.revision;
        // Tried on a copy, which costs little, so that a failure leaves no trace.
        let mut contents = self.contents.clone();
        let events = contents.load_after(&disk, published, published).map_err(describe)?;
        self.contents = contents;
        self.disk = Some(disk);
        if !events.is_empty() {
            self.publish(events, 0);
        }
        Ok(())
    }
}
