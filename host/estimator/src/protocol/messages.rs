//! The messages of `github.com.karmada_io.karmada.pkg.estimator.pb`. Fields named `newer_…` are those of versions after
//! v1.16.

use std::collections::BTreeMap;

use prost::Message;

use super::kubernetes::{NodeSelector, Quantity, Toleration};

/// How many more replicas does the cluster have room for?
#[derive(Clone, PartialEq, Message)]
pub struct MaxAvailableReplicasRequest {
    #[prost(string, tag = "1")]
    pub cluster: String,
    #[prost(message, optional, tag = "2")]
    pub replica_requirements: Option<ReplicaRequirements>,
    #[prost(message, repeated, tag = "3")]
    pub assumed_workloads: Vec<AssumedWorkload>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct MaxAvailableReplicasResponse {
    #[prost(int32, tag = "1")]
    pub max_replicas: i32,
}

/// How many more whole sets of components does the cluster have room for?
#[derive(Clone, PartialEq, Message)]
pub struct MaxAvailableComponentSetsRequest {
    #[prost(string, tag = "1")]
    pub cluster: String,
    #[prost(message, repeated, tag = "2")]
    pub components: Vec<Component>,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(message, repeated, tag = "4")]
    pub assumed_workloads: Vec<AssumedWorkload>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct MaxAvailableComponentSetsResponse {
    #[prost(int32, tag = "1")]
    pub max_sets: i32,
}

/// How many pods of a workload has the cluster's scheduler found no node for?
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnschedulableReplicasRequest {
    #[prost(string, tag = "1")]
    pub cluster: String,
    #[prost(message, optional, tag = "2")]
    pub resource: Option<ObjectReference>,
    /// In nanoseconds: how long a pod has to have waited.
    #[prost(int64, tag = "3")]
    pub unschedulable_threshold: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct UnschedulableReplicasResponse {
    #[prost(int32, tag = "1")]
    pub unschedulable_replicas: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct ObjectReference {
    #[prost(string, tag = "1")]
    pub api_version: String,
    #[prost(string, tag = "2")]
    pub kind: String,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(string, tag = "4")]
    pub name: String,
}

/// What each replica of a workload with one pod template needs.
#[derive(Clone, PartialEq, Message)]
pub struct ReplicaRequirements {
    #[prost(message, optional, tag = "1")]
    pub node_claim: Option<NodeClaim>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub resource_request: BTreeMap<String, Quantity>,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(string, tag = "4")]
    pub priority_class_name: String,
    #[prost(btree_map = "string, message", tag = "5")]
    pub newer_resource_request: BTreeMap<String, Quantity>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Component {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub replica_requirements: Option<ComponentReplicaRequirements>,
    #[prost(int32, tag = "3")]
    pub replicas: i32,
}

/// What each replica of a component needs.
#[derive(Clone, PartialEq, Message)]
pub struct ComponentReplicaRequirements {
    #[prost(message, optional, tag = "1")]
    pub node_claim: Option<NodeClaim>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub resource_request: BTreeMap<String, Quantity>,
    #[prost(string, tag = "3")]
    pub priority_class_name: String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub newer_resource_request: BTreeMap<String, Quantity>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeClaim {
    #[prost(message, optional, tag = "1")]
    pub node_affinity: Option<NodeSelector>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub node_selector: BTreeMap<String, String>,
    #[prost(message, repeated, tag = "3")]
    pub tolerations: Vec<Toleration>,
    #[prost(message, optional, tag = "4")]
    pub newer_node_affinity: Option<NodeSelector>,
    #[prost(message, repeated, tag = "5")]
    pub newer_tolerations: Vec<Toleration>,
}

/// Pods that were promised room and don't run yet.
#[derive(Clone, PartialEq, Message)]
pub struct AssumedWorkload {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, repeated, tag = "2")]
    pub components: Vec<Component>,
}
