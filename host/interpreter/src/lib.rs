//! What a resource means, answered by the plugins that are loaded, and by webhooks.
//!
//! A [`Dispatcher`] finds out who answers which operation for which kind (`table`), remembers answers (`memo`),
//! puts all questions about an object that go to one respondent in one call, and makes plugins of the scripts that
//! ResourceInterpreterCustomizations hold (`customization`). How a plugin is run is the business of
//! `windlass-plugins`; how a webhook is asked, that of [`remote`].

mod customization;
mod dispatcher;
mod memo;
pub mod remote;
mod respondent;
mod table;

pub use customization::Customizations;
pub use dispatcher::Dispatcher;
pub use memo::MemoCounts;
