//! The interpreter world: what a resource means.

pub mod bindings;
mod dispatch;
mod export;

pub use bindings::windlass::interpreter::types::Operations;
pub use dispatch::{Asked, changes, manifest, preserved, simulated, undeclared};
