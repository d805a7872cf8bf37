//! What is admitted: Windlass' own rules for its own kinds, then the plugins' hooks, in one chain.
//!
//! [`Chain`] is called in process by the embedded API server; [`server`] serves the same chain over TLS to a real
//! kube-apiserver. Nothing here reads from or writes to an API server.

mod causes;
mod chain;
mod native;
pub mod review;
pub mod server;
mod syntax;

pub use chain::{Chain, FailurePolicy, Random};
