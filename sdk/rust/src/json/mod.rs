//! Reading and writing JSON: once per call, into what the plugin reads of it, with the field named where it is wrong.

mod fragment;
mod number;
mod omit;
mod read;
mod scan;
mod shape;
mod text;

pub use fragment::{Json, count};
pub use number::{Int, Numeric};
pub use omit::omit_empty;
pub use read::{parse, parse_at, tree, write};
pub use shape::{Entries, Object, ObjectOnly, null_is_default};
pub use text::Text;

pub(crate) use fragment::is_string;
pub(crate) use read::prefixed;
pub(crate) use scan::kind_of;
