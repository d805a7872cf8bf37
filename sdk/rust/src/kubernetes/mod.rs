//! Parts of Kubernetes objects that many kinds have, and what follows from them.

mod dependencies;
mod meta;
mod pod;
mod requirements;
mod resources;
mod scheduling;
mod time;

pub use dependencies::pod_dependencies;
pub use meta::Metadata;
pub use pod::{Container, PodSpec, PodTemplate};
pub use requirements::{node_claim, pod_requirements, pod_resources};
pub use resources::ResourceList;
pub use scheduling::{NodeClaim, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Toleration};
pub use time::Time;
