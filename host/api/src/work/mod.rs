//! `work.karmada.io`: Work (v1alpha1), ResourceBinding and ClusterResourceBinding (v1alpha2).

mod binding;
mod manifests;
mod requirements;

pub use binding::*;
pub use manifests::*;
pub use requirements::*;

use crate::twin::cluster_scoped_twin;

/// A ResourceBinding, or, without a namespace, a ClusterResourceBinding.
pub type Binding = kube::core::Object<ResourceBindingSpec, ResourceBindingStatus>;

cluster_scoped_twin! {
    /// A cluster-scoped resource, the policy that propagates it, and where it goes.
    ClusterResourceBinding of ResourceBinding, "clusterresourcebindings", "crb",
    spec: ResourceBindingSpec, status: ResourceBindingStatus
}
