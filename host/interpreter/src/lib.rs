//! What a resource means, answered by the plugins that are loaded.
//!
//! A [`Dispatcher`] finds out who answers which operation for which kind (`table`), remembers answers (`memo`),
//! and puts all questions about an object that go to one plugin in one call. How a plugin is run is the business of
//! `windlass-plugins`.

mod dispatcher;
mod memo;
mod table;

pub use dispatcher::Dispatcher;
pub use memo::MemoCounts;
