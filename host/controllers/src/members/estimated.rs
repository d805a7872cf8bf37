//! The rooms of members, and the answers of the estimators of those whose rooms can't be looked into.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use windlass_api::cluster::{Cluster, ResourceModel};
use windlass_estimator::client::MemberEstimators;
use windlass_scheduler::{Answers, OpenQuestion, Room};

use super::room::RoomSummary;
use crate::member_clients::MemberRooms;

/// News that a slow listener may fall behind; after that it looks at everything.
const CHANGES_MAX: usize = 1024;

/// Rooms, and estimators beside them.
pub struct EstimatedRooms {
    rooms: Arc<dyn MemberRooms>,
    estimators: Arc<dyn MemberEstimators>,
    /// The clusters there are.
    known: Mutex<BTreeSet<String>>,
    changes: broadcast::Sender<String>,
}

impl EstimatedRooms {
    pub fn new(rooms: Arc<dyn MemberRooms>, estimators: Arc<dyn MemberEstimators>) -> EstimatedRooms {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        EstimatedRooms { rooms, estimators, known: Mutex::default(), changes }
    }

    /// Tells whoever listens of both's news, until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let (mut rooms, mut answers) = (self.rooms.changes(), self.estimators.changes());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                change = rooms.recv() => self.pass_on(change),
                change = answers.recv() => self.pass_on(change),
            }
        }
    }

    fn pass_on(&self, change: Result<String, RecvError>) {
        match change {
            // Nobody listens while another scheduler leads.
            Ok(cluster) => drop(self.changes.send(cluster)),
            Err(RecvError::Lagged(_)) => {
                self.known.lock().iter().for_each(|name| drop(self.changes.send(name.clone())));
            }
            // Both ends are held here.
            Err(RecvError::Closed) => {}
        }
    }
}

impl MemberRooms for EstimatedRooms {
    fn room(&self, cluster: &str) -> Option<Arc<Room>> {
        self.rooms.room(cluster)
    }

    fn summary(&self, cluster: &str, models: &[ResourceModel]) -> Option<RoomSummary> {
        self.rooms.summary(cluster, models)
    }

    fn follow(&self, name: &str, cluster: Option<&Cluster>) {
        match cluster {
            Some(_) => self.known.lock().insert(name.to_owned()),
            None => self.known.lock().remove(name),
        };
        self.estimators.cluster(name, cluster);
    }

    fn answers(&self, cluster: &str) -> Option<Arc<Answers>> {
        self.estimators.answers(cluster)
    }

    fn ask(&self, questions: Vec<OpenQuestion>) {
        questions.into_iter().for_each(|question| self.estimators.ask(question));
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }
}
