//! The control loops: caches of what the API holds, and reconcilers that each take a key and nothing else.

mod binding;
mod cluster;
mod context;
mod dependencies;
mod descheduler;
mod detector;
mod election;
mod error;
mod events;
mod execution;
pub mod explain;
mod index;
mod listen;
mod marks;
mod member_clients;
mod members;
mod patch;
mod queue;
mod quota;
mod rebalancer;
mod run;
mod runner;
mod scheduler;
mod scheduling;
mod status;
mod works;

pub use context::{Clock, Context, Options};
pub use descheduler::{Descheduled, DeschedulerContext, Descheduling, run_descheduler};
pub use election::{Candidate, Election, Term, Timing, TimingError};
pub use member_clients::{MemberChange, MemberClients, MemberRooms, NoRooms};
pub use members::{
    EstimatedRooms, Members, OneMember, Owner, OwnerError, RoomSummary, Rooms, WaitingError, WaitingPods,
    WatchedPods,
};
pub use quota::follow as follow_quotas;
pub use run::run;
pub use scheduler::{SchedulerContext, run_scheduler};
pub use scheduling::{Scheduler, SchedulerSettings};
