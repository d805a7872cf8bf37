//! What the control plane knows of its members: a client for each, and how much room each of them has.

mod alone;
mod clients;
mod connect;
mod estimated;
mod owners;
mod room;
mod rooms;
mod unplaced;
mod waiting;

pub use alone::OneMember;
pub use clients::Members;
pub use estimated::EstimatedRooms;
pub use owners::OwnerError;
pub use room::RoomSummary;
pub use rooms::Rooms;
pub use unplaced::Owner;
pub use waiting::{WaitingError, WaitingPods, WatchedPods};
