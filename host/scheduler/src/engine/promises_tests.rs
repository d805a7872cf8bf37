use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::snapshot::ClusterState;
use crate::testing::cluster;

fn binding(replicas: i32, clusters: Value, health: Option<&str>) -> Binding {
    let items = health.map(|health| vec![json!({"clusterName": "m1", "health": health})]);
    serde_json::from_value(json!({"metadata": {"namespace": "n", "name": "a"},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "n", "name": "a"},
            "replicas": replicas, "clusters": clusters, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}},
        "status": {"aggregatedStatus": items.unwrap_or_default()}}))
    .unwrap()
}

fn placed(binding: &Binding) -> Placed<'_> {
    Placed { binding, components: &binding.spec.components }
}

fn on(replicas: i32) -> Value {
    json!([{"name": "m1", "replicas": replicas}])
}

fn targets(replicas: i32) -> Vec<TargetCluster> {
    vec![TargetCluster { name: "m1".to_owned(), replicas }]
}

fn world() -> (Promises, Snapshot, Key) {
    let state: ClusterState = cluster("m1").cpu("100").into();
    (Promises::default(), Snapshot::new([Arc::new(state)]), Key::new("n", "a"))
}

fn promised(snapshot: &Snapshot) -> i64 {
    let promises = &snapshot.get("m1").unwrap().promises;
    promises.iter().flat_map(|promise| &promise.needs).map(|need| need.replicas).sum()
}

const START: Duration = Duration::ZERO;

#[test]
fn a_promise_holds_until_the_workload_is_up() {
    let (mut promises, mut snapshot, key) = world();
    let unplaced = binding(3, json!([]), None);
    promises.decided(&mut snapshot, &key, placed(&unplaced), &targets(3), START);
    assert_eq!(promised(&snapshot), 3);
    let there = binding(3, on(3), None);
    assert!(
        promises
            .follow(&mut snapshot, &key, Before::Known(placed(&unplaced)), placed(&there), START)
            .is_empty()
    );
    assert!(promises.settled(&mut snapshot, &key, START).is_empty());
    let unhealthy = binding(3, on(3), Some("Unhealthy"));
    promises.follow(&mut snapshot, &key, Before::Known(placed(&there)), placed(&unhealthy), START);
    assert_eq!(promised(&snapshot), 3);
    let healthy = binding(3, on(3), Some("Healthy"));
    assert_eq!(
        promises.follow(&mut snapshot, &key, Before::Known(placed(&unhealthy)), placed(&healthy), START),
        ["m1"]
    );
    assert_eq!(promised(&snapshot), 0);
}

#[test]
fn only_what_is_more_is_promised_and_old_news_do_not_end_it() {
    let (mut promises, mut snapshot, key) = world();
    let two = binding(3, on(2), Some("Healthy"));
    promises.decided(&mut snapshot, &key, placed(&two), &targets(3), START);
    assert_eq!(promised(&snapshot), 1);
    let three = binding(3, on(3), Some("Healthy"));
    promises.follow(&mut snapshot, &key, Before::Known(placed(&two)), placed(&three), START);
    promises.settled(&mut snapshot, &key, START);
    promises.follow(&mut snapshot, &key, Before::Known(placed(&three)), placed(&three), START);
    assert_eq!(promised(&snapshot), 1);
    let left = binding(3, json!([]), Some("Healthy"));
    assert_eq!(
        promises.follow(&mut snapshot, &key, Before::Known(placed(&three)), placed(&left), START),
        ["m1"]
    );
    assert_eq!(promised(&snapshot), 0);
}

#[test]
fn where_room_is_summed_up_a_promise_ends_with_the_report_that_shows_it() {
    let (mut promises, mut snapshot, key) = world();
    snapshot.put(cluster("m1").summary(&[("cpu", "9")]).into());
    let there = binding(3, on(3), None);
    promises.follow(&mut snapshot, &key, Before::LongSince, placed(&there), START);
    let healthy = binding(3, on(3), Some("Healthy"));
    promises.follow(&mut snapshot, &key, Before::Known(placed(&there)), placed(&healthy), START);
    assert_eq!(promised(&snapshot), 3);
    promises.reported(&mut snapshot, "another", START);
    assert_eq!(promised(&snapshot), 3);
    promises.reported(&mut snapshot, "m1", START);
    assert_eq!(promised(&snapshot), 0);
}

#[test]
fn a_promise_that_nobody_takes_up_expires() {
    let (mut promises, mut snapshot, key) = world();
    let there = binding(3, on(3), None);
    promises.follow(&mut snapshot, &key, Before::LongSince, placed(&there), START);
    assert_eq!((promised(&snapshot), promises.next_at()), (3, Some(PROMISE_MAX)));
    assert!(promises.expire(&mut snapshot, PROMISE_MAX / 2).is_empty());
    assert_eq!(promises.expire(&mut snapshot, PROMISE_MAX), ["m1"]);
    assert_eq!((promised(&snapshot), promises.next_at()), (0, None));
}

#[test]
fn equal_workloads_are_one_promise_and_each_is_taken_back_alone() {
    let (mut promises, mut snapshot, _) = world();
    let keys: Vec<Key> = (0..100).map(|index| Key::new("n", &index.to_string())).collect();
    let unplaced = binding(3, json!([]), None);
    for key in &keys {
        promises.decided(&mut snapshot, key, placed(&unplaced), &targets(3), START);
    }
    assert_eq!((snapshot.get("m1").unwrap().promises.len(), promised(&snapshot)), (1, 300));
    promises.revoke(&mut snapshot, &keys[0], START);
    assert_eq!(promised(&snapshot), 297);
}

#[test]
fn a_cluster_that_comes_back_has_not_forgotten_its_promises() {
    let (mut promises, mut snapshot, key) = world();
    promises.follow(&mut snapshot, &key, Before::LongSince, placed(&binding(3, on(3), None)), START);
    let state: ClusterState = cluster("m1").into();
    snapshot.put(state);
    promises.restore(&mut snapshot, "m1");
    assert_eq!(promised(&snapshot), 3);
}
