//! A Deployment whose replicas are divided by what members have room for, as several tests need it, and the moment when
//! it can be.

use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::json;
use windlass_test_probe::{api, until, wait_for};

use crate::raw::send;

const JSON: &str = "application/json";

/// The policy and the Deployment, both called `web`, of 4 replicas.
pub(crate) const WORKLOAD: &str = "
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

/// The control plane's Clusters, once these are open to workloads, and the scheduler has heard of it. That their room is
/// known is not enough: the taint that kept workloads from a member which was not ready goes a moment later.
pub(crate) async fn open_members(client: &Client, names: &[&str]) -> Api<DynamicObject> {
    let clusters = api(client, "cluster.karmada.io/v1alpha1", "Cluster", "");
    for name in names {
        wait_for(&clusters, name, "open to workloads", |cluster| {
            cluster["status"]["resourceSummary"]["allocatable"]["cpu"].is_string()
                && cluster["spec"]["taints"].as_array().is_none_or(Vec::is_empty)
        })
        .await;
    }
    let anything = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "any", "namespace": "default"},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "any"},
            "replicas": 1, "placement": {}}});
    let would_go =
        || async { send(client, "POST", "/scheduler/dry-run", JSON, anything.to_string()).await.json() };
    until("the scheduler to know of open members", would_go, |report| {
        let targets = report["explanation"]["decision"]["clusters"].as_array();
        names.iter().all(|name| targets.is_some_and(|all| all.iter().any(|target| target["name"] == *name)))
    })
    .await;
    clusters
}
