//! The control loops: caches of what the API holds, and reconcilers that each take a key and nothing else.

mod binding;
mod context;
mod detector;
mod error;
mod events;
mod execution;
mod index;
mod listen;
mod marks;
mod member_clients;
mod patch;
mod queue;
mod run;
mod runner;
mod status;

pub use context::{Clock, Context, Options};
pub use member_clients::{MemberChange, MemberClients, MemberRooms};
pub use run::run;
