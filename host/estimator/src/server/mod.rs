//! The server: Karmada's three methods, answered from what is known of one member.

mod grpc;
mod listen;
mod metrics;
mod service;

pub use grpc::GrpcService;
pub use listen::serve;
pub use metrics::Metrics;
pub use service::{Failure, Member, Pending, Service};
