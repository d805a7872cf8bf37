//! What the scheduler knows of the clusters at one moment. Plain values; a clone shares them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use windlass_api::cluster::{AllocatableModeling, Cluster, ResourceModel};
use windlass_api::conditions::CLUSTER_COMPLETE_API_ENABLEMENTS;
use windlass_api::work::{ResourceBindingSpec, TargetCluster};

use crate::estimate::Answers;
use crate::node::Node;
use crate::quota::Quota;
use crate::resources::Resources;
use crate::workload::{Need, Workload};

/// All clusters, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    clusters: Arc<[Arc<ClusterState>]>,
}

impl Snapshot {
    /// Of these clusters; of two with the same name the first counts.
    pub fn new(clusters: impl IntoIterator<Item = Arc<ClusterState>>) -> Snapshot {
        let mut clusters: Vec<_> = clusters.into_iter().collect();
        clusters.sort_by(|a, b| a.name.cmp(&b.name));
        clusters.dedup_by(|a, b| a.name == b.name);
        Snapshot { clusters: clusters.into() }
    }

    /// The clusters, in the order of their names.
    pub fn clusters(&self) -> &[Arc<ClusterState>] {
        &self.clusters
    }

    /// The cluster of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<ClusterState>> {
        let index = self.clusters.binary_search_by(|cluster| cluster.name.as_str().cmp(name)).ok()?;
        Some(&self.clusters[index])
    }

    /// Puts a cluster in, or in the place of the one of this name.
    pub(crate) fn put(&mut self, cluster: ClusterState) {
        match self.clusters.iter().position(|other| other.name == cluster.name) {
            Some(index) => Arc::make_mut(&mut self.clusters)[index] = Arc::new(cluster),
            None => {
                *self = Snapshot::new(self.clusters.iter().cloned().chain([Arc::new(cluster)]));
            }
        }
    }

    /// Takes the cluster of this name out.
    pub(crate) fn remove(&mut self, name: &str) {
        *self = Snapshot::new(self.clusters.iter().filter(|cluster| cluster.name != name).cloned());
    }

    /// What the cluster of this name was promised. Nothing is copied unless somebody holds a clone of this snapshot.
    pub(crate) fn promises_mut(&mut self, name: &str) -> Option<&mut Vec<Promise>> {
        let index = self.clusters.iter().position(|cluster| cluster.name == name)?;
        let cluster = &mut Arc::make_mut(&mut self.clusters)[index];
        Some(&mut Arc::make_mut(cluster).promises)
    }
}

/// One cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Being deleted: nothing new goes there, and nothing stays.
    pub deleting: bool,
    pub provider: String,
    pub region: String,
    pub zones: Vec<String>,
    pub taints: Vec<Taint>,
    /// The kinds that it is known to serve, by group and version.
    pub apis: BTreeMap<String, BTreeSet<String>>,
    /// Whether that is all it serves.
    pub apis_complete: bool,
    /// How much room it says it has, all nodes together; `None`: it has not said.
    pub capacity: Option<Capacity>,
    /// Its nodes and quotas, where they are known; they then count instead of `capacity`.
    pub room: Option<Room>,
    /// What its own estimator has answered; they count where `room` isn't known. `None`: nobody asks it.
    pub answers: Option<Arc<Answers>>,
    /// What was promised to workloads and does not show in the member yet.
    pub promises: Vec<Promise>,
}

/// Room of all nodes together, as a cluster's status sums it up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Allocatable less allocated and allocating, `pods` among them; may be negative.
    pub free: Resources,
    /// Grades of nodes.
    pub models: Vec<ResourceModel>,
    /// How many nodes of each grade have room.
    pub modelings: Vec<AllocatableModeling>,
}

/// Room of each node, and of each namespace's quotas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Room {
    /// In the order in which they are filled.
    pub nodes: Vec<Node>,
    /// By namespace.
    pub quotas: BTreeMap<String, Vec<Quota>>,
}

/// Pods that a cluster was promised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Promise {
    pub namespace: String,
    pub needs: Vec<Need>,
    /// Whether it is kept for one that waits until others have left: what fits on no node yet is gathered on those that
    /// have the most left.
    pub kept: bool,
}

impl Promise {
    /// What a binding's target promises to its cluster; `None` if that is nothing, or nothing that makes sense.
    pub fn of(spec: &ResourceBindingSpec, target: &TargetCluster) -> Option<Promise> {
        let needs = match Workload::of(spec).ok()? {
            Workload::Plain => return None,
            Workload::Replicas(need) if target.replicas > 0 => {
                vec![Need { replicas: target.replicas.into(), ..need }]
            }
            Workload::Replicas(_) => return None,
            Workload::Components(needs) => needs,
        };
        Some(Promise { namespace: spec.resource.namespace.clone(), needs, ..Promise::default() })
    }
}

impl ClusterState {
    /// What a Cluster says of itself; `room`, `answers` and `promises` are the caller's to add.
    pub fn new(cluster: &Cluster) -> ClusterState {
        let spec = &cluster.spec;
        let status = cluster.status.as_ref();
        let mut zones = spec.zones.clone();
        if zones.is_empty() && !spec.zone.is_empty() {
            zones.push(spec.zone.clone());
        }
        let mut apis = BTreeMap::<String, BTreeSet<String>>::new();
        for enablement in status.iter().flat_map(|status| &status.api_enablements) {
            let kinds = apis.entry(enablement.group_version.clone()).or_default();
            kinds.extend(enablement.resources.iter().map(|resource| resource.kind.clone()));
        }
        let apis_complete = status.is_some_and(|status| {
            let mut conditions = status.conditions.iter();
            conditions.any(|condition| {
                condition.type_ == CLUSTER_COMPLETE_API_ENABLEMENTS && condition.status == "True"
            })
        });
        let capacity = status.and_then(|status| status.resource_summary.as_ref()).map(|summary| {
            let mut free = Resources::reported(&summary.allocatable);
            free.subtract(&Resources::reported(&summary.allocated));
            free.subtract(&Resources::reported(&summary.allocating));
            Capacity {
                free,
                models: spec.resource_models.clone(),
                modelings: summary.allocatable_modelings.clone(),
            }
        });
        ClusterState {
            name: cluster.metadata.name.clone().unwrap_or_default(),
            labels: cluster.metadata.labels.clone().unwrap_or_default(),
            deleting: cluster.metadata.deletion_timestamp.is_some(),
            provider: spec.provider.clone(),
            region: spec.region.clone(),
            zones,
            taints: spec.taints.clone(),
            apis,
            apis_complete,
            capacity,
            room: None,
            answers: None,
            promises: Vec::new(),
        }
    }

    /// Whether the kind is known to be served.
    pub(crate) fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.apis.get(api_version).is_some_and(|kinds| kinds.contains(kind))
    }
}
