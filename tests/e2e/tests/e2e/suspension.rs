//! The suspension hook holds bindings; releasing them goes by priority.

use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::objects::{api, apply, has_condition, wait_for};
use crate::wait;

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
    for (name, value) in [("low", 1), ("high", 1_000_000), ("urgent", 2_000_000)] {
        apply(
            &client,
            &format!("{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: {name}}}, value: {value}}}"),
        )
        .await;
    }
    // Enough others to keep the scheduler busy while the two that matter are released.
    let busy: Vec<String> = (0..200).map(|index| format!("busy-{index}")).collect();
    for name in &busy {
        apply(&client, &config_map(name, "urgent")).await;
    }
    apply(&client, &config_map("b", "low")).await;
    apply(&client, &config_map("a", "high")).await;

    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let names: Vec<String> = busy.iter().cloned().chain(["b".to_owned(), "a".to_owned()]).collect();
    for name in &names {
        let held = wait_for(&bindings, &format!("{name}-configmap"), "held", |binding| {
            binding["spec"]["suspension"]["scheduling"] == true
                && has_condition(binding, "Scheduled", "False")
        })
        .await;
        assert_eq!(held["spec"].get("clusters"), None, "a held binding is not scheduled");
    }

    let version = bindings.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = std::pin::pin!(bindings.watch(&WatchParams::default(), &version).await.unwrap());
    // The others are more urgent than either, and go first: B and A meet in the queue.
    let release = async |name: String| {
        let released = json!({"spec": {"suspension": {"scheduling": false}}});
        let patch = Patch::Merge(&released);
        bindings.patch(&format!("{name}-configmap"), &PatchParams::default(), &patch).await.unwrap();
    };
    let (_, order) = futures::join!(futures::future::join_all(names.into_iter().map(release)), async {
        let mut order = Vec::new();
        while order.len() < 2 {
            let event = tokio::time::timeout(wait::PATIENCE, events.next()).await.expect("an event in time");
            let Some(Ok(WatchEvent::Modified(binding))) = event else { panic!("the watch broke: {event:?}") };
            let name = binding.name_any();
            let ours = name == "a-configmap" || name == "b-configmap";
            if ours && binding.data["spec"]["clusters"][0]["name"] == "member1" && !order.contains(&name) {
                order.push(name);
            }
        }
        order
    });
    assert_eq!(order, ["a-configmap", "b-configmap"], "A has priority 1000000, B has 1");
}
