//! The same bindings in the same order, on the embedded server and on kube-apiserver with etcd: `windlass scheduler` says
//! the same of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::workloads::{cluster, cluster_status};
use crate::karmada::control_plane::until;
use crate::karmada::objects::{apply, apply_status, list};
use crate::servers::{Durability, Embedded, Kubernetes, Process, Programs};

const PATIENCE: Duration = Duration::from_secs(60);
const CLUSTERS: [(&str, &str); 4] = [("m1", "4"), ("m2", "8"), ("m3", "16"), ("m4", "0")];

pub(super) async fn run(programs: &Programs, windlass: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let kubernetes = Kubernetes::start(programs, Durability::Waived).await?;
    let kubeconfig = kubernetes.write_kubeconfig(folder.path())?;
    let theirs = outcomes(&kubernetes.client, &kubeconfig, windlass, folder.path(), "windlass-on-kubernetes");
    let theirs = theirs.await.context("on kube-apiserver")?;
    drop(kubernetes);

    let embedded = Embedded::open().await?;
    let network = embedded.serve().await?;
    let kubeconfig = folder.path().join("embedded.kubeconfig");
    std::fs::write(&kubeconfig, network.kubeconfig()).context("a kubeconfig")?;
    let ours = outcomes(&embedded.client, &kubeconfig, windlass, folder.path(), "windlass-on-embedded");
    let ours = ours.await.context("on the embedded server")?;
    network.stop().await?;
    embedded.shutdown().await;

    for (name, theirs) in &theirs {
        let ours = ours.get(name).with_context(|| format!("{name} is missing on the embedded server"))?;
        ensure!(ours == theirs, "{name}: {theirs} on kube-apiserver, {ours} on the embedded server");
    }
    let placed = theirs.values().filter(|outcome| outcome["clusters"].is_array()).count();
    ensure!(placed > 10 && placed < theirs.len(), "{placed} of {} are placed", theirs.len());
    println!("{} bindings, of which {placed} are placed", theirs.len());
    Ok(())
}

/// What the scheduler says of each binding.
async fn outcomes(
    client: &kube::Client,
    kubeconfig: &Path,
    windlass: &Path,
    folder: &Path,
    name: &'static str,
) -> anyhow::Result<BTreeMap<String, Value>> {
    for definition in windlass_api::crds() {
        let definition = serde_json::to_value(definition)?;
        until(PATIENCE, "definitions", async || apply(client, &definition).await).await?;
    }
    for (cluster_name, cpu) in CLUSTERS {
        until(PATIENCE, "clusters are served", async || apply(client, &cluster(cluster_name)).await).await?;
        apply_status(client, &cluster_status(cluster_name, cpu)).await?;
    }
    let bindings = bindings();
    for binding in &bindings {
        until(PATIENCE, "bindings are served", async || apply(client, binding).await).await?;
    }
    let arguments = [
        "scheduler".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--metrics-bind-address=0".to_owned(),
        "--health-probe-bind-address=0".to_owned(),
    ];
    let scheduler = Process::start(name, windlass, &arguments, folder)?;
    let outcome = until(PATIENCE, "every binding has been looked at", async || {
        let bindings = list(client, "work.karmada.io/v1alpha2", "ResourceBinding", "default").await?;
        bindings.iter().map(outcome).collect()
    })
    .await;
    outcome.with_context(|| scheduler.last_words().1)
}

fn outcome(binding: &Value) -> anyhow::Result<(String, Value)> {
    let name = binding["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let status = &binding["status"];
    ensure!(status["schedulerObservedGeneration"] == binding["metadata"]["generation"], "{name}: {status}");
    let conditions: Vec<Value> = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| {
            json!([condition["type"], condition["status"], condition["reason"], condition["message"]])
        })
        .collect();
    Ok((name, json!({"clusters": binding["spec"]["clusters"], "conditions": conditions})))
}

/// Every strategy with every spread and several sizes, in an order of priority, so that who comes first is the same.
fn bindings() -> Vec<Value> {
    let divided = |preference: &str, weights: Value| {
        let mut scheduling =
            json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
        if !weights.is_null() {
            scheduling["weightPreference"] = weights;
        }
        scheduling
    };
    let strategies = [
        json!({"replicaSchedulingType": "Duplicated"}),
        divided("Aggregated", Value::Null),
        divided("Weighted", Value::Null),
        divided("Weighted", json!({"dynamicWeight": "AvailableReplicas"})),
    ];
    let spread = |field: &str, min: u32, max: u32| json!([{"spreadByField": field, "minGroups": min, "maxGroups": max}]);
    let spreads = [
        json!([]),
        spread("cluster", 1, 1),
        spread("cluster", 2, 3),
        spread("region", 2, 2),
        spread("cluster", 5, 5),
    ];
    let mut bindings = Vec::new();
    for strategy in &strategies {
        for spread in &spreads {
            for (replicas, cpu) in [(3, "100m"), (5, "2"), (40, "1")] {
                let number = bindings.len();
                let name = format!("b{number}");
                let placement = json!({"replicaScheduling": strategy, "spreadConstraints": spread});
                bindings.push(json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
                    "metadata": {"namespace": "default", "name": name,
                        "labels": {"propagationpolicy.karmada.io/permanent-id": "p"}},
                    "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default",
                            "name": name, "uid": format!("uid-{number}")},
                        "replicas": replicas, "replicaRequirements": {"resourceRequest": {"cpu": cpu}},
                        "schedulePriority": {"priority": 1000 - number}, "placement": placement}}));
            }
        }
    }
    bindings
}
