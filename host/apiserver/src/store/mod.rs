//! The durable, watchable store of one API server: objects as bytes, one global revision, one writer.
//!
//! Everything is held in memory and every change is on disk before anybody sees it. A write goes through one
//! thread, which drains its queue, checks each compare-and-swap, assigns revisions, makes *one* durable commit for
//! all of them, and only then publishes to readers and watchers and acknowledges. So no revision that was ever
//! visible can be taken back by a power cut.
//!
//! - [`Store`] opens a directory, reads, and writes.
//! - [`Snapshot`] is one resource at one revision, in O(1), for lists.
//! - [`Watch`] is a cursor over the shared log of recent events; the log survives a restart.
//!
//! What an object *means* (generation, finalizers, no-op detection, admission) does not belong here.

mod directory;
mod disk;
mod feed;
mod handle;
mod map;
mod object;
mod record;
mod snapshot;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use directory::OpenError;
pub use handle::{Options, Store};
pub use object::{Change, Event, Expect, Key, Labels, MalformedObject, Op, Stored};
pub use snapshot::Snapshot;
pub use watch::{RevisionError, Watch};
pub use writer::WriteError;
