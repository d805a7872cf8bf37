//! What the engine wants done, and what became of it.

use std::sync::Arc;

use windlass_api::Key;
use windlass_api::work::{Binding, GracefulEvictionTask, TargetCluster};

use crate::estimate::OpenQuestion;

/// Something to be done by whoever runs the engine.
#[derive(Clone, Debug)]
pub enum Action {
    /// To be written; how it ended is an input, by [`Engine::write_ended`](super::Engine::write_ended).
    Write(Write),
    /// To be asked of the clusters' estimators; an answer is an input, as part of the cluster.
    Ask(Vec<OpenQuestion>),
    /// To be put into the binding's status, when convenient; a later note of the same binding replaces it.
    Note(Note),
    /// To be told as an event of the binding.
    Tell(Tell),
}

/// An assignment to be written, on condition that the binding still is the one that was decided on.
#[derive(Clone, Debug)]
pub struct Write {
    pub key: Key,
    /// Which write; unique.
    pub attempt: u64,
    /// The binding that was decided on: its uid and its resourceVersion are the condition.
    pub binding: Arc<Binding>,
    /// For `spec.clusters`.
    pub targets: Vec<TargetCluster>,
    /// The placement that was decided by, as JSON: for the annotation `policy.karmada.io/applied-placement`.
    pub placement: String,
    /// For `spec.gracefulEvictionTasks`, the state to be carried in them apart; `None`: they stay as they are.
    pub eviction_tasks: Option<Vec<GracefulEvictionTask>>,
    /// For whom the binding leaves its clusters; `None`: it is decided on for its own sake.
    pub evicted_for: Option<Beneficiary>,
    /// What is noted when it is written, for a server that takes it in the same write; its generation is the one that
    /// the write brings about. Where that is done, the answer's status says so. `None`: that shows only later.
    pub note: Option<Note>,
}

/// A binding for which another leaves.
#[derive(Clone, Debug)]
pub struct Beneficiary {
    pub binding: Arc<Binding>,
    /// Where it is to go. If a quota does not allow that, nobody has to leave: the write then ends by
    /// [`WriteEnd::OverQuota`].
    pub targets: Vec<TargetCluster>,
}

/// How a write ended.
#[derive(Clone, Debug)]
pub enum WriteEnd {
    /// The binding is so now.
    Written(Arc<Binding>),
    /// The binding is another than the one that was decided on.
    Conflict,
    /// The binding is gone.
    NotFound,
    /// A quota does not allow it; what the server says.
    OverQuota(String),
    /// The server takes no such binding; what it says. Only another decision is worth another attempt.
    Invalid(String),
    /// Nobody knows whether it was written.
    Failed(String),
}

/// The condition Scheduled of a binding, and what else a decision leaves in its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub key: Key,
    pub status: bool,
    pub reason: &'static str,
    pub message: String,
    /// `None`: nothing was decided.
    pub decided: Option<Decided>,
}

/// What a decision leaves in a binding's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// The generation that was decided on: for `status.schedulerObservedGeneration`.
    pub generation: Option<i64>,
    /// For `status.schedulerObservingAffinityName`, where a group was chosen.
    pub affinity: Option<String>,
    /// Whether clusters were chosen just now: for `status.lastScheduledTime`.
    pub chosen: bool,
}

/// News of a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Tell {
    pub key: Key,
    pub uid: String,
    pub told: Told,
    pub message: String,
}

/// What kind of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It could not be scheduled.
    Refused,
    /// It left its clusters for another.
    Preempted,
    /// Others leave for it.
    Preempting,
}
