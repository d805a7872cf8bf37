//! windlass-apiserver

pub mod store;
