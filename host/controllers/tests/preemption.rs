//! A binding of higher priority takes room from a lower one, which comes back with its state.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "each test file uses some of it")]
mod harness;

use harness::{Fleet, condition, deployment, eventually};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

/// CPUs of each member's node, and what each job takes.
const CPUS: i32 = 4;

/// A policy for one Deployment, divided by room; what its pods report is carried along as a label.
fn policy(name: &str, priority: Option<&str>) -> Value {
    let mut policy = json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name}],
            "placement": {"replicaScheduling":
                {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}},
            "failover": {"application": {"decisionConditions": {}, "purgeMode": "Directly",
                "statePreservation": {"rules": [{"aliasLabelName": "ready", "jsonPath": "{.readyReplicas}"}]}}}}});
    if let Some(class) = priority {
        policy["spec"]["schedulePriority"] = json!({"priorityClassSource": "KubePriorityClass",
            "priorityClassName": class, "preemption": "PreemptLowerPriority"});
    }
    policy
}

/// Where a Deployment's binding is placed.
async fn home(fleet: &Fleet, name: &str) -> Option<(usize, Value)> {
    let binding = fleet.binding(&format!("{name}-deployment")).await?;
    let cluster = binding.pointer("/spec/clusters/0/name")?.as_str()?.to_owned();
    let member = cluster.strip_prefix("member")?.parse::<usize>().ok()? - 1;
    Some((member, binding))
}

/// Its pods are up in the member that it is placed on, and its binding says so.
async fn come_up(fleet: &Fleet, name: &str) -> usize {
    let (member, _) = eventually("it is placed", || home(fleet, name)).await;
    let client = &fleet.members[member];
    eventually("its Deployment is there", || fleet.get(client, "apps/v1", "Deployment", "default", name))
        .await;
    fleet.occupy(client, name, CPUS).await;
    let status = Patch::Merge(json!({"status": {"replicas": CPUS, "readyReplicas": CPUS}}));
    let deployments = fleet.api(client, "apps/v1", "Deployment", "default");
    deployments.patch_status(name, &PatchParams::default(), &status).await.unwrap();
    eventually("its binding says that it is up", || async {
        let (_, binding) = home(fleet, name).await?;
        let items = binding.pointer("/status/aggregatedStatus")?.as_array()?;
        items.iter().any(|item| item["health"] == "Healthy").then_some(())
    })
    .await;
    member
}

/// The events about a binding, by their reasons.
async fn events(fleet: &Fleet, binding: &str) -> Vec<String> {
    let events = fleet.api(&fleet.control, "events.k8s.io/v1", "Event", "default");
    let events = events.list(&Default::default()).await.unwrap();
    let of = events.items.iter().filter(|event| event.data["regarding"]["name"] == binding);
    of.filter_map(|event| Some(event.data["reason"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lower_leaves_waits_and_comes_back_with_its_state() {
    let fleet = Fleet::start(2).await;
    for member in &fleet.members {
        fleet.set_room(member, &CPUS.to_string()).await;
    }
    for (class, value) in [("middle", 10), ("high", 1000)] {
        let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": class}, "value": value});
        fleet.create(&fleet.control, class).await;
    }
    fleet.create(&fleet.control, policy("low", None)).await;
    fleet.create(&fleet.control, policy("middle", Some("middle"))).await;
    fleet.create(&fleet.control, policy("high", Some("high"))).await;
    for name in ["low", "middle"] {
        fleet.create(&fleet.control, deployment(name, CPUS)).await;
        come_up(&fleet, name).await;
    }
    let (left, _) = home(&fleet, "low").await.unwrap();
    let client = &fleet.members[left];

    fleet.create(&fleet.control, deployment("high", CPUS)).await;
    let low = eventually("the lower one has left, and says for whom", || async {
        let binding = fleet.binding("low-deployment").await?;
        let (status, reason, message) = condition(&binding, "Scheduled")?;
        let says = message.contains("preempted by default/high-deployment (priority 1000)");
        (status == "False" && reason == "Preempted" && says).then_some(binding)
    })
    .await;
    let task = &low["spec"]["gracefulEvictionTasks"][0];
    assert_eq!(
        (&task["purgeMode"], &task["preservedLabelState"]),
        (&json!("Directly"), &json!({"ready": "4"}))
    );
    eventually("the higher one says for whom it waits", || async {
        let (_, _, message) = condition(&fleet.binding("high-deployment").await?, "Scheduled")?;
        message.contains("waits for default/low-deployment").then_some(())
    })
    .await;
    eventually("both have events of it", || async {
        let preempted = events(&fleet, "low-deployment").await.contains(&"Preempted".to_owned());
        let preempting = events(&fleet, "high-deployment").await.contains(&"Preempting".to_owned());
        (preempted && preempting).then_some(())
    })
    .await;
    eventually("its Deployment is gone from the member", || async {
        let gone = fleet.get(client, "apps/v1", "Deployment", "default", "low").await.is_none();
        gone.then_some(())
    })
    .await;
    // Its pods were the last thing that held the room.
    let pods = fleet.api(client, "v1", "Pod", "default");
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    for index in 0..CPUS {
        pods.delete(&format!("low-{index}"), &now).await.unwrap();
    }
    assert_eq!(come_up(&fleet, "high").await, left, "the higher one has the room of the lower one");
    assert!(home(&fleet, "middle").await.is_some(), "nobody else had to leave");
    let (_, reason, _) = condition(&fleet.binding("low-deployment").await.unwrap(), "Scheduled").unwrap();
    assert_eq!(reason, "Preempted");

    fleet.set_room(client, &(2 * CPUS).to_string()).await;
    let back = come_up(&fleet, "low").await;
    assert_eq!(back, left, "it may return to where it had to leave");
    let label = || async {
        let deployment = fleet.get(client, "apps/v1", "Deployment", "default", "low").await?;
        deployment.pointer("/metadata/labels/ready").cloned()
    };
    assert_eq!(eventually("it has its state", label).await, "4");
    eventually("it carries nothing any more once it is well", || async {
        let (_, binding) = home(&fleet, "low").await?;
        binding["spec"].get("gracefulEvictionTasks").is_none().then_some(())
    })
    .await;
    assert_eq!(label().await.unwrap(), "4", "what it was started with stays");
}
