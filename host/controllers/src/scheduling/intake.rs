//! What the scheduling loop has to look at: sets of names, so that a thousand events about one object are one look.
//! Bounded by the number of objects there are.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::index::Key;

/// All that has changed since the loop last looked.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Bindings that have changed, and those that are gone.
    pub(super) bindings: HashSet<Key>,
    /// Clusters whose object or room has changed, and those that are gone.
    pub(super) clusters: HashSet<String>,
    /// Namespaces in which quotas have changed.
    pub(super) quotas: HashSet<String>,
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

    pub(crate) fn cluster(&self, name: &str) {
        self.add(|changes| changes.clusters.insert(name.to_owned()));
    }

    pub(crate) fn quota(&self, namespace: &str) {
        self.add(|changes| changes.quotas.insert(namespace.to_owned()));
    }

    /// Takes all changes; `None`: there is none.
    pub(super) fn take(&self) -> Option<Changes> {
        let mut changes = self.changes.lock();
        let Changes { bindings, clusters, quotas } = &*changes;
        if bindings.is_empty() && clusters.is_empty() && quotas.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut *changes))
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
