//! Simulated member clusters: pods, nodes and workload statuses without a kubelet, a kube-scheduler or an operator.
//!
//! A [`Member`] works through nothing but a client of its API server, and knows no workload kind: what an object wants
//! and what status it shows is the interpreter's to say. [`spec`] is what a member is made of; [`MemberState`] is also
//! the admission hook that enforces ResourceQuotas.

mod amounts;
mod behaviour;
mod counted;
mod feed;
mod kinds;
mod member;
mod placement;
mod pod;
mod pod_status;
mod quota;
mod setup;
pub mod spec;
mod state;
mod template;
mod times;
mod writes;

pub use member::{Member, MemberState};
pub use setup::SetupError;
pub use spec::{MemberSpec, MemberSpecFile, SpecError};
