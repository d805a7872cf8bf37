//! Following the log: a cursor of its own for each watcher.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::feed::{Published, Shared};
use super::object::Event;

/// How many events a watch takes out of the log at once. Bounds what a watcher that stopped reading holds on to.
const READ_AHEAD_MAX: usize = 256;

/// A revision that cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// 410: what happened after it is no longer known in full. A watcher that reads too slowly ends so, too.
    #[error("too old resource version: {requested} ({oldest})")]
    Expired { requested: u64, oldest: u64 },
    /// It has not happened yet.
    #[error("too large resource version: {requested}, current: {current}")]
    Future { requested: u64, current: u64 },
}

/// The events of one resource, or of all, in order, from one revision on; each exactly once.
///
/// It never holds up the writer or another watch: one that falls behind further than the log reaches gets
/// [`RevisionError::Expired`] and has to list again.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    /// `None` for all.
    resource: Option<Arc<str>>,
    /// Everything up to here was handed out.
    delivered: u64,
    /// Taken from the log, not handed out yet.
    ahead: VecDeque<Arc<Event>>,
    wake: watch::Receiver<()>,
}

impl Watch {
    /// A watch from `from` on, which the log holds, of a declared resource or of all.
    pub(super) fn new(shared: Arc<Shared>, published: &Published, resource: Option<&str>, from: u64) -> Self {
        let wake = published.subscribe(resource).expect("a resource is declared before it is watched");
        Watch { shared, resource: resource.map(Arc::from), delivered: from, ahead: VecDeque::new(), wake }
    }

    /// The next event; waits for it. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    /// The log no longer holds the events that would come next; every later call says so again.
    pub async fn next(&mut self) -> Result<Arc<Event>, RevisionError> {
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            // The sender lives in `shared`, which this watch holds, so it cannot be gone.
            let _ = self.wake.changed().await;
        }
    }

    /// The next event if there is one by now.
    ///
    /// # Errors
    /// As of [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Arc<Event>>, RevisionError> {
        if self.ahead.is_empty() {
            self.read_ahead()?;
        }
        let event = self.ahead.pop_front();
        if let Some(event) = &event {
            self.delivered = event.revision();
        }
        Ok(event)
    }

    /// The revision up to which everything was handed out, for a bookmark. It keeps up with the store even when
    /// nothing happens to the watched resource.
    pub fn progress(&mut self) -> u64 {
        if self.ahead.is_empty() {
            // An expired log is reported by the next read.
            let _ = self.read_ahead();
        }
        self.delivered
    }

    fn read_ahead(&mut self) -> Result<(), RevisionError> {
        // Seen before reading: what is published after the read wakes the next wait.
        self.wake.mark_unchanged();
        let published = self.shared.published.read();
        let events = published.after(self.resource.as_deref(), self.delivered)?;
        self.ahead.extend(events.take(READ_AHEAD_MAX).cloned());
        if self.ahead.is_empty() {
            self.delivered = published.revision();
        }
        Ok(())
    }
}
