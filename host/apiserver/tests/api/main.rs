//! The API server as its clients see it: through kube's client in process, through raw HTTP, and over TLS.

#![expect(clippy::unwrap_used, reason = "a test ends where an answer is not what it has to be")]

mod access;
mod bodies;
mod definitions;
mod deletion;
mod fixture;
mod hook;
mod kinds;
mod network;
mod patching;
mod policies;
mod protobuf;
mod reading;
mod services;
mod versions;
mod watching;
mod webhooks;
mod with_status;
mod writing;
