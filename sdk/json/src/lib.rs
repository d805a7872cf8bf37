//! JSON text of which little is read: what nobody asks for is passed over sixteen bytes at a time.
//!
//! It reads what `serde_json` reads, to the same values, but for one thing: it does not look into what it passes over.
//! So it is for text that has been read as a whole before, as objects have before they reach a plugin. Text of unknown
//! origin is first put through [`check`].
//!
//! [`declared`] are the answers that plugins declare, which need no more than this text.

mod block;
mod check;
pub mod declared;
mod error;
mod parts;
mod pointer;
mod reader;
mod skip;

pub use check::check;
pub use error::Unread;
pub use parts::{Entry, entries, is_key, items};
pub use pointer::{key_of, unescape};
pub use reader::read;
