//! The bindings that their quota keeps from being scheduled: they are looked at again as soon as there may be room.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use windlass_api::conditions::{SCHEDULED, scheduled};

use crate::index::{Binding, Change, Key};

/// The bindings that wait, by namespace.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    namespaces: Mutex<HashMap<String, HashSet<Key>>>,
}

impl Waiting {
    /// Takes note of a binding as it is now.
    pub(super) fn note(&self, change: &Change<Binding>) {
        let key = Key::of(&change.object().metadata);
        let waits = matches!(change, Change::Applied { new, .. } if waits(new));
        let mut namespaces = self.namespaces.lock();
        if waits {
            namespaces.entry(key.namespace.clone()).or_default().insert(key);
        } else if let Some(waiting) = namespaces.get_mut(&key.namespace) {
            waiting.remove(&key);
            if waiting.is_empty() {
                namespaces.remove(&key.namespace);
            }
        }
    }

    /// Those of a namespace.
    pub(super) fn of(&self, namespace: &str) -> Vec<Key> {
        self.namespaces.lock().get(namespace).into_iter().flatten().cloned().collect()
    }
}

fn waits(binding: &Binding) -> bool {
    let conditions = binding.status.iter().flat_map(|status| &status.conditions);
    let mut scheduled = conditions.filter(|condition| condition.type_ == SCHEDULED);
    scheduled.any(|condition| condition.status == "False" && condition.reason == scheduled::QUOTA_EXCEEDED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Priority;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_binding_waits_from_its_refusal_to_its_end_or_success() {
        let binding = |reason: &str| -> Arc<Binding> {
            Arc::new(
                serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "shop"},
                "spec": {"resource": {"apiVersion": "v1", "kind": "A", "name": "a"}},
                "status": {"conditions": [{"type": "Scheduled", "status": "False", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}))
                .unwrap(),
            )
        };
        let seen =
            |reason: &str| Change::Applied { old: None, new: binding(reason), priority: Priority::Fresh };
        let waiting = Waiting::default();
        waiting.note(&seen("QuotaExceeded"));
        assert_eq!(waiting.of("shop"), [Key::new("shop", "a")]);
        waiting.note(&seen("Unschedulable"));
        assert!(waiting.of("shop").is_empty());
        waiting.note(&seen("QuotaExceeded"));
        waiting.note(&Change::Deleted { old: binding("QuotaExceeded") });
        assert!(waiting.namespaces.lock().is_empty());
    }
}
