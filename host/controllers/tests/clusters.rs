//! What is told of clusters and quotas, through the API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses some of it")]
mod harness;

use harness::{Fleet, condition, eventually};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

const CLUSTER: &str = "cluster.karmada.io/v1alpha1";

async fn cluster(fleet: &Fleet, name: &str) -> Option<Value> {
    fleet.get(&fleet.control, CLUSTER, "Cluster", "", name).await
}

fn taints(cluster: &Value) -> Vec<&str> {
    let taints = cluster.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    taints.filter_map(|taint| taint["key"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_tells_its_room_and_what_it_serves() {
    let fleet = Fleet::start(1).await;
    let member = &fleet.members[0];
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
        "spec": {"nodeName": "node", "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}]}});
    fleet.create(member, pod).await;
    let seen = eventually("the pod's request is counted", || async {
        let cluster = cluster(&fleet, "member1").await?;
        let summary = cluster.pointer("/status/resourceSummary")?;
        (summary["allocated"]["cpu"] == "2").then(|| cluster.clone())
    })
    .await;
    assert_eq!(seen["status"]["resourceSummary"]["allocatable"]["cpu"], "100");
    assert_eq!(seen["status"]["nodeSummary"], json!({"totalNum": 1, "readyNum": 1}));
    assert!(seen["status"]["kubernetesVersion"].as_str().unwrap().starts_with('v'));
    assert_eq!(condition(&seen, "CompleteAPIEnablements").unwrap().0, "True");
    assert!(taints(&seen).is_empty());
    assert_eq!(seen["metadata"]["finalizers"], json!(["karmada.io/cluster-controller"]));

    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gangs.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Gang", "plural": "gangs"}, "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    fleet.create(member, definition).await;
    eventually("the new kind is listed", || async {
        let cluster = cluster(&fleet, "member1").await?;
        let enablements = cluster.pointer("/status/apiEnablements")?.as_array()?.clone();
        enablements.iter().any(|one| one["groupVersion"] == "example.com/v1").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_be_reached_is_tainted_and_holds_up_no_other() {
    let fleet = Fleet::start(1).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lost", "namespace": "default"},
        "stringData": {"token": "t"}});
    fleet.create(&fleet.control, secret).await;
    let lost = json!({"apiVersion": CLUSTER, "kind": "Cluster", "metadata": {"name": "lost"}, "spec": {"syncMode": "Push",
        "apiEndpoint": "https://127.0.0.1:1", "secretRef": {"namespace": "default", "name": "lost"}}});
    fleet.create(&fleet.control, lost).await;
    eventually("it is said to be unreachable, and tainted", || async {
        let cluster = cluster(&fleet, "lost").await?;
        let (status, reason, _) = condition(&cluster, "Ready")?;
        let told = status == "False" && reason == "ClusterNotReachable";
        (told && taints(&cluster) == ["cluster.karmada.io/not-ready"]).then_some(())
    })
    .await;
    let other = cluster(&fleet, "member1").await.unwrap();
    assert_eq!(condition(&other, "Ready").unwrap().0, "True");

    let namespace = || fleet.get(&fleet.control, "v1", "Namespace", "", "karmada-es-lost");
    eventually("it has its namespace for Works", namespace).await;
    let clusters = fleet.api(&fleet.control, CLUSTER, "Cluster", "");
    clusters.delete("lost", &DeleteParams::default()).await.unwrap();
    eventually("it leaves, and its namespace with it", || async {
        (cluster(&fleet, "lost").await.is_none() && namespace().await.is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_tells_what_the_namespace_uses_over_all_clusters() {
    let fleet = Fleet::start(1).await;
    let quota = json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "FederatedResourceQuota",
        "metadata": {"name": "q", "namespace": "default"}, "spec": {"overall": {"cpu": "10", "memory": "10Gi"}}});
    fleet.create(&fleet.control, quota).await;
    let used = || async {
        let quota =
            fleet.get(&fleet.control, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default", "q");
        quota.await?.pointer("/status/overallUsed").cloned()
    };
    let component = |name: &str, cpu: &str, memory: &str| json!({"name": name, "replicas": 1, "replicaRequirements": {"resourceRequest": {"cpu": cpu, "memory": memory}}});
    let binding = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "flink", "namespace": "default"}, "spec": {
            "resource": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": "flink"},
            // Nobody's but this test's: no scheduler of ours moves it.
            "schedulerName": "none", "clusters": [{"name": "member1"}],
            "components": [component("jobmanager", "1", "1.024"), component("taskmanager", "2", "2.048")]}});
    fleet.create(&fleet.control, binding).await;
    eventually("the components are counted", || async {
        (used().await? == json!({"cpu": "3", "memory": "3072m"})).then_some(())
    })
    .await;
    let bindings = fleet.api(&fleet.control, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let nowhere = Patch::Merge(json!({"spec": {"clusters": []}}));
    bindings.patch("flink", &PatchParams::default(), &nowhere).await.unwrap();
    eventually("what isn't placed uses nothing", || async {
        let quota =
            fleet.get(&fleet.control, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default", "q");
        let status = quota.await?.get("status").cloned()?;
        status.get("overallUsed").is_none_or(|used| used == &json!({})).then_some(())
    })
    .await;
}
