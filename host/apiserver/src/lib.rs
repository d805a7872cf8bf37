//! The embedded API server: what a Kubernetes client expects of kube-apiserver, over a durable store of its own, in
//! one process. It serves one machine; a fleet runs on kube-apiserver and etcd, and everything that works on one has
//! to work on the other.
//!
//! - [`ApiServer`] is the server: opened on a directory, used through clients in process, served over TLS.
//! - `service` is the one way in: authentication, authorisation, dispatch.
//! - `request` and `response` are HTTP as Kubernetes speaks it, `status` its errors.
//! - `catalogue` says what is served; `discovery` and `documents` tell clients; `definitions` changes it.
//! - `admission` is what users configure to have a say in it: webhooks.
//! - `objects` holds the verbs: read, watch, create, update, patch, delete, and the subresources.
//! - [`store`] keeps objects, [`tls`] knows who is who. What objects look like is windlass-schema's knowledge.

mod admission;
mod bootstrap;
mod catalogue;
mod connection;
mod definitions;
mod discovery;
mod documents;
mod extra;
mod housekeeping;
mod identity;
mod objects;
mod request;
mod response;
mod server;
mod service;
mod services;
mod state;
mod status;
pub mod store;
mod subresource;
pub mod tls;
mod turn;
mod version;

pub use extra::Answer;
pub use server::{ApiServer, Config, OpenError, ServeError};
pub use state::MetricsText;
