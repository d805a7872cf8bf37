//! Karmada's estimator protocol, on both of its sides.
//!
//! [`protocol`] is what is said; [`server`] answers for one member; [`client`] asks the estimators of all members, and
//! remembers what they said. How room is counted is the scheduler's business ([`windlass_scheduler`]).

pub mod client;
pub mod protocol;
pub mod server;
pub mod tls;
