//! A data directory that is not as it was left, and a disk that is full.

use std::fs;

use kube::api::{ListParams, PostParams};
use serde_json::json;
use windlass_test_probe::{api, apply, until};

use crate::control_plane::ControlPlane;
use crate::raw::{get, send};

const KEPT: &str =
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: default}, data: {a: b}}";

#[tokio::test]
async fn damaged_data_is_named_and_left_as_it_is() {
    let mut control_plane = ControlPlane::start("members: [{name: member1}]", &[]).await;
    apply(&control_plane.client().await, KEPT).await;
    assert!(control_plane.stop().await, "SIGTERM ends it cleanly");

    for store in ["data/control-plane/store/store.redb", "data/members/member1/store/store.redb"] {
        let file = control_plane.path(store);
        let good = fs::read(&file).unwrap();
        for bad in [b"nonsense".to_vec(), Vec::new(), good[..good.len() / 2].to_vec()] {
            fs::write(&file, &bad).unwrap();
            let error = control_plane.fails_to_start();
            assert!(error.contains(store.rsplit_once("data/").unwrap().1), "{error}");
            assert!(error.contains("restore it from a backup"), "{error}");
            assert_eq!(fs::read(&file).unwrap(), bad, "what is there is not overwritten");
        }
        fs::remove_file(&file).unwrap();
        let error = control_plane.fails_to_start();
        assert!(error.contains("store.redb"), "{error}");
        assert!(!file.exists(), "no fresh start in silence");
        fs::write(&file, &good).unwrap();
    }
    control_plane.start_again().await;
    let kept = api(&control_plane.client().await, "v1", "ConfigMap", "default");
    assert!(kept.get_opt("kept").await.unwrap().is_some());
}

/// More than everything needs at a start, the compiled plugins included.
const SMALL_DISK_BYTES: u64 = 16 << 20;

#[tokio::test]
async fn on_a_full_disk_writes_are_refused_and_reads_go_on() {
    let mut control_plane = ControlPlane::start_on_small_disk("members: []", SMALL_DISK_BYTES).await;
    let client = control_plane.client().await;
    let objects = api(&client, "v1", "ConfigMap", "default");
    let mut acknowledged = Vec::new();
    let refused = loop {
        let name = format!("large-{}", acknowledged.len());
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"filler": "x".repeat(900_000)}});
        match objects.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await {
            Ok(_) => acknowledged.push(name),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 100, "the limit was never reached");
    };
    let kube::Error::Api(status) = refused else { panic!("no Status: {refused}") };
    assert!((500..600).contains(&status.code), "{status:?}");
    assert!(!acknowledged.is_empty());

    let answer = send(
        &client,
        "POST",
        "/api/v1/namespaces/default/configmaps",
        "application/json",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "x".repeat(900_000)}})
            .to_string(),
    )
    .await;
    assert!((500..600).contains(&answer.code), "{}", answer.text);
    assert_eq!(answer.json()["kind"], "Status", "{}", answer.text);
    for name in &acknowledged {
        assert_eq!(get(&client, &format!("/api/v1/namespaces/default/configmaps/{name}")).await.code, 200);
    }

    // With more space, and a restart, all is there and can be written to again.
    control_plane.crash_and_restart().await;
    let client = control_plane.client().await;
    let objects = api(&client, "v1", "ConfigMap", "default");
    let listed = objects.list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = listed.items.iter().filter_map(|object| object.metadata.name.clone()).collect();
    assert!(acknowledged.iter().all(|name| names.contains(name)), "{names:?}");
    until(
        "writes to be accepted",
        || async {
            objects
                .delete("large-0", &Default::default())
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        },
        Result::is_ok,
    )
    .await
    .unwrap();
}
