//! How tests write to an API of any kind of objects, and wait for what comes of it.

mod objects;
mod wait;

pub use objects::{api, apply, condition, documents, has_condition, wait_for};
pub use wait::{PATIENCE, until};
