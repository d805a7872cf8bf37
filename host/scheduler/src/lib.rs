//! The scheduler: (snapshot, binding) → decision. Pure and synchronous: no client, no clock, no randomness.
//!
//! [`decide`] chooses clusters for a binding and divides its replicas, [`explain`] tells how it came to that, and
//! [`preempt`] who would have to leave for it; [`due`] says whether a binding needs a decision at all; [`Queue`] says
//! whose turn it is. What is known of the clusters comes as a [`Snapshot`]. The [`engine`] is all of this as a state
//! machine: it takes in what is known and says what is to be written; doing so is somebody else's work.

mod assign;
mod attempt;
mod context;
mod cover;
mod decide;
pub mod engine;
mod estimate;
mod explain;
mod filter;
mod groups;
mod growth;
mod node;
mod plan;
mod preempt;
mod queue;
mod quota;
mod refusal;
mod resources;
mod score;
mod select;
mod selector;
mod settled;
mod snapshot;
mod trigger;
mod webster;
mod workload;

#[cfg(test)]
mod testing;

pub use context::{Context, Peers};
pub use decide::{Decision, decide};
pub use estimate::{
    ANSWER_HOLDS, Answer, Answers, Counted, Estimate, OpenQuestion, Question, RefusedNodes, Shortage,
    decide_or_ask, replicas, sets,
};
pub use explain::{
    Cluster as ClusterExplanation, Explanation, Group as GroupExplanation, Leaver, Outcome, Preempts, explain,
};
pub use filter::FilterReason;
pub use node::Node;
pub use preempt::{Occupant, Preemption, preempt};
pub use queue::{Incoming, Limits, Popped, Queue, Waiting};
pub use quota::Quota;
pub use refusal::{Diagnosis, Reason, Refusal, Why};
pub use resources::{ResourceError, Resources};
pub use snapshot::{Capacity, ClusterState, Promise, Room, Snapshot};
pub use trigger::{Cause, due};
pub use webster::{Party, TieOrder, allocate};
pub use workload::{Need, Workload, WorkloadError};
