//! The admission world: what may be stored.

pub mod bindings;
mod export;
mod hook;

pub use bindings::exports::windlass::admission::hook::Request;
pub use bindings::windlass::admission::types::{Rule, Verb};
pub use hook::{Admitted, Hook, Watched, manifest, on_wire};
