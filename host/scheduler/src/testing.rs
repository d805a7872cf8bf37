//! Builders for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Value, json};
use windlass_api::work::{NodeClaim, ResourceBindingSpec, ResourceBindingStatus};

use crate::snapshot::{Capacity, ClusterState, Promise, Snapshot};
use crate::{Need, Node, Quota, Resources};

pub(crate) fn list(amounts: &[(&str, &str)]) -> BTreeMap<String, Text> {
    amounts.iter().map(|(name, amount)| ((*name).to_owned(), Text((*amount).to_owned()))).collect()
}

pub(crate) fn resources(amounts: &[(&str, &str)]) -> Resources {
    Resources::read(&list(amounts)).unwrap()
}

pub(crate) fn need(name: &str, replicas: i64, request: &[(&str, &str)]) -> Need {
    Need { name: name.to_owned(), replicas, request: resources(request), ..Need::default() }
}

pub(crate) fn node(name: &str, cpu: &str, memory: &str) -> Node {
    Node {
        name: name.to_owned(),
        allocatable: resources(&[("cpu", cpu), ("memory", memory)]),
        pod_slots: 110,
        ..Node::default()
    }
}

pub(crate) fn node_claim(selector: &[(&str, &str)]) -> Arc<NodeClaim> {
    let node_selector =
        selector.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Arc::new(NodeClaim { node_selector, ..NodeClaim::default() })
}

pub(crate) fn quota(name: &str, hard: &[(&str, &str)], used: &[(&str, &str)]) -> Quota {
    Quota { name: name.to_owned(), hard: resources(hard), used: resources(used), scopes: Vec::new() }
}

#[derive(Clone)]
pub(crate) struct ClusterBuilder(ClusterState);

/// A cluster that serves Deployments, FlinkDeployments and ConfigMaps.
pub(crate) fn cluster(name: &str) -> ClusterBuilder {
    let apis =
        [("apps/v1", "Deployment"), ("flink.apache.org/v1beta1", "FlinkDeployment"), ("v1", "ConfigMap")];
    ClusterBuilder(ClusterState {
        name: name.to_owned(),
        apis: apis
            .into_iter()
            .map(|(version, kind)| (version.to_owned(), [kind.to_owned()].into_iter().collect()))
            .collect(),
        apis_complete: true,
        ..ClusterState::default()
    })
}

impl ClusterBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ClusterState)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn nodes(self, nodes: impl IntoIterator<Item = Node>) -> Self {
        self.with(|state| state.room.get_or_insert_default().nodes = nodes.into_iter().collect())
    }

    /// One node with this much cpu.
    pub(crate) fn cpu(self, cpu: &str) -> Self {
        self.nodes([node("node", cpu, "1Ti")])
    }

    pub(crate) fn quota(self, namespace: &str, quota: Quota) -> Self {
        self.with(|state| {
            state.room.get_or_insert_default().quotas.entry(namespace.to_owned()).or_default().push(quota);
        })
    }

    pub(crate) fn promise(self, namespace: &str, needs: Vec<Need>) -> Self {
        self.with(|state| {
            state.promises.push(Promise { namespace: namespace.to_owned(), needs, ..Promise::default() })
        })
    }

    pub(crate) fn summary(self, free: &[(&str, &str)]) -> Self {
        self.with(|state| state.capacity = Some(Capacity { free: resources(free), ..Capacity::default() }))
    }

    pub(crate) fn grade(self, grade: i64, cpu: &str, memory: &str, count: i64) -> Self {
        self.with(|state| {
            let capacity = state.capacity.get_or_insert_default();
            capacity.models.push(
                serde_json::from_value(json!({"grade": grade, "ranges": [
                    {"name": "cpu", "min": cpu, "max": cpu}, {"name": "memory", "min": memory, "max": memory}]}))
                .unwrap(),
            );
            capacity.modelings.push(serde_json::from_value(json!({"grade": grade, "count": count})).unwrap());
        })
    }

    pub(crate) fn region(self, region: &str) -> Self {
        self.with(|state| region.clone_into(&mut state.region))
    }

    pub(crate) fn label(self, key: &str, value: &str) -> Self {
        self.with(|state| {
            state.labels.insert(key.to_owned(), value.to_owned());
        })
    }

    pub(crate) fn taint(self, key: &str, effect: &str) -> Self {
        self.with(|state| {
            state.taints.push(serde_json::from_value(json!({"key": key, "effect": effect})).unwrap());
        })
    }
}

impl From<ClusterBuilder> for ClusterState {
    fn from(builder: ClusterBuilder) -> ClusterState {
        builder.0
    }
}

pub(crate) fn snapshot(clusters: impl IntoIterator<Item = ClusterBuilder>) -> Snapshot {
    Snapshot::new(clusters.into_iter().map(|builder| Arc::new(builder.0)))
}

/// A Deployment whose replicas request 1 cpu each.
pub(crate) fn deployment(replicas: i32, placement: Value) -> ResourceBindingSpec {
    serde_json::from_value(json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "nginx"},
        "replicas": replicas,
        "replicaRequirements": {"resourceRequest": {"cpu": "1"}},
        "placement": placement,
    }))
    .unwrap()
}

/// A FlinkDeployment of one job manager (1 cpu) and two task managers (2 cpu each), for exactly one cluster.
pub(crate) fn flink() -> ResourceBindingSpec {
    serde_json::from_value(json!({
        "resource": {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "namespace": "default", "name": "flink-example"},
        "components": [
            {"name": "jobmanager", "replicas": 1, "replicaRequirements": {"resourceRequest": {"cpu": "1", "memory": "1.024"}}},
            {"name": "taskmanager", "replicas": 2, "replicaRequirements": {"resourceRequest": {"cpu": "2", "memory": "2.048"}}}],
        "placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]},
    }))
    .unwrap()
}

pub(crate) fn config_map(placement: Value) -> ResourceBindingSpec {
    serde_json::from_value(json!({
        "resource": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": "settings"},
        "placement": placement,
    }))
    .unwrap()
}

pub(crate) fn unseen() -> ResourceBindingStatus {
    ResourceBindingStatus::default()
}
