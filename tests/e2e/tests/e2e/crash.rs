//! `kill -9` under load: what was acknowledged is there after the restart, whole, and watches go on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::control_plane::ControlPlane;
use windlass_test_probe::until;

const ROUNDS: usize = 5;
const WRITERS: usize = 8;
/// Acknowledged writes after which the process is killed, while more are under way.
const WRITES_A_ROUND: usize = 150;

/// What each object was last acknowledged to hold: its counter, and its copy.
type Acknowledged = Mutex<BTreeMap<String, u64>>;

#[tokio::test]
async fn every_acknowledged_write_survives_kill_9() {
    let mut control_plane = ControlPlane::start("members: []", &[]).await;
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let objects: Api<ConfigMap> = Api::namespaced(control_plane.client().await, "default");
        let before = objects.list_metadata(&ListParams::default().limit(1)).await.unwrap();
        let version = before.metadata.resource_version.unwrap();

        let writers = (0..WRITERS).map(|writer| write(&objects, &acknowledged, round, writer));
        let writers = futures::future::join_all(writers);
        let enough = acknowledged.lock().unwrap().len() + WRITES_A_ROUND;
        let killer = async {
            let count = || async { acknowledged.lock().unwrap().len() };
            until("enough acknowledged writes", count, |count| *count >= enough).await;
            control_plane.crash_and_restart().await;
        };
        // The writers end when the server does: the first refused write ends each.
        futures::join!(writers, killer);

        let objects: Api<ConfigMap> = Api::namespaced(control_plane.client().await, "default");
        let written = acknowledged.lock().unwrap().clone();
        check_stored(&objects, &written).await;
        check_watch(&objects, &version, &written, round).await;
    }
}

/// Creates objects and counts each of them up, noting what is acknowledged, until a request fails.
async fn write(objects: &Api<ConfigMap>, acknowledged: &Acknowledged, round: usize, writer: usize) {
    for index in 0.. {
        let name = format!("round-{round}-writer-{writer}-{index}");
        let object = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"count": "0", "copy": "0", "filler": "x".repeat(1_000)}
        }))
        .unwrap();
        if objects.create(&PostParams::default(), &object).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().insert(name.clone(), 0);
        let patch = json!({"data": {"count": "1", "copy": "1"}});
        if objects.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().insert(name, 1);
    }
}

async fn check_stored(objects: &Api<ConfigMap>, acknowledged: &BTreeMap<String, u64>) {
    let stored: BTreeMap<String, ConfigMap> = objects
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|object| (object.name_any(), object))
        .collect();
    for (name, count) in acknowledged {
        let data = stored
            .get(name)
            .unwrap_or_else(|| panic!("{name} was acknowledged and is gone"))
            .data
            .as_ref()
            .unwrap();
        let found: u64 = data["count"].parse().unwrap();
        assert!(found >= *count, "{name} was acknowledged at {count} and is at {found}");
        assert_eq!(data["count"], data["copy"], "{name} holds half a write");
    }
}

/// A watch from before the round resumes over the restart, and tells of everything since.
async fn check_watch(
    objects: &Api<ConfigMap>,
    version: &str,
    acknowledged: &BTreeMap<String, u64>,
    round: usize,
) {
    let prefix = format!("round-{round}-");
    let mut missing: Vec<&String> = acknowledged.keys().filter(|name| name.starts_with(&prefix)).collect();
    let mut events = objects.watch(&WatchParams::default().timeout(60), version).await.unwrap().boxed();
    while !missing.is_empty() {
        let event = tokio::time::timeout(Duration::from_secs(30), events.next().map(Option::unwrap))
            .await
            .unwrap()
            .unwrap();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                missing.retain(|name| **name != object.name_any());
            }
            WatchEvent::Bookmark(_) => {}
            other => panic!("{other:?} in a watch from {version}"),
        }
    }
}
