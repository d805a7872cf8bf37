//! Label selectors and field selectors.

mod field;
mod label;
mod lexer;

pub use field::FieldSelector;
pub use label::LabelSelector;

/// A selector that doesn't parse or isn't supported: 400 BadRequest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);
