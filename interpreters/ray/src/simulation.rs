//! The status that Ray's operator would report of a cluster whose pods do like this.

use windlass_sdk::json::Numeric;
use windlass_sdk::kubernetes::{Metadata, pod_resources};
use windlass_sdk::quantity::{Notation, Quantity};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Pods};

use crate::pods::{ClusterSpec, HEAD};

impl ClusterSpec<'_> {
    /// How many of the pods are ready, the head's among them.
    pub(crate) fn ready_pods(&self, pods: Pods<'_>) -> u32 {
        self.ready_workers(pods).saturating_add(pods.of(HEAD).ready)
    }

    fn ready_workers(&self, pods: Pods<'_>) -> u32 {
        let groups = self.worker_group_specs.iter().enumerate();
        groups.fold(0, |sum, (index, group)| sum.saturating_add(pods.of(&group.name(index)).ready))
    }

    fn desired_workers(&self, pods: Pods<'_>) -> u32 {
        let groups = self.worker_group_specs.iter().enumerate();
        groups.fold(0, |sum, (index, group)| sum.saturating_add(pods.of(&group.name(index)).desired))
    }
}

/// Whether the head and all workers are ready.
pub(crate) fn components_ready(cluster: &ClusterSpec<'_>, pods: Pods<'_>) -> bool {
    pods.of(HEAD).all_ready() && cluster.ready_workers(pods) >= cluster.desired_workers(pods)
}

/// Times are the simulated cluster's to fill in.
pub(crate) fn cluster_status(
    metadata: &Metadata<'_>,
    cluster: &ClusterSpec<'_>,
    pods: Pods<'_>,
) -> Answer<Value> {
    let name = &metadata.name;
    let condition = |kind: &str, holds: bool, reasons: [&str; 2]| {
        let (status, reason) = if holds { ("True", reasons[0]) } else { ("False", reasons[1]) };
        json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": null})
    };
    let groups = || cluster.worker_group_specs.iter();
    let (cpu, memory) = requested(cluster, pods);
    let ready = components_ready(cluster, pods);
    let mut status = json!({
        "conditions": [
            condition("HeadPodReady", pods.of(HEAD).all_ready(), ["HeadPodRunningAndReady", "ContainersNotReady"]),
            condition("RayClusterProvisioned", ready,
                ["AllPodRunningAndReadyFirstTime", "RayClusterPodsProvisioning"]),
            condition("RayClusterSuspended", cluster.suspend, ["RayClusterSuspended", "RayClusterSuspended"]),
        ],
        "desiredWorkerReplicas": cluster.desired_workers(pods),
        "minWorkerReplicas": groups().map(|group| group.min_replicas).sum::<Numeric>(),
        "maxWorkerReplicas": groups().map(|group| group.max_replicas).sum::<Numeric>(),
        "readyWorkerReplicas": cluster.ready_workers(pods),
        "availableWorkerReplicas": cluster.ready_workers(pods),
        "desiredCPU": cpu,
        "desiredMemory": memory,
        "head": {"podName": format!("{name}-head"), "serviceName": format!("{name}-head-svc")},
        "endpoints": {"client": "10001", "dashboard": "8265", "gcs-server": "6379", "metrics": "8080"},
        "lastUpdateTime": null,
        "observedGeneration": metadata.generation,
    });
    if cluster.suspend {
        status["state"] = "suspended".into();
    } else if ready {
        status["state"] = "ready".into();
    }
    Ok(status)
}

/// The CPU and memory that all pods request together.
fn requested(cluster: &ClusterSpec<'_>, pods: Pods<'_>) -> (Quantity, Quantity) {
    let (mut milli_cpu, mut bytes) = (0_i64, 0_i64);
    for (template, count) in cluster.templates(pods) {
        let resources = pod_resources(template);
        let amount = |name: &str, unit: fn(&Quantity) -> i64| {
            resources.get(name).map_or(0, unit).saturating_mul(count.into())
        };
        milli_cpu = milli_cpu.saturating_add(amount("cpu", Quantity::milli_value));
        bytes = bytes.saturating_add(amount("memory", Quantity::value));
    }
    (Quantity::from_milli(milli_cpu), Quantity::new(bytes, Notation::Binary))
}
