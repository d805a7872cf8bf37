//! The store as its users see it.

mod crash;
mod failing_disk;
mod opening;
mod watching;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Event, Expect, Key, Op, Options, RevisionError, Store, Watch, WriteError};

const PODS: &str = "/pods";

fn pod(name: &str) -> Key {
    Key::new(PODS, "ns", name)
}

fn value(name: &str, content: impl Into<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ns"}, "spec": content.into()})
}

fn create(name: &str, content: impl Into<Value>) -> Op {
    Op::create(pod(name), value(name, content))
}

fn put(name: &str, content: impl Into<Value>) -> Op {
    Op { key: pod(name), expect: Expect::Anything, value: Some(value(name, content)) }
}

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), Options::default()).unwrap()
}

fn short_log(events: usize) -> Options {
    Options { log_events_max: events, ..Options::default() }
}

async fn write(store: &Store, op: Op) -> Arc<Event> {
    store.write(vec![op]).await.unwrap().remove(0)
}

/// The next events of a watch: what happened, to which object, at which revision.
async fn follow(watch: &mut Watch, count: usize) -> Vec<(super::Change, String, u64)> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let next = tokio::time::timeout(Duration::from_secs(20), watch.next());
        let event = next.await.expect("an event is due").unwrap();
        seen.push((event.change, event.object.key.name.to_string(), event.revision()));
    }
    seen
}

fn spec(store: &Store, name: &str) -> Option<Value> {
    let object = store.get(&pod(name))?;
    let mut parsed: Value = serde_json::from_slice(&object.json).unwrap();
    assert_eq!(parsed["metadata"]["resourceVersion"], object.revision.to_string());
    Some(parsed["spec"].take())
}
