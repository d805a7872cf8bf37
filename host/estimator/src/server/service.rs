//! What is answered.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use windlass_scheduler::{ClusterState, Estimate, Promise, Room, replicas, sets};

use crate::protocol::{self, AmountError, AssumedWorkload, ObjectReference};

/// What is known of the member that is answered for.
pub trait Member: Send + Sync + 'static {
    /// Its nodes and quotas; `None` while they haven't been read.
    fn room(&self) -> Option<Arc<Room>>;

    /// How many pods of a workload have waited for a node for longer than that. The error says what to do about it.
    fn unschedulable(
        &self,
        workload: ObjectReference,
        longer_than: Duration,
    ) -> BoxFuture<'_, Result<usize, String>>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(
        "this estimator answers for cluster {ours:?}, and was asked about {asked:?}: ask the other cluster's"
    )]
    OtherCluster { ours: String, asked: String },
    #[error("the member's nodes, pods and quotas have not been read yet: ask again")]
    NotReady,
    #[error("the request can't be understood")]
    Amount(#[from] AmountError),
    #[error("resource is missing: name the workload whose pods are to be counted")]
    NoWorkload,
    #[error("{0}")]
    Unschedulable(String),
    #[error("the server is stopping")]
    Stopping,
}

/// Requests under way, and no more computed at once than there are permits.
pub type Pending = Arc<Semaphore>;

/// Answers for one member.
pub struct Service<M> {
    cluster: String,
    member: Arc<M>,
    pending: Pending,
    /// The last room as the scheduler counts with it: made once for all questions between two changes.
    state: Mutex<Option<(Arc<Room>, Arc<ClusterState>)>>,
}

impl<M: Member> Service<M> {
    /// `parallelism`: how many answers are computed at once.
    pub fn new(cluster: String, member: Arc<M>, parallelism: usize) -> Service<M> {
        let pending = Arc::new(Semaphore::new(parallelism.max(1)));
        Service { cluster, member, pending, state: Mutex::default() }
    }

    /// Whether the member has been read.
    pub fn is_ready(&self) -> bool {
        self.member.room().is_some()
    }

    /// How many more replicas the member has room for.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn replicas(&self, request: protocol::MaxAvailableReplicasRequest) -> Result<i32, Failure> {
        self.check(&request.cluster)?;
        let mut request = request;
        let assumed = std::mem::take(&mut request.assumed_workloads);
        let asked = protocol::asked_replicas(request)?;
        self.count(assumed, move |state| {
            asked.needs.first().map_or(0, |need| bounded(&replicas(state, &asked.namespace, need)))
        })
        .await
    }

    /// How many more whole sets of components the member has room for.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn sets(&self, request: protocol::MaxAvailableComponentSetsRequest) -> Result<i32, Failure> {
        let protocol::MaxAvailableComponentSetsRequest { cluster, components, namespace, assumed_workloads } =
            request;
        self.check(&cluster)?;
        let asked = protocol::asked_sets(components, namespace)?;
        self.count(assumed_workloads, move |state| bounded(&sets(state, &asked.namespace, &asked.needs)))
            .await
    }

    /// How many pods of a workload have found no node for longer than the threshold.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn unschedulable(
        &self,
        request: protocol::UnschedulableReplicasRequest,
    ) -> Result<i32, Failure> {
        let protocol::UnschedulableReplicasRequest { cluster, resource, unschedulable_threshold } = request;
        self.check(&cluster)?;
        let workload = resource.ok_or(Failure::NoWorkload)?;
        let threshold = Duration::from_nanos(u64::try_from(unschedulable_threshold).unwrap_or(0));
        let _permit = self.pending.acquire().await.map_err(|_| Failure::Stopping)?;
        let count = self.member.unschedulable(workload, threshold).await.map_err(Failure::Unschedulable)?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    fn check(&self, cluster: &str) -> Result<(), Failure> {
        if cluster == self.cluster {
            return Ok(());
        }
        Err(Failure::OtherCluster { ours: self.cluster.clone(), asked: cluster.to_owned() })
    }

    async fn count(
        &self,
        assumed: Vec<AssumedWorkload>,
        count: impl FnOnce(&ClusterState) -> i32 + Send + 'static,
    ) -> Result<i32, Failure> {
        let promises = protocol::assumed(assumed)?;
        let permit = Arc::clone(&self.pending).acquire_owned().await.map_err(|_| Failure::Stopping)?;
        let state = self.state(promises)?;
        // Thousands of nodes take milliseconds: connections are not to wait for that.
        let counted = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            // Without nodes there is room for nothing, not even for what requests nothing.
            if state.room.as_ref().is_none_or(|room| room.nodes.is_empty()) { 0 } else { count(&state) }
        });
        counted.await.map_err(|_| Failure::Stopping)
    }

    fn state(&self, promises: Vec<Promise>) -> Result<Arc<ClusterState>, Failure> {
        let room = self.member.room().ok_or(Failure::NotReady)?;
        let mut known = self.state.lock();
        let state = match &*known {
            Some((of, state)) if Arc::ptr_eq(of, &room) => Arc::clone(state),
            _ => {
                let state = Arc::new(ClusterState {
                    name: self.cluster.clone(),
                    room: Some(Room::clone(&room)),
                    ..ClusterState::default()
                });
                *known = Some((room, Arc::clone(&state)));
                state
            }
        };
        Ok(if promises.is_empty() {
            state
        } else {
            Arc::new(ClusterState { promises, ..ClusterState::clone(&state) })
        })
    }
}

fn bounded(estimate: &Estimate) -> i32 {
    i32::try_from(estimate.count).unwrap_or(i32::MAX)
}
