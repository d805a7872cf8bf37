//! What the scheduling loop does with bindings, through the API.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "each test file uses some of it")]
mod harness;

use futures::TryStreamExt;
use harness::{Fleet, Order, condition, deployment, eventually, policy};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

fn one_cluster() -> Value {
    json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]})
}

fn flink(name: &str) -> Value {
    json!({"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"jobManager": {"replicas": 1, "resource": {"cpu": 1, "memory": "1024m"}},
            "taskManager": {"replicas": 2, "resource": {"cpu": 2, "memory": "2048m"}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_fits_nowhere_says_why_and_is_placed_when_there_is_room() {
    let fleet = Fleet::start(2).await;
    for member in &fleet.members {
        fleet.set_room(member, "4").await;
    }
    fleet
        .create(&fleet.control, policy("p", "flink.apache.org/v1beta1", "FlinkDeployment", one_cluster()))
        .await;
    fleet.create(&fleet.control, flink("flink-example")).await;
    let binding = eventually("the binding is refused", || async {
        let binding = fleet.binding("flink-example-flinkdeployment").await?;
        condition(&binding, "Scheduled").is_some().then_some(binding)
    })
    .await;
    let (status, reason, message) = condition(&binding, "Scheduled").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Unschedulable"));
    assert!(message.contains("member1") && message.contains("member2"), "{message}");
    assert_eq!(binding["spec"]["components"].as_array().unwrap().len(), 2);
    fleet.set_room(&fleet.members[1], "8").await;
    let binding = eventually("it is placed", || async {
        let binding = fleet.binding("flink-example-flinkdeployment").await?;
        binding["spec"]["clusters"].as_array().is_some_and(|clusters| !clusters.is_empty()).then_some(binding)
    })
    .await;
    assert_eq!(binding["spec"]["clusters"][0]["name"], "member2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_binding_waits_and_goes_on_when_released() {
    let fleet = Fleet::start(1).await;
    let held = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "held", "namespace": "default"},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "held"},
            "schedulerName": "default-scheduler", "placement": {}, "suspension": {"scheduling": true}}});
    fleet.create(&fleet.control, held).await;
    let (status, reason, _) = eventually("the binding says that it is held", || async {
        condition(&fleet.binding("held").await?, "Scheduled")
    })
    .await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Suspended"));
    let bindings = fleet.api(&fleet.control, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let release = Patch::Merge(json!({"spec": {"suspension": {"scheduling": false}}}));
    bindings.patch("held", &PatchParams::default(), &release).await.unwrap();
    eventually("it is scheduled", || async {
        (condition(&fleet.binding("held").await?, "Scheduled")?.0 == "True").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_of_another_scheduler_is_left_alone() {
    let fleet = Fleet::start(1).await;
    let mut theirs = policy("p", "apps/v1", "Deployment", json!({}));
    theirs["spec"]["schedulerName"] = json!("another");
    fleet.create(&fleet.control, theirs).await;
    fleet.create(&fleet.control, deployment("theirs", 1)).await;
    eventually("there is a binding", || fleet.binding("theirs-deployment")).await;
    let binding = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "ours", "namespace": "default"},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "ours"},
            "placement": {}}});
    fleet.create(&fleet.control, binding).await;
    eventually("ours, which came later, is scheduled", || async {
        condition(&fleet.binding("ours").await?, "Scheduled")
    })
    .await;
    let theirs = fleet.binding("theirs-deployment").await.unwrap();
    assert!(theirs["spec"].get("clusters").is_none() && condition(&theirs, "Scheduled").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_priority_goes_first_whatever_came_first() {
    let mut fleet = Fleet::start(1).await;
    fleet.stop().await;
    let binding = |name: String, priority: i32| {
        json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": name},
                "placement": {}, "schedulePriority": {"priority": priority}}})
    };
    for index in 0..40 {
        fleet.create(&fleet.control, binding(format!("low-{index}"), 1)).await;
    }
    fleet.create(&fleet.control, binding("high".to_owned(), 1_000_000)).await;
    let (order, api) = (
        Order::default(),
        fleet.api(&fleet.control, "work.karmada.io/v1alpha2", "ResourceBinding", "default"),
    );
    let log = order.clone();
    let watching = tokio::spawn(async move {
        let events = watcher(api, watcher::Config::default()).applied_objects();
        let mut seen = std::collections::HashSet::new();
        events
            .try_for_each(|binding: DynamicObject| {
                let name = binding.metadata.name.unwrap_or_default();
                if binding.data.pointer("/spec/clusters").is_some() && seen.insert(name.clone()) {
                    log.push(name);
                }
                futures::future::ready(Ok(()))
            })
            .await
    });
    fleet.run();
    let mut names = Vec::new();
    eventually("all are scheduled", || {
        names.extend(order.take());
        let done = names.len() == 41;
        async move { done.then_some(()) }
    })
    .await;
    watching.abort();
    let place = names.iter().position(|name| name == "high").unwrap();
    assert!(place < 16, "only those whose writes were under way went before: {place}");
}
