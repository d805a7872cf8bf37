//! What is admitted: Windlass' own rules for its own kinds, the plugins' hooks, and the quotas, in one chain; and the
//! webhooks by which others ask this process.
//!
//! [`Chain`] is called in process by the embedded API server; [`admit`] serves the same chain to a real
//! kube-apiserver, [`interpret`] the interpreters to a Karmada control plane, both by [`server`] over TLS. Nothing here
//! reads from or writes to an API server.

pub mod admit;
mod causes;
pub mod certificates;
mod chain;
mod enforce;
pub mod interpret;
mod native;
pub mod review;
pub mod server;
mod syntax;

pub use chain::{Chain, FailurePolicy, Random};
