//! How many of a workload's pods a member can't place: from the pods that are watched here, or from what the member's
//! own estimator says.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use windlass_core::ObjectId;
use windlass_estimator::client::{CallError, Estimators};
use windlass_estimator::protocol::ObjectReference;

use super::owners::{OwnerError, pods_of};
use super::rooms::Rooms;
use super::unplaced::Owner;
use crate::context::Clock;
use crate::member_clients::MemberClients;

/// Nobody can say how many pods of a workload wait.
#[derive(Debug, thiserror::Error)]
pub enum WaitingError {
    #[error(transparent)]
    Owner(#[from] OwnerError),
    #[error("the member's estimator has no answer")]
    Estimator(#[from] CallError),
}

impl WaitingError {
    /// Whether the member would have no answer about other workloads either.
    pub(crate) fn is_of_member(&self) -> bool {
        !matches!(self, WaitingError::Estimator(CallError::Refused(_)))
    }
}

/// Who can tell how many pods of a workload a member can't place.
pub trait WaitingPods: Send + Sync {
    /// How many have found no node for longer than `longer_than`. `None`: it isn't known here.
    fn count<'a>(
        &'a self,
        cluster: &'a str,
        workload: &'a ObjectId,
        longer_than: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, WaitingError>>;
}

/// The pods of members whose pods are watched.
pub struct WatchedPods {
    rooms: Arc<Rooms>,
    members: Arc<dyn MemberClients>,
    clock: Clock,
}

impl WatchedPods {
    pub fn new(rooms: Arc<Rooms>, members: Arc<dyn MemberClients>, clock: Clock) -> WatchedPods {
        WatchedPods { rooms, members, clock }
    }
}

impl WaitingPods for WatchedPods {
    fn count<'a>(
        &'a self,
        cluster: &'a str,
        workload: &'a ObjectId,
        longer_than: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, WaitingError>> {
        async move {
            let Some(mut pods) = self.rooms.unplaced(cluster, &workload.namespace) else { return Ok(None) };
            // Longer than time itself: none has waited for so long.
            let threshold = SignedDuration::try_from(longer_than).ok();
            let Some(before) = threshold.and_then(|threshold| (self.clock)().checked_sub(threshold).ok())
            else {
                return Ok(Some(0));
            };
            pods.retain(|pod| pod.since.is_some_and(|since| since < before));
            if pods.is_empty() {
                return Ok(Some(0));
            }
            let Some(client) = self.members.client(cluster) else { return Ok(None) };
            let owner = Owner {
                api_version: workload.gvk.api_version(),
                kind: workload.gvk.kind.clone(),
                name: workload.name.clone(),
            };
            let count = pods_of(&client, &workload.namespace, &pods, &owner).await?;
            Ok(Some(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        .boxed()
    }
}

/// Each asked by a call to the member's estimator; none that has no estimator.
impl WaitingPods for Estimators {
    fn count<'a>(
        &'a self,
        cluster: &'a str,
        workload: &'a ObjectId,
        longer_than: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, WaitingError>> {
        let workload = ObjectReference {
            api_version: workload.gvk.api_version(),
            kind: workload.gvk.kind.clone(),
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
        };
        async move { Ok(self.unschedulable(cluster, workload, longer_than).await?) }.boxed()
    }
}
