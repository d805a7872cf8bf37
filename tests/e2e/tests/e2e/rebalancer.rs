//! A WorkloadRebalancer has what was placed long ago placed anew.

use std::time::SystemTime;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::divided::{WORKLOAD, open_members};
use windlass_test_probe::{api, apply, until, wait_for};

const MEMBERS: &str = "members:
  - {name: member1, nodes: [{count: 2, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
  - {name: member2, nodes: [{count: 2, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
";

const REBALANCER: &str = "
apiVersion: apps.karmada.io/v1alpha1
kind: WorkloadRebalancer
metadata: {name: now}
spec:
  workloads:
    - {apiVersion: apps/v1, kind: Deployment, namespace: default, name: web}
    - {apiVersion: apps/v1, kind: Deployment, namespace: default, name: ghost}
";

fn seconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn clusters(binding: &Value) -> usize {
    binding["spec"]["clusters"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_divided_deployment_is_spread_anew() {
    let control_plane = ControlPlane::start(MEMBERS, &[]).await;
    let client = control_plane.client().await;
    let members = open_members(&client, &["member1", "member2"]).await;
    let taint = async |taints: Value| {
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        members.patch("member2", &PatchParams::default(), &patch).await.unwrap();
    };
    taint(json!([{"key": "closed", "effect": "NoSchedule"}])).await;
    apply(&client, WORKLOAD).await;
    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let is_settled =
        |binding: &Value| clusters(binding) == 1 && binding["status"]["lastScheduledTime"].is_string();
    wait_for(&bindings, "web-deployment", "placed in one member", is_settled).await;
    taint(json!(null)).await;

    // Times have whole seconds: a rebalancer counts that is of a later one than the last decision.
    let settled = seconds();
    until("the next second", || std::future::ready(seconds()), |now| *now > settled).await;
    apply(&client, REBALANCER).await;
    wait_for(&bindings, "web-deployment", "spread anew", |binding| clusters(binding) == 2).await;
    let rebalancers = api(&client, "apps.karmada.io/v1alpha1", "WorkloadRebalancer", "");
    let finished =
        wait_for(&rebalancers, "now", "finished", |found| found["status"]["finishTime"].is_string()).await;
    let observed = &finished["status"]["observedWorkloads"];
    assert_eq!(observed[0]["workload"]["name"], "ghost");
    assert_eq!(
        (&observed[0]["result"], &observed[0]["reason"]),
        (&json!("Failed"), &json!("ReferencedBindingNotFound"))
    );
    assert_eq!(
        (&observed[1]["workload"]["name"], &observed[1]["result"]),
        (&json!("web"), &json!("Successful"))
    );
    let binding = serde_json::to_value(bindings.get("web-deployment").await.unwrap()).unwrap();
    assert_eq!(binding["spec"]["rescheduleTriggeredAt"], finished["metadata"]["creationTimestamp"]);

    let over = Patch::Merge(json!({"spec": {"ttlSecondsAfterFinished": 0}}));
    rebalancers.patch("now", &PatchParams::default(), &over).await.unwrap();
    until("the rebalancer to go", || async { rebalancers.get_opt("now").await.unwrap() }, Option::is_none)
        .await;
}
