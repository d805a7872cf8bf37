//! Replicas that their member can't place any more go where there is room.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use windlass_test_probe::{api, apply, until, wait_for};

const MEMBERS: &str = "members:
  - {name: member1, nodes: [{count: 1, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
  - {name: member2, nodes: [{count: 1, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
";

const WORKLOAD: &str = "
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web, namespace: default}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]
  placement:
    replicaScheduling: {replicaSchedulingType: Divided, replicaDivisionPreference: Weighted,
      weightPreference: {dynamicWeight: AvailableReplicas}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx, resources: {requests: {cpu: 100m}}}]}
";

fn replicas(binding: &Value, cluster: &str) -> i64 {
    let clusters = binding["spec"]["clusters"].as_array().into_iter().flatten();
    clusters.filter(|target| target["name"] == cluster).filter_map(|target| target["replicas"].as_i64()).sum()
}

#[tokio::test]
async fn replicas_that_find_no_place_for_too_long_are_dealt_out_anew() {
    let flags = ["--descheduling-interval", "200ms", "--unschedulable-threshold", "1s"];
    let control_plane = ControlPlane::start(MEMBERS, &flags).await;
    let client = control_plane.client().await;
    let clusters = api(&client, "cluster.karmada.io/v1alpha1", "Cluster", "");
    for name in ["member1", "member2"] {
        wait_for(&clusters, name, "resources are known", |cluster| {
            cluster["status"]["resourceSummary"]["allocatable"]["cpu"].is_string()
        })
        .await;
    }
    apply(&client, WORKLOAD).await;
    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let deployments = api(&client, "apps/v1", "Deployment", "default");
    wait_for(&deployments, "web", "ready", |found| found["status"]["readyReplicas"] == 4).await;
    let placed = serde_json::to_value(bindings.get("web-deployment").await.unwrap()).unwrap();
    let (from, to) =
        if replicas(&placed, "member1") > 0 { ("member1", "member2") } else { ("member2", "member1") };

    // The member's only node takes no pods any more, and those that it had are gone.
    let member = control_plane.member(from).await;
    let nodes = api(&member, "v1", "Node", "");
    for node in nodes.list(&ListParams::default()).await.unwrap() {
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        nodes.patch(node.metadata.name.as_deref().unwrap(), &PatchParams::default(), &cordon).await.unwrap();
    }
    let pods = api(&member, "v1", "Pod", "default");
    for pod in pods.list(&ListParams::default().labels("app=web")).await.unwrap() {
        pods.delete(pod.metadata.name.as_deref().unwrap(), &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
    }

    let moved = wait_for(&bindings, "web-deployment", "moved", |binding| replicas(binding, to) == 4).await;
    assert_eq!(replicas(&moved, from), 0);
    wait_for(&deployments, "web", "ready again", |found| found["status"]["readyReplicas"] == 4).await;
    let events = api(&client, "events.k8s.io/v1", "Event", "default");
    until(
        "an event that says so",
        || async { events.list(&ListParams::default()).await.unwrap().items },
        |events| {
            events.iter().any(|event| {
                let note = event.data["note"].as_str().unwrap_or_default();
                event.data["reason"] == "DescheduleBindingSucceed"
                    && note.contains(&format!("from cluster {from}"))
            })
        },
    )
    .await;
}
