//! JSON text of which little is read: what nobody asks for is passed over sixteen bytes at a time.
//!
//! It reads what `serde_json` reads, to the same values, but for one thing: it does not look into what it passes over.
//! So it is for text that has been read as a whole before, as objects have before they reach a plugin. Text of unknown
//! origin is first put through [`check`].

mod block;
mod check;
mod error;
mod parts;
mod reader;
mod skip;

pub use check::check;
pub use error::Unread;
pub use parts::{Entry, entries, items};
pub use reader::read;
