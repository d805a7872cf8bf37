//! The interpreter world: what a resource means.

pub mod bindings;
mod declare;
mod dispatch;
mod export;

pub use bindings::windlass::interpreter::types::{Operations, PreservationRule};
#[cfg(feature = "testing")]
pub(crate) use declare::off_wire;
pub use declare::{DeclaredKinds, expect_declared_once};
pub use dispatch::{Asked, changes, manifest, no_settings, preserved, simulated, undeclared};
pub use windlass_json::declared::{Declared, Kept, Reflection};
