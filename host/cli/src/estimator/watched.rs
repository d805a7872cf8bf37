//! The member as its watches show it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use windlass_controllers::{Clock, MemberRooms, Owner, Rooms, pods_of};
use windlass_estimator::protocol::ObjectReference;
use windlass_estimator::server::Member;
use windlass_scheduler::Room;

pub(super) struct Watched {
    pub(super) cluster: String,
    pub(super) client: kube::Client,
    pub(super) rooms: Arc<Rooms>,
    pub(super) clock: Clock,
    pub(super) quotas: Quotas,
}

/// Whether ResourceQuotas count.
pub(super) enum Quotas {
    Count,
    /// The last room, and the same without quotas.
    DontCount(Mutex<Option<(Arc<Room>, Arc<Room>)>>),
}

impl Member for Watched {
    fn room(&self) -> Option<Arc<Room>> {
        let room = self.rooms.room(&self.cluster)?;
        let Quotas::DontCount(last) = &self.quotas else { return Some(room) };
        let mut last = last.lock();
        match &*last {
            Some((of, bare)) if Arc::ptr_eq(of, &room) => Some(Arc::clone(bare)),
            _ => {
                let bare = Arc::new(Room { nodes: room.nodes.clone(), ..Room::default() });
                *last = Some((room, Arc::clone(&bare)));
                Some(bare)
            }
        }
    }

    fn unschedulable(
        &self,
        workload: ObjectReference,
        longer_than: Duration,
    ) -> BoxFuture<'_, Result<usize, String>> {
        Box::pin(async move {
            let ObjectReference { api_version, kind, namespace, name } = workload;
            let mut pods = self
                .rooms
                .unplaced(&self.cluster, &namespace)
                .ok_or("the member's pods have not been read yet: ask again")?;
            let now = (self.clock)();
            let before = jiff::SignedDuration::try_from(longer_than)
                .ok()
                .and_then(|threshold| now.checked_sub(threshold).ok());
            pods.retain(|pod| matches!((pod.since, before), (Some(since), Some(before)) if since < before));
            let workload = Owner { api_version, kind, name };
            pods_of(&self.client, &namespace, &pods, &workload)
                .await
                .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
        })
    }
}
