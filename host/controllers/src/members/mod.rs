//! What the control plane knows of its members: a client for each, and how much room each of them has.

mod clients;
mod connect;
mod room;
mod rooms;

pub use clients::Members;
pub use room::RoomSummary;
pub use rooms::Rooms;
