//! A Deployment over three members, by each way of dividing its replicas.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::divided::open_members;
use windlass_test_probe::{api, apply, wait_for};

const MEMBERS: &str = "members:
  - {name: member1, nodes: [{count: 1, allocatable: {cpu: '1', memory: 8Gi, pods: '110'}}]}
  - {name: member2, nodes: [{count: 2, allocatable: {cpu: '1', memory: 8Gi, pods: '110'}}]}
  - {name: member3, nodes: [{count: 2, allocatable: {cpu: '1', memory: 8Gi, pods: '110'}}]}
";

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx, resources: {requests: {cpu: 100m}}}]}
";

/// Applies the Deployment with this replicaScheduling, and gives each member's share of its 10 replicas.
async fn check(scheduling: &str, want: &[(&str, i64)], want_total: i64) {
    let control_plane = ControlPlane::start(MEMBERS, &[]).await;
    let client = control_plane.client().await;
    let policy = format!(
        "{{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {{name: web, namespace: default}},
           spec: {{resourceSelectors: [{{apiVersion: apps/v1, kind: Deployment}}],
                   placement: {{replicaScheduling: {scheduling}}}}}}}"
    );
    apply(&client, &policy).await;
    // Dynamic weights need to know what is available.
    open_members(&client, &["member1", "member2", "member3"]).await;
    apply(&client, DEPLOYMENT).await;

    let want: BTreeMap<String, i64> = want.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let deployments = api(&client, "apps/v1", "Deployment", "default");
    let template = wait_for(&deployments, "web", "ready everywhere", |deployment| {
        deployment["status"]["readyReplicas"] == want_total
    })
    .await;
    assert_eq!(template["status"]["observedGeneration"], template["metadata"]["generation"]);

    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let binding = wait_for(&bindings, "web-deployment", "status drawn together", |binding| {
        binding["status"]["aggregatedStatus"].as_array().is_some_and(|items| {
            items.len() == want.len() && items.iter().all(|item| item["health"] == "Healthy")
        })
    })
    .await;
    let got: BTreeMap<String, i64> = binding["spec"]["clusters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|cluster| {
            (cluster["name"].as_str().unwrap().to_owned(), cluster["replicas"].as_i64().unwrap_or(0))
        })
        .collect();
    assert_eq!(got, want);
    for (name, replicas) in &want {
        let member = api(&control_plane.member(name).await, "apps/v1", "Deployment", "default");
        let found: Value = serde_json::to_value(member.get("web").await.unwrap()).unwrap();
        assert_eq!(found["spec"]["replicas"], *replicas, "in {name}");
    }
}

#[tokio::test]
async fn duplicated_replicas_run_in_full_everywhere() {
    check("{replicaSchedulingType: Duplicated}", &[("member1", 10), ("member2", 10), ("member3", 10)], 30)
        .await;
}

#[tokio::test]
async fn static_weights_divide_by_webster() {
    let weights = "{replicaSchedulingType: Divided, replicaDivisionPreference: Weighted, weightPreference: {staticWeightList: [
        {targetCluster: {clusterNames: [member1]}, weight: 1},
        {targetCluster: {clusterNames: [member2]}, weight: 2},
        {targetCluster: {clusterNames: [member3]}, weight: 2}]}}";
    check(weights, &[("member1", 2), ("member2", 4), ("member3", 4)], 10).await;
}

#[tokio::test]
async fn dynamic_weights_divide_by_what_is_available() {
    let weights = "{replicaSchedulingType: Divided, replicaDivisionPreference: Weighted,
        weightPreference: {dynamicWeight: AvailableReplicas}}";
    check(weights, &[("member1", 2), ("member2", 4), ("member3", 4)], 10).await;
}
