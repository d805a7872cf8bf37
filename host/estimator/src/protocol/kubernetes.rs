//! Kubernetes' own messages, as far as the protocol has them.

use prost::Message;

/// `k8s.io.apimachinery.pkg.api.resource.Quantity`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Quantity {
    #[prost(string, tag = "1")]
    pub string: String,
}

/// `k8s.io.api.core.v1.NodeSelector`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NodeSelector {
    #[prost(message, repeated, tag = "1")]
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// `k8s.io.api.core.v1.NodeSelectorTerm`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NodeSelectorTerm {
    #[prost(message, repeated, tag = "1")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
    #[prost(message, repeated, tag = "2")]
    pub match_fields: Vec<NodeSelectorRequirement>,
}

/// `k8s.io.api.core.v1.NodeSelectorRequirement`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NodeSelectorRequirement {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub operator: String,
    #[prost(string, repeated, tag = "3")]
    pub values: Vec<String>,
}

/// `k8s.io.api.core.v1.Toleration`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Toleration {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub operator: String,
    #[prost(string, tag = "3")]
    pub value: String,
    #[prost(string, tag = "4")]
    pub effect: String,
    #[prost(int64, optional, tag = "5")]
    pub toleration_seconds: Option<i64>,
}
