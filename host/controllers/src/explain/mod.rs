//! What people are told of a binding's scheduling: where it stands, what it waits for, and what each cluster is to it.
//!
//! The same report comes from a scheduler that runs, or from the API's objects alone; it says which.

mod live;
mod objects;
mod preview;
mod report;

pub use live::{Verb, answer};
pub use objects::from_objects;
pub use preview::{ClassOf, Preview, PreviewError};
pub use report::{Promised, Queued, Report, Source, WrittenCondition};
