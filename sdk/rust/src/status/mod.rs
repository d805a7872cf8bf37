//! Statuses that travel field by field, from the members to their template.
//!
//! A table says which fields those are, and what becomes of each where several members report it. What there is to
//! know of a kind's status is that table; [`Fields`] does the rest.
//!
//! ```
//! use windlass_sdk::status::{Field, Fields, StatusMetadata, Reflected, Status};
//! use windlass_sdk::{Answer, Changes, Members};
//!
//! static BALLOON: Fields = Fields(&[
//!     Field::OBSERVED_GENERATION,
//!     Field::sum("inflated"),
//!     Field::last("colour"),
//!     Field::conditions(),
//! ]);
//!
//! windlass_sdk::shape! {
//!     struct Balloon<'a> {
//!         metadata: StatusMetadata<'a>,
//!         status: Option<Status<'a>>,
//!     }
//! }
//!
//! impl<'a> Balloon<'a> {
//!     fn status(&self) -> Answer<Option<Reflected<'a>>> {
//!         Ok(BALLOON.reflect(&self.metadata, self.status.as_ref()))
//!     }
//!
//!     fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
//!         BALLOON.aggregate(&self.metadata, self.status.as_ref(), members)
//!     }
//! }
//! ```

mod aggregate;
mod conditions;
mod fields;
mod reflect;

pub use conditions::has_condition;
pub use fields::{Field, Fields, Status, StatusMetadata};
pub use reflect::Reflected;
