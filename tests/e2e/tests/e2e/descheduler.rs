//! Replicas that their member can't place any more go where there is room.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::divided::{WORKLOAD, open_members};
use windlass_test_probe::{api, apply, until, wait_for};

const MEMBERS: &str = "members:
  - {name: member1, nodes: [{count: 1, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
  - {name: member2, nodes: [{count: 1, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
";

fn replicas(binding: &Value, cluster: &str) -> i64 {
    let clusters = binding["spec"]["clusters"].as_array().into_iter().flatten();
    clusters.filter(|target| target["name"] == cluster).filter_map(|target| target["replicas"].as_i64()).sum()
}

#[tokio::test]
async fn replicas_that_find_no_place_are_dealt_out_anew() {
    let flags = ["--descheduling-interval", "200ms", "--unschedulable-threshold", "0s"];
    let control_plane = ControlPlane::start(MEMBERS, &flags).await;
    let client = control_plane.client().await;
    open_members(&client, &["member1", "member2"]).await;
    apply(&client, WORKLOAD).await;
    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let deployments = api(&client, "apps/v1", "Deployment", "default");
    wait_for(&deployments, "web", "ready", |found| found["status"]["readyReplicas"] == 4).await;
    let placed = serde_json::to_value(bindings.get("web-deployment").await.unwrap()).unwrap();
    let (from, to) = ("member1", "member2");
    assert_eq!((replicas(&placed, from), replicas(&placed, to)), (2, 2), "no pod has waited for a node");

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
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = client.request_text(request).await.unwrap();
    let taken = metrics.lines().find_map(|line| line.strip_prefix("windlass_descheduler_replicas_total "));
    assert_eq!(taken, Some("2"), "{metrics}");
    let counted = "karmada_scheduler_schedule_attempts_total{result=\"scheduled\"";
    assert!(metrics.contains(counted), "{metrics}");
}
