//! Clusters: their namespace for Works, their taints, and the status that says how they do.

mod apis;
mod health;
mod lifecycle;
mod status;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use windlass_api::names;

use crate::context::Clock;
use crate::index::{Change, Index, Key};
use crate::member_clients::{MemberChange, MemberClients, MemberRooms};
use crate::queue::Queue;
use crate::runner;

use lifecycle::Lifecycle;
use status::Reporter;

const CONCURRENCY: usize = 8;

/// How health is told.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// Between two probes of a member that answers.
    pub(crate) probe_interval: Duration,
    /// Between two probes of one that doesn't.
    pub(crate) probe_again: Duration,
    /// How long a probe may take.
    pub(crate) probe_timeout: Duration,
    /// How long a ready member has to fail before it is called not ready.
    pub(crate) failure_threshold: Duration,
    /// How long a failed member has to answer before it is called ready again.
    pub(crate) success_threshold: Duration,
    /// Between two looks at what the member serves; a change of its CRDs is noticed at once.
    pub(crate) discovery_interval: Duration,
    /// Between two reports of the room alone.
    pub(crate) room_interval: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            probe_interval: Duration::from_secs(5),
            probe_again: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(3),
            failure_threshold: Duration::from_secs(5),
            success_threshold: Duration::from_secs(2),
            discovery_interval: Duration::from_secs(60),
            room_interval: Duration::from_millis(500),
        }
    }
}

/// What the controllers of Clusters work with.
#[derive(Clone)]
pub(crate) struct Clusters {
    pub(crate) index: Arc<Index>,
    pub(crate) client: kube::Client,
    pub(crate) members: Arc<dyn MemberClients>,
    pub(crate) rooms: Arc<dyn MemberRooms>,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
}

/// What wakes the reporter of one cluster before its time.
#[derive(Debug, Default)]
struct Signals {
    /// The room has changed.
    room: Notify,
    /// The Cluster has changed.
    cluster: Notify,
    /// Its client is there, is another one, or is gone.
    client: Notify,
}

impl Clusters {
    /// Looks after all Clusters until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let queue: Arc<Queue<Key>> = Arc::default();
        let (seen, mut clusters) = mpsc::unbounded_channel();
        let (listening, of_clusters) = (seen.clone(), queue.clone());
        self.index.clusters.listen(move |change| {
            let key = Key::of(&change.object().metadata);
            of_clusters.add_with(key.clone(), change.priority());
            // The receiver ends with the process.
            let _ = listening.send(key.name);
        });
        let of_namespaces = queue.clone();
        self.index.namespaces.listen(move |change| {
            let name = change.object().metadata.name.as_deref().unwrap_or_default();
            if let (Change::Deleted { .. }, Some(cluster)) =
                (change, names::cluster_of_execution_namespace(name))
            {
                of_namespaces.add(Key::new("", cluster));
            }
        });
        for cluster in self.index.clusters.all() {
            let key = Key::of(&cluster.metadata);
            queue.add_with(key.clone(), crate::queue::Priority::Replay);
            let _ = seen.send(key.name);
        }
        let lifecycle = Arc::new(Lifecycle { index: self.index.clone(), client: self.client.clone() });
        let mut tasks = JoinSet::new();
        tasks.spawn(
            runner::run(lifecycle, queue, || CONCURRENCY, shutdown.clone())
                .instrument(tracing::info_span!("controller", name = "clusters")),
        );

        let mut signals: HashMap<String, Arc<Signals>> = HashMap::new();
        let (mut rooms, mut members) = (self.rooms.changes(), self.members.changes());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(name) = clusters.recv() => self.seen(name, &mut signals, &mut tasks),
                change = members.recv() => match change {
                    Ok(MemberChange::Joined(name) | MemberChange::Left(name)) => {
                        signals.get(&name).inspect(|signals| signals.client.notify_one());
                    }
                    Err(RecvError::Lagged(_)) => signals.values().for_each(|signals| signals.client.notify_one()),
                    Err(RecvError::Closed) => return,
                },
                change = rooms.recv() => match change {
                    Ok(name) => {
                        signals.get(&name).inspect(|signals| signals.room.notify_one());
                    }
                    Err(RecvError::Lagged(_)) => signals.values().for_each(|signals| signals.room.notify_one()),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// Starts to report on a cluster, or tells its reporter that something about it has changed.
    fn seen(&self, name: String, signals: &mut HashMap<String, Arc<Signals>>, tasks: &mut JoinSet<()>) {
        let exists = self.index.cluster(&name).is_some();
        match signals.get(&name) {
            Some(known) => {
                known.cluster.notify_one();
                if !exists {
                    // Its reporter finds it gone, and ends.
                    signals.remove(&name);
                }
            }
            None if exists => {
                let signal = Arc::new(Signals::default());
                signals.insert(name.clone(), signal.clone());
                let span = tracing::info_span!("cluster status", cluster = name);
                tasks.spawn(Reporter::new(self.clone(), name, signal).run().instrument(span));
            }
            None => {}
        }
    }
}
