//! `policy.karmada.io/v1alpha1`: what goes where, what differs there, and how much a namespace may use.

mod failover;
mod overrides;
mod placement;
mod propagation;
mod quota;

pub use failover::*;
pub use overrides::*;
pub use placement::*;
pub use propagation::*;
pub use quota::*;

use crate::twin::cluster_scoped_twin;

cluster_scoped_twin! {
    /// Which resources, cluster-scoped ones and those of any namespace, go to which clusters, and how.
    ClusterPropagationPolicy of PropagationPolicy, "clusterpropagationpolicies", "cpp",
    spec: PropagationSpec
}

cluster_scoped_twin! {
    /// How objects, cluster-scoped ones and those of any namespace, differ from their template in some clusters.
    ClusterOverridePolicy of OverridePolicy, "clusteroverridepolicies", "cop",
    spec: OverrideSpec
}
