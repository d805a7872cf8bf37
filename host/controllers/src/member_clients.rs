//! What the control loops need of the member clusters: a client each, their room, and word of what changes.
//!
//! Implemented by `members`; how room is counted does not belong here.

use std::sync::Arc;

use tokio::sync::broadcast;
use windlass_api::cluster::{Cluster, ResourceModel};
use windlass_scheduler::{Answers, OpenQuestion, Room};

use crate::members::RoomSummary;

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

    /// Why a member has no client, where that is known.
    fn problem(&self, cluster: &str) -> Option<String>;
}

/// Nothing is known of any member's room but what its Cluster object sums up.
#[derive(Debug)]
pub struct NoRooms {
    changes: broadcast::Sender<String>,
}

impl Default for NoRooms {
    fn default() -> NoRooms {
        NoRooms { changes: broadcast::Sender::new(1) }
    }
}

impl MemberRooms for NoRooms {
    fn room(&self, _cluster: &str) -> Option<Arc<Room>> {
        None
    }

    fn summary(&self, _cluster: &str, _models: &[ResourceModel]) -> Option<RoomSummary> {
        None
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }
}

/// What is known of the members' room, beyond what their Cluster objects sum up.
pub trait MemberRooms: Send + Sync {
    /// The nodes and quotas of a member. `None` while they are not known: its summary then counts.
    fn room(&self, cluster: &str) -> Option<Arc<Room>>;

    /// The member's totals, and how many nodes it has of each of `models`. `None` while they are not known.
    fn summary(&self, cluster: &str, models: &[ResourceModel]) -> Option<RoomSummary>;

    /// A cluster's object is this now; `None`: it is gone. Told before the cluster is decided by.
    fn follow(&self, _name: &str, _cluster: Option<&Cluster>) {}

    /// What the member's own estimator has answered. `None`: it has none.
    fn answers(&self, _cluster: &str) -> Option<Arc<Answers>> {
        None
    }

    /// Asks members' estimators. Their answers are changes of their room; one that can't answer says so.
    fn ask(&self, _questions: Vec<OpenQuestion>) {}

    /// The names of members whose room has changed, from now on. A receiver that lags asks for every member's.
    fn changes(&self) -> broadcast::Receiver<String>;
}
