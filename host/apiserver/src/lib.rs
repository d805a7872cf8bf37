//! windlass-apiserver

pub mod store;
pub mod tls;
