//! FederatedResourceQuotas as numbers: what bindings use, what is charged to whom, and what is over a limit. Pure: what
//! is observed and what is asked arrive as values, and so does the time.
//!
//! The same [`Ledger`] says what is used (the controllers write it into the quotas' statuses) and whether a binding may
//! use more (admission refuses the write that would).

mod account;
mod excess;
mod ledger;
mod usage;

pub use account::Charge;
pub use excess::{Excess, Over, Refused};
pub use ledger::{BindingId, Ledger};
pub use usage::{usage, usage_in, usage_on};
