//! What is said: Karmada's messages (`pkg/estimator/pb`), written out for prost, and what they mean here.
//!
//! Karmada v1.16 nests Kubernetes' own messages; later versions put the same bytes into fields with other numbers. A
//! message in a field of bytes looks the same on the wire, so both forms are read, and both are written: whoever doesn't
//! know a field passes over it.

mod convert;
mod kubernetes;
mod messages;

pub use convert::{AmountError, Asked, asked_replicas, asked_sets, assumed, replicas_request, sets_request};
pub use messages::{
    AssumedWorkload, Component, ComponentReplicaRequirements, MaxAvailableComponentSetsRequest,
    MaxAvailableComponentSetsResponse, MaxAvailableReplicasRequest, MaxAvailableReplicasResponse, NodeClaim,
    ObjectReference, ReplicaRequirements, UnschedulableReplicasRequest, UnschedulableReplicasResponse,
};

/// The methods, by their paths.
pub mod path {
    pub const MAX_AVAILABLE_REPLICAS: &str =
        "/github.com.karmada_io.karmada.pkg.estimator.service.Estimator/MaxAvailableReplicas";
    pub const MAX_AVAILABLE_COMPONENT_SETS: &str =
        "/github.com.karmada_io.karmada.pkg.estimator.service.Estimator/MaxAvailableComponentSets";
    pub const GET_UNSCHEDULABLE_REPLICAS: &str =
        "/github.com.karmada_io.karmada.pkg.estimator.service.Estimator/GetUnschedulableReplicas";
}

/// What stands for "no opinion" where a count is expected.
pub const NO_OPINION: i32 = -1;
