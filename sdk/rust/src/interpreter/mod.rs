//! The interpreter world: what a resource means.

pub mod bindings;
mod dispatch;
mod export;

pub use bindings::windlass::interpreter::types::{Operations, PreservationRule};
pub use dispatch::{Asked, changes, manifest, no_settings, preserved, simulated, undeclared};
