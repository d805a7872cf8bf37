//! Events go an hour after they were last written.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::driver::{Plan, Planner};
use super::observed::Observed;
use super::request::{ApiRequest, Propagation};
use crate::store::{Change, Key, Store, Stored};

/// Both of the groups that have events store them here.
const EVENTS: &str = "/events";
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The places that tell when an event was last written.
const TIMES: [&str; 4] =
    ["/metadata/creationTimestamp", "/eventTime", "/lastTimestamp", "/series/lastObservedTime"];

/// Keys are those of events.
pub(super) struct EventExpiry {
    store: Arc<Store>,
}

impl EventExpiry {
    pub(super) fn new(store: Arc<Store>) -> Self {
        EventExpiry { store }
    }
}

impl Planner for EventExpiry {
    type Key = Key;
    const NAME: &'static str = "event expiry";

    fn observe(&mut self, change: Change, object: &Stored, keys: &mut Vec<Key>) {
        // An update moves the end; the look at the old one finds that out.
        if change == Change::Added && &*object.key.resource == EVENTS {
            keys.push(object.key.clone());
        }
    }

    fn restart(&mut self, _: &mut Vec<Key>) {}

    fn plan(&self, key: &Key, now: Timestamp) -> Plan {
        let Some(event) = self.store.get(key) else { return Plan::Nothing };
        let value: Value = serde_json::from_slice(&event.json).unwrap_or_default();
        let times =
            TIMES.iter().filter_map(|place| value.pointer(place)?.as_str()?.parse::<Timestamp>().ok());
        // One that tells no time has lived long enough when it has been seen.
        let age = times.max().map_or(LIFETIME, |at| now.duration_since(at).try_into().unwrap_or_default());
        match LIFETIME.checked_sub(age).filter(|left| !left.is_zero()) {
            Some(left) => Plan::Later(left),
            None => {
                let seen = Observed::of(&event);
                Plan::Requests(vec![ApiRequest::delete(&event, &seen, Propagation::Background, true)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{Op, Options};

    /// What is planned for an event with these times, in minutes ago.
    async fn plan(times: &[(&str, i64)]) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), Options::default()).unwrap());
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let mut event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"uid": "u"}, "series": {}});
        for (place, minutes) in times {
            let at = now - jiff::SignedDuration::from_mins(*minutes);
            let (parent, name) = place.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap()[name] = at.to_string().into();
        }
        let key = Key::new("/events", "ns", "e");
        let stored = store.write(vec![Op::create(key.clone(), event)]).await.unwrap();
        let mut expiry = EventExpiry::new(store);
        let mut keys = Vec::new();
        expiry.observe(Change::Added, &stored[0].object, &mut keys);
        assert_eq!(keys, [key]);
        expiry.plan(&keys[0], now)
    }

    #[tokio::test]
    async fn an_event_goes_an_hour_after_it_was_last_written() {
        let minutes = |minutes: u64| Plan::Later(Duration::from_secs(minutes * 60));
        assert_eq!(plan(&[("/metadata/creationTimestamp", 10)]).await, minutes(50));
        assert_eq!(plan(&[("/metadata/creationTimestamp", 90), ("/lastTimestamp", 1)]).await, minutes(59));
        assert_eq!(plan(&[("/eventTime", 90), ("/series/lastObservedTime", 2)]).await, minutes(58));
        // A clock that went back keeps it no longer than a new one.
        assert_eq!(plan(&[("/metadata/creationTimestamp", -10)]).await, minutes(60));
        for times in [&[("/metadata/creationTimestamp", 60)][..], &[]] {
            let Plan::Requests(requests) = plan(times).await else { panic!("{times:?}") };
            assert_eq!(requests.len(), 1);
            assert_eq!(
                (requests[0].method.as_str(), &*requests[0].path),
                ("DELETE", "/api/v1/namespaces/ns/events/e")
            );
            assert_eq!(requests[0].body["preconditions"], json!({"uid": "u", "resourceVersion": "2"}));
        }
    }
}
