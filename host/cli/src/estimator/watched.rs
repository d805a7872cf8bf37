//! The member as its watches show it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use windlass_api::errors::in_one_line;
use windlass_controllers::{MemberRooms, Rooms, WaitingPods, WatchedPods};
use windlass_core::{Gvk, ObjectId};
use windlass_estimator::protocol::ObjectReference;
use windlass_estimator::server::Member;
use windlass_scheduler::Room;

pub(super) struct Watched {
    pub(super) cluster: String,
    pub(super) rooms: Arc<Rooms>,
    pub(super) pods: WatchedPods,
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
            let workload = ObjectId { gvk: Gvk::new(&api_version, &kind), namespace, name };
            let counted = self.pods.count(&self.cluster, &workload, longer_than).await;
            let count = counted.map_err(|error| in_one_line(&error))?;
            let count = count.ok_or("the member's pods have not been read yet: ask again")?;
            Ok(usize::try_from(count).unwrap_or(usize::MAX))
        })
    }
}
