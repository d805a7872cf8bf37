//! The suspension hook holds bindings; releasing them goes by priority.

use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::control_plane::ControlPlane;
use windlass_test_probe::{PATIENCE, api, apply, condition, has_condition, wait_for};

const MEMBERS: &str = "members: [{name: member1}]";

fn config_map(name: &str, priority_class: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: default, labels: {{app: {name}}}}}}}
---
{{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {{name: {name}, namespace: default}},
  spec: {{resourceSelectors: [{{apiVersion: v1, kind: ConfigMap, name: {name}}}], placement: {{}},
          schedulePriority: {{priorityClassSource: KubePriorityClass, priorityClassName: {priority_class}}}}}}}
"
    )
}

#[tokio::test]
async fn held_bindings_are_released_in_priority_order() {
    let settings = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        settings.path(),
        "suspension: {namespaces: [default], kinds: [{apiVersion: v1, kind: ConfigMap}]}",
    )
    .unwrap();
    let control_plane =
        ControlPlane::start(MEMBERS, &["--plugin-settings", settings.path().to_str().unwrap()]).await;
    let client = control_plane.client().await;
    for (name, value) in [("low", 1), ("high", 1_000_000)] {
        apply(
            &client,
            &format!("{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: {name}}}, value: {value}}}"),
        )
        .await;
    }
    apply(&client, &config_map("b", "low")).await;
    apply(&client, &config_map("a", "high")).await;

    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    for name in ["b", "a"] {
        let held = wait_for(&bindings, &format!("{name}-configmap"), "held", |binding| {
            binding["spec"]["suspension"]["scheduling"] == true
                && has_condition(binding, "Scheduled", "False")
        })
        .await;
        assert_eq!(held["spec"].get("clusters"), None, "a held binding is not scheduled");
    }

    // With nowhere to go, both wait in the scheduler's queue: B was released first.
    let clusters = api(&client, "cluster.karmada.io/v1alpha1", "Cluster", "");
    let taint = async |taints: serde_json::Value| {
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        clusters.patch("member1", &PatchParams::default(), &patch).await.unwrap();
    };
    taint(json!([{"key": "closed", "effect": "NoSchedule"}])).await;
    for name in ["b-configmap", "a-configmap"] {
        let release = Patch::Merge(json!({"spec": {"suspension": {"scheduling": false}}}));
        bindings.patch(name, &PatchParams::default(), &release).await.unwrap();
        wait_for(&bindings, name, "refused by the only cluster", |binding| {
            condition(binding, "Scheduled").is_some_and(|found| found["reason"] == "NoClusterFit")
        })
        .await;
    }

    let version = bindings.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = std::pin::pin!(bindings.watch(&WatchParams::default(), &version).await.unwrap());
    taint(json!(null)).await;
    let mut order = Vec::new();
    while order.len() < 2 {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("an event in time");
        let Some(Ok(WatchEvent::Modified(binding))) = event else { panic!("the watch broke: {event:?}") };
        let name = binding.name_any();
        if binding.data["spec"]["clusters"][0]["name"] == "member1" && !order.contains(&name) {
            order.push(name);
        }
    }
    assert_eq!(order, ["a-configmap", "b-configmap"], "A has priority 1000000, B has 1");
}
