//! The store as the rest of the server sees it.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::directory::{Directory, OpenError};
use super::disk::{self, Opener};
use super::feed::{LogLimits, Publication, Published, Shared};
use super::object::{Draft, Event, Key, Op, Stored};
use super::snapshot::Snapshot;
use super::watch::{RevisionError, Watch};
use super::writer::{Contents, Prepared, Request, WriteError, Writer};

/// Requests that may wait for the writer before callers wait for room: several batches' worth, so that the writer
/// never runs dry, and still little memory.
const QUEUE_REQUESTS_MAX: usize = 2048;

/// How far the revision moves when an older data file was put in place: more than were given out since it was
/// copied. A thousand a second for eleven days.
const REVISIONS_SKIPPED: u64 = 1_000_000_000;

/// What can be chosen about a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many recent events are kept for watches to resume from, in memory and on disk.
    pub log_events_max: usize,
    /// How many bytes of objects these may be.
    pub log_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        // Ten seconds under the heaviest load that the disk takes; hours in a quiet system.
        Options { log_events_max: 32_768, log_bytes_max: 128 << 20 }
    }
}

/// An open store. Dropping it waits for the writes that were accepted, and unlocks the directory.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// `None` only while it is dropped.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the directory, and makes it if it doesn't exist or holds no store. Reads everything into memory.
    ///
    /// # Errors
    /// The directory is in use, its contents are damaged or missing in part, or the system refuses. It is never
    /// replaced by an empty one.
    pub fn open(dir: &Path, options: Options) -> Result<Store, OpenError> {
        Store::open_with(dir, options, disk::file_opener())
    }

    pub(super) fn open_with(dir: &Path, options: Options, opener: Opener) -> Result<Store, OpenError> {
        let directory = Directory::open(dir, opener)?;
        let disk = directory.disk()?;
        let (mut contents, mut log) = Contents::load(&disk)?;
        let mut first = disk.horizon()?;
        let opened = disk.opened()?;
        if directory.is_restored(opened)? {
            first = contents.revision + REVISIONS_SKIPPED;
            tracing::warn!(
                from = contents.revision,
                to = first,
                "the data file was restored or copied: its revision moves forward, and watches start over"
            );
            disk.advance(&log, first)
                .map_err(|failure| OpenError::Unwritable { problem: failure.problem })?;
            contents.revision = first;
            log.clear();
        }
        disk.count_opening(opened + 1)
            .map_err(|failure| OpenError::Unwritable { problem: failure.problem })?;
        directory.mark(opened + 1)?;

        let shared = Arc::new(Shared::new(Published::new(first)));
        let publication = Publication { events: log, objects: contents.resources.clone(), pruned: 0 };
        shared.publish(publication, contents.revision);

        let limits = LogLimits { events: options.log_events_max, bytes: options.log_bytes_max };
        let writer = Writer::new(Arc::clone(&shared), directory, disk, contents, limits);
        let (requests, queue) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let writer = thread
            .spawn(move || writer.run(queue))
            .map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        Ok(Store { shared, requests: Some(requests), writer: Some(writer) })
    }

    /// Makes all the operations' changes in one durable step, or none of them. The events tell what was stored, one
    /// for each operation; each has a revision of its own, one after the other.
    ///
    /// When it returns, the changes are on disk and every read sees them. If the future is dropped, they may be made
    /// or not.
    ///
    /// # Errors
    /// An expectation is not met, a value is no object, or the disk fails.
    pub async fn write(&self, ops: Vec<Op>) -> Result<Vec<Arc<Event>>, WriteError> {
        let ops = ops
            .into_iter()
            .map(|Op { key, expect, value }| {
                let draft = value.map(|value| Draft::new(&key, &value)).transpose()?;
                Ok(Prepared { key, expect, draft })
            })
            .collect::<Result<_, WriteError>>()?;
        let (reply, answer) = oneshot::channel();
        let gone = || WriteError::Unavailable { reason: "its writer has ended; restart the server".into() };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Request { ops, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The revision of the newest change that is visible.
    pub fn revision(&self) -> u64 {
        self.shared.published.read().revision()
    }

    /// Waits until everything up to a revision is visible.
    pub async fn reached(&self, revision: u64) {
        // The sender lives in `shared`, so it cannot be gone.
        let _ = self.shared.revisions().wait_for(|current| *current >= revision).await;
    }

    pub fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.shared.published.read().get(key).cloned()
    }

    /// A number that changes with every change of a resource.
    pub fn newest(&self, resource: &str) -> u64 {
        self.shared.published.read().newest(resource)
    }

    /// One resource as it is now.
    pub fn snapshot(&self, resource: &str) -> Snapshot {
        self.shared.published.read().snapshot(resource)
    }

    /// One resource as it was at a revision, as far back as the log reaches.
    ///
    /// # Errors
    /// The log doesn't reach back to the revision, or the revision is yet to come.
    pub fn snapshot_at(&self, resource: &str, revision: u64) -> Result<Snapshot, RevisionError> {
        let published = self.shared.published.read();
        let mut objects = published.objects(resource);
        let since: Vec<Arc<Event>> = published.after(Some(resource), revision)?.cloned().collect();
        drop(published);
        for event in since.iter().rev() {
            event.undo(&mut objects);
        }
        Ok(Snapshot::new(revision, objects))
    }

    /// All resources that hold objects, as they are now, at one revision.
    pub fn snapshot_all(&self) -> Vec<(Arc<str>, Snapshot)> {
        self.shared.published.read().snapshot_all()
    }

    /// Follows one resource from a revision on: the first event is the one after it.
    ///
    /// # Errors
    /// The log doesn't reach back to the revision, or the revision is yet to come.
    pub fn watch(&self, resource: &str, from: u64) -> Result<Watch, RevisionError> {
        let published = self.declared(resource);
        drop(published.after(Some(resource), from)?);
        Ok(Watch::new(Arc::clone(&self.shared), &published, Some(resource), from))
    }

    /// Follows all resources from a revision on.
    ///
    /// # Errors
    /// As of [`watch`](Self::watch).
    pub fn watch_all(&self, from: u64) -> Result<Watch, RevisionError> {
        let published = self.shared.published.read();
        drop(published.after(None, from)?);
        Ok(Watch::new(Arc::clone(&self.shared), &published, None, from))
    }

    /// One resource as it is now, and what follows: nothing in between is missed or seen twice.
    pub fn snapshot_and_watch(&self, resource: &str) -> (Snapshot, Watch) {
        let published = self.declared(resource);
        let watch = Watch::new(Arc::clone(&self.shared), &published, Some(resource), published.revision());
        (published.snapshot(resource), watch)
    }

    /// All resources as they are now, and what follows.
    pub fn snapshot_all_and_watch(&self) -> (Vec<(Arc<str>, Snapshot)>, Watch) {
        let published = self.shared.published.read();
        let watch = Watch::new(Arc::clone(&self.shared), &published, None, published.revision());
        (published.snapshot_all(), watch)
    }

    /// Why writes are refused at present, for a readiness check.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.failure()
    }

    /// The published state, in which the resource can be watched even if nothing was ever written to it.
    fn declared(&self, resource: &str) -> parking_lot::RwLockReadGuard<'_, Published> {
        let published = self.shared.published.read();
        if published.is_declared(resource) {
            return published;
        }
        drop(published);
        let mut published = self.shared.published.write();
        published.declare(resource);
        parking_lot::RwLockWriteGuard::downgrade(published)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The writer ends when its queue is empty and has no sender.
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}
