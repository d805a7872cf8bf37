//! What the member is like: nodes of many kinds, pods on them, quotas.

use anyhow::Context;
use serde_json::{Value, json};

use crate::apiserver::Random;
use crate::karmada::objects::{apply, apply_status, get, merge};

/// Namespaces that questions are asked about; what is in each is in [`quotas`].
pub(super) const NAMESPACES: [&str; 4] = ["open", "cores", "cores-and-memory", "high"];
/// Those of differences that are named, and of workloads whose pods wait.
pub(super) const NAMED: [&str; 4] = ["counted-pods", "not-best-effort", "both-scopes", "waiting"];
/// A Deployment, by its namespace and name, of which so many pods wait for a node.
pub(super) const WAITING: (&str, &str) = ("waiting", "web");
pub(super) const WAITING_PODS: i64 = 4;
const NODES: usize = 10;
const PODS: usize = 40;

pub(super) async fn fill(client: &kube::Client, seed: u64) -> anyhow::Result<()> {
    let mut random = Random::new(seed);
    for name in NAMESPACES.into_iter().chain(NAMED).chain(["karmada-system"]) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply(client, &namespace).await?;
    }
    for index in 0..NODES {
        node(client, &mut random, index).await.with_context(|| format!("node {index}"))?;
    }
    for index in 0..PODS {
        pod(client, &mut random, index).await.with_context(|| format!("pod {index}"))?;
    }
    for quota in quotas() {
        apply(client, &quota).await?;
        apply_status(client, &quota).await?;
    }
    waiting(client).await.context("pods that wait")
}

async fn node(client: &kube::Client, random: &mut Random, index: usize) -> anyhow::Result<()> {
    let name = format!("n{index:02}");
    let mut taints = Vec::new();
    if random.chance(30) {
        taints.push(
            json!({"key": "gpu", "value": "yes", "effect": *random.pick(&["NoSchedule", "NoExecute"])}),
        );
    }
    if random.chance(20) {
        taints.push(json!({"key": "soft", "effect": "PreferNoSchedule"}));
    }
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {
            "disk": *random.pick(&["ssd", "hdd"]), "rack": *random.pick(&["r1", "r2", "r3"]),
            "size": *random.pick(&["1", "5", "9"])}},
        "spec": {"unschedulable": random.chance(20)}});
    apply(client, &node).await?;
    // Admission has added a taint that a controller would remove.
    let taints =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": taints}});
    merge(client, &taints).await?;
    let mut room = json!({"cpu": *random.pick(&["2", "3500m", "8", "16"]),
        "memory": *random.pick(&["4Gi", "10Gi", "32Gi"]), "ephemeral-storage": "20Gi",
        "pods": *random.pick(&["4", "9", "30"])});
    if random.chance(30) {
        room["nvidia.com/gpu"] = json!(*random.pick(&["1", "4"]));
    }
    let status = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {
        "capacity": room, "allocatable": room,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}]}});
    apply_status(client, &status).await
}

async fn pod(client: &kube::Client, random: &mut Random, index: usize) -> anyhow::Result<()> {
    let name = format!("p{index:02}");
    let container = |random: &mut Random, name: &str| {
        let mut requests = json!({});
        if random.chance(80) {
            requests["cpu"] = json!(*random.pick(&["50m", "250m", "1"]));
        }
        if random.chance(60) {
            requests["memory"] = json!(*random.pick(&["64Mi", "500M", "2Gi"]));
        }
        json!({"name": name, "image": "example.com/c:1", "resources": {"requests": requests}})
    };
    let mut spec = json!({"containers": [container(random, "a"), container(random, "b")]});
    if random.chance(30) {
        spec["initContainers"] = json!([container(random, "i")]);
    }
    if random.chance(85) {
        spec["nodeName"] = json!(format!("n{:02}", random.below(NODES)));
    }
    let namespace = *random.pick(&NAMESPACES);
    let phase = *random.pick(&["Pending", "Running", "Running", "Running", "Succeeded", "Failed"]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name},
        "spec": spec, "status": {"phase": phase}});
    apply(client, &pod).await?;
    apply_status(client, &pod).await
}

fn quotas() -> Vec<Value> {
    let quota = |namespace: &str, hard: Value, used: Value, scope: Value| {
        let mut spec = json!({"hard": hard});
        if let Some(scope) = scope.as_object() {
            spec.as_object_mut().expect("it is one").extend(scope.clone());
        }
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"namespace": namespace, "name": "q"},
            "spec": spec, "status": {"hard": hard, "used": used}})
    };
    let high = json!({"scopeSelector": {"matchExpressions": [
        {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}});
    vec![
        quota("cores", json!({"requests.cpu": "6"}), json!({"requests.cpu": "2"}), Value::Null),
        quota(
            "cores-and-memory",
            json!({"cpu": "10", "requests.memory": "9Gi", "limits.cpu": "1", "requests.nvidia.com/gpu": "2"}),
            json!({"cpu": "500m", "requests.memory": "1Gi", "limits.cpu": "1", "requests.nvidia.com/gpu": "0"}),
            Value::Null,
        ),
        quota("high", json!({"requests.cpu": "3"}), json!({"requests.cpu": "0"}), high.clone()),
        quota("counted-pods", json!({"pods": "3"}), json!({"pods": "1"}), Value::Null),
        quota(
            "not-best-effort",
            json!({"requests.cpu": "3"}),
            json!({"requests.cpu": "0"}),
            json!({"scopes": ["NotBestEffort"]}),
        ),
        quota("both-scopes", json!({"requests.cpu": "3"}), json!({"requests.cpu": "0"}), {
            let mut both = high;
            both["scopes"] = json!(["Terminating"]);
            both
        }),
    ]
}

/// A Deployment and a StatefulSet, three pods of each of which have long waited for a node, and one not so long.
async fn waiting(client: &kube::Client) -> anyhow::Result<()> {
    let template = json!({"metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}});
    let spec = json!({"replicas": 4, "selector": {"matchLabels": {"app": "a"}}, "template": template});
    let meta = |name: &str| json!({"namespace": "waiting", "name": name, "labels": {"app": "a"}});
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("web"), "spec": spec.clone()});
    apply(client, &deployment).await?;
    let mut set =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("web-1"), "spec": spec});
    set["metadata"]["ownerReferences"] = owner(client, "Deployment", "web").await?;
    apply(client, &set).await?;
    let mut stateful = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"namespace": "waiting", "name": "db"},
        "spec": {"replicas": 4, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}});
    stateful["spec"]["template"]["metadata"]["labels"]["app"] = json!("db");
    apply(client, &stateful).await?;
    let now = jiff::Timestamp::now().to_string();
    for (kind, name, label) in [("ReplicaSet", "web-1", "a"), ("StatefulSet", "db", "db")] {
        let owners = owner(client, kind, name).await?;
        for (index, since) in ["2026-01-01T00:00:00Z"; 3].into_iter().chain([now.as_str()]).enumerate() {
            let pod = json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"namespace": "waiting", "name": format!("{name}-{index}"), "labels": {"app": label},
                    "ownerReferences": owners},
                "spec": template["spec"],
                "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "lastTransitionTime": since}]}});
            apply(client, &pod).await?;
            apply_status(client, &pod).await?;
        }
    }
    Ok(())
}

async fn owner(client: &kube::Client, kind: &str, name: &str) -> anyhow::Result<Value> {
    let object = get(client, "apps/v1", kind, "waiting", name).await?;
    Ok(json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": object["metadata"]["uid"],
        "controller": true}]))
}
