//! Parts of Kubernetes objects that many kinds have, and what follows from them.

mod dependencies;
mod meta;
mod pod;
mod references;
mod requirements;
mod resources;
mod scheduling;
mod time;

pub use dependencies::{dependencies_of_pods, pod_dependencies};
pub use meta::{Condition, Metadata};
pub use pod::{Affinity, Container, EnvFrom, EnvVar, Name, PodSpec, PodTemplate, Resources, Volume};
pub use references::References;
pub use requirements::{node_claim, pod_requirements, pod_resources};
pub use resources::ResourceList;
pub use scheduling::{NodeClaim, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Toleration};
pub use time::Time;
