//! What the control loops need of the member clusters: a client each, and word of who comes and goes.
//!
//! Implemented by `members`; what a member's room is, and how it is counted, does not belong here.

use tokio::sync::broadcast;

/// Something changed about a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A client for the member is there, or a new one replaces it (new endpoint or credentials).
    Joined(String),
    /// The member has no client any more.
    Left(String),
}

/// Access to the joined member clusters.
pub trait MemberClients: Send + Sync {
    /// The client for a member, by the name of its Cluster object. `None` while it has not joined.
    fn client(&self, cluster: &str) -> Option<kube::Client>;

    /// The names of all members that have a client now.
    fn clusters(&self) -> Vec<String>;

    /// Changes from now on. A receiver that lags starts over from [`MemberClients::clusters`].
    fn changes(&self) -> broadcast::Receiver<MemberChange>;
}
