//! What has finished goes when it has been kept for as long as it asked to be: `spec.ttlSecondsAfterFinished`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::driver::{Plan, Planner};
use super::observed::Observed;
use super::request::{ApiRequest, Propagation};
use crate::store::{Change, Key, Store, Stored};

/// The one resource of Kubernetes' own that can ask for it.
const RESOURCE: &str = "batch/jobs";

/// Keys are those of objects that run to an end.
pub(super) struct FinishedTtl {
    store: Arc<Store>,
}

impl FinishedTtl {
    pub(super) fn new(store: Arc<Store>) -> Self {
        FinishedTtl { store }
    }
}

impl Planner for FinishedTtl {
    type Key = Key;
    const NAME: &'static str = "finished objects' time to live";

    fn observe(&mut self, change: Change, object: &Stored, keys: &mut Vec<Key>) {
        if change != Change::Deleted && &*object.key.resource == RESOURCE {
            keys.push(object.key.clone());
        }
    }

    fn restart(&mut self, _: &mut Vec<Key>) {}

    fn plan(&self, key: &Key, now: Timestamp) -> Plan {
        let Some(stored) = self.store.get(key) else { return Plan::Nothing };
        let object: Value = serde_json::from_slice(&stored.json).unwrap_or_default();
        let seen = Observed::of(&stored);
        let ttl = object.pointer("/spec/ttlSecondsAfterFinished").and_then(Value::as_u64);
        let (Some(ttl), Some(finished), false) = (ttl, finished_at(&object), seen.is_being_deleted()) else {
            return Plan::Nothing;
        };
        // A clock that went back keeps it no longer than one that finished just now.
        let kept = now.duration_since(finished).try_into().unwrap_or_default();
        match Duration::from_secs(ttl).checked_sub(kept).filter(|left| !left.is_zero()) {
            Some(left) => Plan::Later(left),
            None => Plan::Requests(vec![ApiRequest::delete(&stored, &seen, Propagation::Foreground, true)]),
        }
    }
}

/// When it was said to be complete, or to have failed.
fn finished_at(object: &Value) -> Option<Timestamp> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| {
        matches!(condition["type"].as_str(), Some("Complete" | "Failed")) && condition["status"] == "True"
    })?;
    condition["lastTransitionTime"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{Op, Options};

    async fn plan(spec: Value, conditions: Value, seconds_later: i64) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), Options::default()).unwrap());
        let finished: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"uid": "u"}, "spec": spec,
            "status": {"conditions": conditions}});
        let key = Key::new(RESOURCE, "ns", "a");
        let stored = store.write(vec![Op::create(key.clone(), object)]).await.unwrap();
        let mut chore = FinishedTtl::new(store);
        let mut keys = Vec::new();
        chore.observe(Change::Added, &stored[0].object, &mut keys);
        assert_eq!(keys, [key]);
        chore.plan(&keys[0], finished + jiff::SignedDuration::from_secs(seconds_later))
    }

    #[tokio::test]
    async fn what_has_finished_goes_when_its_time_is_over() {
        let condition = |kind: &str, status: &str| {
            json!([{"type": "SuccessCriteriaMet", "status": "True"},
                {"type": kind, "status": status, "lastTransitionTime": "2026-01-01T12:00:00Z"}])
        };
        let ttl = json!({"ttlSecondsAfterFinished": 100});
        assert_eq!(
            plan(ttl.clone(), condition("Complete", "True"), 40).await,
            Plan::Later(Duration::from_secs(60))
        );
        for kind in ["Complete", "Failed"] {
            let Plan::Requests(requests) = plan(ttl.clone(), condition(kind, "True"), 100).await else {
                panic!("{kind}")
            };
            assert_eq!(
                (requests[0].method.as_str(), &*requests[0].path),
                ("DELETE", "/apis/batch/v1/namespaces/ns/jobs/a")
            );
        }
        assert_eq!(plan(ttl.clone(), condition("Complete", "False"), 200).await, Plan::Nothing);
        assert_eq!(plan(ttl, json!([]), 200).await, Plan::Nothing);
        assert_eq!(plan(json!({}), condition("Complete", "True"), 200).await, Plan::Nothing);
    }
}
