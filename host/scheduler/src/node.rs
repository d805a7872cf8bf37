//! A member's node, as far as it decides on what fits.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use windlass_api::quantity::Quantity;

use crate::resources::Resources;

/// A node and what is on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<core::Taint>,
    /// Cordoned.
    pub unschedulable: bool,
    /// What the node can give, without `pods`.
    pub allocatable: Resources,
    /// What its pods request, all together.
    pub requested: Resources,
    /// How many pods it can hold.
    pub pod_slots: i64,
    /// How many pods it holds.
    pub pods: i64,
}

impl Node {
    /// An empty node.
    pub fn new(node: &core::Node) -> Node {
        let allocatable = node
            .status
            .as_ref()
            .and_then(|status| status.allocatable.as_ref())
            .map(Resources::reported)
            .unwrap_or_default();
        let spec = node.spec.clone().unwrap_or_default();
        Node {
            name: node.metadata.name.clone().unwrap_or_default(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: spec.taints.unwrap_or_default(),
            unschedulable: spec.unschedulable.unwrap_or_default(),
            pod_slots: allocatable.get("pods").units(),
            allocatable,
            requested: Resources::default(),
            pods: 0,
        }
    }

    /// Puts a pod on the node. One that has run to its end takes no room.
    pub fn hold(&mut self, pod: &core::Pod) {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return;
        }
        self.pods = self.pods.saturating_add(1);
        if let Some(spec) = &pod.spec {
            self.requested.add(&pod_request(spec), 1);
        }
    }

    /// What is left of a resource; never below zero.
    pub(crate) fn free(&self, resource: &str) -> Quantity {
        self.allocatable.get(resource).minus(self.requested.get(resource)).max(Quantity::ZERO)
    }

    /// How many more pods it can hold.
    pub(crate) fn free_slots(&self) -> i64 {
        self.pod_slots.saturating_sub(self.pods).max(0)
    }
}

/// What a pod requests: all that runs together at its peak. Containers that run before the others count where they
/// need more than those; the ones among them that keep running count from their start.
fn pod_request(spec: &core::PodSpec) -> Resources {
    let request = |container: &core::Container| {
        let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        requests.map(Resources::reported).unwrap_or_default()
    };
    let mut running = Resources::default();
    let mut peak = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let own = request(container);
        if container.restart_policy.as_deref() == Some("Always") {
            running.add(&own, 1);
        } else {
            let mut during = running.clone();
            during.add(&own, 1);
            peak.raise(&during);
        }
    }
    for container in &spec.containers {
        running.add(&request(container), 1);
    }
    running.raise(&peak);
    if let Some(overhead) = &spec.overhead {
        running.add(&Resources::reported(overhead), 1);
    }
    running
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_counts_with_what_it_needs_at_its_peak() {
        let mut node = Node::new(
            &serde_json::from_value(json!({"metadata": {"name": "a"},
                "status": {"allocatable": {"cpu": "8", "pods": "10"}}}))
            .unwrap(),
        );
        let pod = json!({"spec": {
            "initContainers": [
                {"name": "i", "resources": {"requests": {"cpu": "3"}}},
                {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}}],
            "containers": [
                {"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
                {"name": "b"}],
            "overhead": {"cpu": "100m"}}});
        node.hold(&serde_json::from_value(pod.clone()).unwrap());
        assert_eq!(node.free("cpu").to_string(), "4900m");
        let mut done = pod;
        done["status"] = json!({"phase": "Succeeded"});
        node.hold(&serde_json::from_value(done).unwrap());
        assert_eq!((node.pods, node.free_slots()), (1, 9));
    }
}
