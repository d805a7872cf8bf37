//! What the scheduling loop has to look at: sets of names, so that a thousand events about one object are one look.
//! Bounded by the number of objects there are.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::index::Key;

/// All that has changed since the loop last looked.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Bindings whose spec or metadata has changed, and those that are gone.
    pub(super) bindings: HashSet<Key>,
    /// Bindings whose aggregated status has changed.
    pub(super) statuses: HashSet<Key>,
    /// Clusters whose object has changed, and those that are gone.
    pub(super) clusters: HashSet<String>,
    /// Clusters whose room has changed.
    pub(super) rooms: HashSet<String>,
}

/// Where listeners put what has changed.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    changes: Mutex<Changes>,
    wake: Notify,
}

impl Intake {
    pub(crate) fn binding(&self, key: Key) {
        self.add(|changes| changes.bindings.insert(key));
    }

    pub(crate) fn status(&self, key: Key) {
        self.add(|changes| changes.statuses.insert(key));
    }

    pub(crate) fn cluster(&self, name: &str) {
        self.add(|changes| changes.clusters.insert(name.to_owned()));
    }

    pub(crate) fn room(&self, name: &str) {
        self.add(|changes| changes.rooms.insert(name.to_owned()));
    }

    /// Takes all changes.
    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut *self.changes.lock())
    }

    /// Waits until there is something to take.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    fn add(&self, add: impl FnOnce(&mut Changes) -> bool) {
        if add(&mut self.changes.lock()) {
            self.wake.notify_one();
        }
    }
}
