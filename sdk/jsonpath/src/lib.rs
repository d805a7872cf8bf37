//! Kubernetes' dialect of JSONPath, as `kubectl -o jsonpath`, a CRD's printer columns and a policy's
//! `statePreservation` use it.
//!
//! A [`Template`] is literal text and actions in braces (`id-{.jobStatus.jobId}`, `{range .items[*]}...{end}`); a
//! [`Path`] is one action without its braces. The dialect is not RFC 9535: here each step of a path is rewritten to a
//! segment of that standard, which `jsonpath-rust` evaluates, and what Kubernetes adds (what is an error, what is
//! printed and how) is around it. What can't be rewritten is refused when it is parsed, with the column and the reason.
//!
//! Numbers are as the API server reads them: whole where they are written without a fraction. Where Kubernetes' own
//! implementation fails for lack of a rule, this one answers:
//! - numbers compare by value, whole or not; values of different types are not equal;
//! - an item of a filter that lacks the compared field is left out;
//! - a range over nothing prints nothing;
//! - the fields of an object come in the order of their names, not at random.
//!
//! A wildcard takes nothing from a string, and an index beyond a list doesn't exist in a filter.

#![warn(missing_docs)]

mod error;
mod evaluate;
mod filter;
mod print;
mod scan;
mod step;
mod template;
mod text;

pub use error::{EvaluationError, Failure, Reason, SyntaxError};
pub use print::print;
pub use template::{Path, Template};
