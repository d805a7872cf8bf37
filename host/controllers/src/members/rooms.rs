//! The rooms of all members, kept up to date by watches on their nodes, pods and quotas.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use futures::stream::{BoxStream, select_all};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use parking_lot::{Mutex, RwLock};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::cluster::ResourceModel;
use windlass_scheduler::Room;

use super::room::{MemberRoom, RoomSummary};
use super::unplaced::UnplacedPod;
use crate::index::Key;
use crate::member_clients::{MemberChange, MemberClients, MemberRooms};

/// Changes taken in before anybody is told, so that a burst is one piece of news.
const BATCH_MAX: usize = 512;
/// News that a slow listener may fall behind; after that it looks at everything.
const CHANGES_MAX: usize = 1024;

/// One member's room, and which of its three lists have been read.
#[derive(Default)]
struct Tracked {
    room: Mutex<MemberRoom>,
    unread: Mutex<usize>,
}

/// How much room each member has.
pub struct Rooms {
    members: RwLock<BTreeMap<String, (Arc<Tracked>, CancellationToken)>>,
    changes: broadcast::Sender<String>,
}

impl Default for Rooms {
    fn default() -> Rooms {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        Rooms { members: RwLock::default(), changes }
    }
}

/// A watch's event, of any of the three kinds.
enum Event {
    Node(Box<watcher::Event<Node>>),
    Pod(Box<watcher::Event<Pod>>),
    Quota(Box<watcher::Event<ResourceQuota>>),
}

impl MemberRooms for Rooms {
    /// `None` until the member's nodes, pods and quotas have all been read once.
    fn room(&self, cluster: &str) -> Option<Arc<Room>> {
        let tracked = self.tracked(cluster)?;
        Some(tracked.room.lock().room())
    }

    fn summary(&self, cluster: &str, models: &[ResourceModel]) -> Option<RoomSummary> {
        let tracked = self.tracked(cluster)?;
        Some(tracked.room.lock().summary(models))
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }
}

impl Rooms {
    fn tracked(&self, cluster: &str) -> Option<Arc<Tracked>> {
        let tracked = Arc::clone(&self.members.read().get(cluster)?.0);
        let unread = *tracked.unread.lock();
        (unread == 0).then_some(tracked)
    }

    /// The pods of a namespace for which the member's scheduler has found no node. `None` until its pods have been
    /// read.
    pub(super) fn unplaced(&self, cluster: &str, namespace: &str) -> Option<Vec<UnplacedPod>> {
        let tracked = self.tracked(cluster)?;
        let room = tracked.room.lock();
        Some(room.unplaced(namespace).cloned().collect())
    }

    /// Follows the members until `shutdown`.
    pub async fn run(self: Arc<Self>, members: Arc<dyn MemberClients>, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let mut changes = members.changes();
        for cluster in members.clusters() {
            self.joined(&cluster, members.as_ref(), &tasks, &shutdown);
        }
        loop {
            let change = tokio::select! {
                () = shutdown.cancelled() => break,
                change = changes.recv() => change,
            };
            match change {
                Ok(MemberChange::Joined(cluster)) => {
                    self.joined(&cluster, members.as_ref(), &tasks, &shutdown)
                }
                Ok(MemberChange::Left(cluster)) => self.left(&cluster),
                Err(RecvError::Lagged(_)) => {
                    let now: BTreeSet<String> = members.clusters().into_iter().collect();
                    let known: Vec<String> = self.members.read().keys().cloned().collect();
                    known
                        .iter()
                        .filter(|cluster| !now.contains(*cluster))
                        .for_each(|cluster| self.left(cluster));
                    now.iter().for_each(|cluster| self.joined(cluster, members.as_ref(), &tasks, &shutdown));
                }
                Err(RecvError::Closed) => break,
            }
        }
        for (_, watching) in self.members.read().values() {
            watching.cancel();
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Starts to watch the member, by its new client if it had one before.
    fn joined(
        self: &Arc<Self>,
        cluster: &str,
        members: &dyn MemberClients,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let Some(client) = members.client(cluster) else { return };
        let tracked = Arc::new(Tracked { unread: Mutex::new(3), ..Tracked::default() });
        let watching = shutdown.child_token();
        let before =
            self.members.write().insert(cluster.to_owned(), (Arc::clone(&tracked), watching.clone()));
        if let Some((_, watching)) = before {
            watching.cancel();
        }
        let watch = Arc::clone(self).watch(cluster.to_owned(), client, tracked, watching);
        tasks.spawn(watch.instrument(tracing::info_span!("room", cluster)));
    }

    fn left(&self, cluster: &str) {
        if let Some((_, watching)) = self.members.write().remove(cluster) {
            watching.cancel();
            self.announce(cluster);
        }
    }

    fn announce(&self, cluster: &str) {
        // Without a scheduler in this process nobody listens.
        let _ = self.changes.send(cluster.to_owned());
    }

    async fn watch(
        self: Arc<Self>,
        cluster: String,
        client: Client,
        tracked: Arc<Tracked>,
        watching: CancellationToken,
    ) {
        let events = select_all([
            events::<Node>(Api::all(client.clone()), Event::Node),
            events::<Pod>(Api::all(client.clone()), Event::Pod),
            events::<ResourceQuota>(Api::all(client), Event::Quota),
        ]);
        let mut batches = events.ready_chunks(BATCH_MAX);
        let mut listed = Listed::default();
        loop {
            let batch = tokio::select! {
                () = watching.cancelled() => return,
                batch = batches.next() => batch,
            };
            let Some(batch) = batch else { return };
            let mut read = 0;
            let mut changed = false;
            {
                let mut room = tracked.room.lock();
                for event in batch {
                    changed |= listed.take(&mut room, event, &mut read);
                }
            }
            let complete = {
                let mut unread = tracked.unread.lock();
                let waited = *unread > 0;
                *unread = unread.saturating_sub(read);
                changed |= waited && *unread == 0;
                *unread == 0
            };
            if complete && changed {
                self.announce(&cluster);
            }
        }
    }
}

/// What the lists of the three kinds have held so far.
#[derive(Default)]
struct Listed {
    nodes: Listing,
    pods: Listing,
    quotas: Listing,
}

/// What one kind's list has held so far; whatever isn't in it at its end is gone.
#[derive(Default)]
struct Listing {
    held: BTreeSet<Key>,
    /// Whether it has come to its end before: only a first list counts as read.
    again: bool,
}

/// How the objects of one kind are booked. Each says whether it changed the room.
struct Booking<K> {
    applied: fn(&mut MemberRoom, &K) -> bool,
    gone: fn(&mut MemberRoom, &Key) -> bool,
    known: fn(&MemberRoom) -> Vec<Key>,
}

impl Listed {
    /// Books the event; whether it changed the room. `read` counts the first lists that have ended.
    fn take(&mut self, room: &mut MemberRoom, event: Event, read: &mut usize) -> bool {
        match event {
            Event::Node(event) => {
                let booking = Booking {
                    applied: MemberRoom::node_applied,
                    gone: |room, key| room.node_gone(&key.name),
                    known: |room| room.node_names().map(|name| Key::new("", name)).collect(),
                };
                self.nodes.take(room, *event, &booking, read)
            }
            Event::Pod(event) => {
                let booking = Booking {
                    applied: MemberRoom::pod_applied,
                    gone: MemberRoom::pod_gone,
                    known: |room| room.pod_keys().cloned().collect(),
                };
                self.pods.take(room, *event, &booking, read)
            }
            Event::Quota(event) => {
                let booking = Booking {
                    applied: MemberRoom::quota_applied,
                    gone: MemberRoom::quota_gone,
                    known: |room| room.quota_keys().cloned().collect(),
                };
                self.quotas.take(room, *event, &booking, read)
            }
        }
    }
}

impl Listing {
    fn take<K: kube::Resource>(
        &mut self,
        room: &mut MemberRoom,
        event: watcher::Event<K>,
        booking: &Booking<K>,
        read: &mut usize,
    ) -> bool {
        match event {
            watcher::Event::Apply(object) => (booking.applied)(room, &object),
            watcher::Event::Delete(object) => (booking.gone)(room, &Key::of(object.meta())),
            watcher::Event::Init => {
                self.held.clear();
                false
            }
            watcher::Event::InitApply(object) => {
                self.held.insert(Key::of(object.meta()));
                (booking.applied)(room, &object)
            }
            watcher::Event::InitDone => {
                *read += usize::from(!self.again);
                self.again = true;
                let mut changed = false;
                for key in (booking.known)(room).iter().filter(|key| !self.held.contains(*key)) {
                    changed |= (booking.gone)(room, key);
                }
                changed
            }
        }
    }
}

/// The events of one kind; a watch that fails starts over with a backoff.
fn events<K>(api: Api<K>, wrap: fn(Box<watcher::Event<K>>) -> Event) -> BoxStream<'static, Event>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let url = api.resource_url().to_owned();
    watcher(api, watcher::Config::default())
        .default_backoff()
        .inspect_err(move |error| tracing::debug!(url, %error, "watch failed, starting over"))
        .filter_map(move |event| async move { event.ok().map(|event| wrap(Box::new(event))) })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_fresh_list_does_not_hold_is_gone() {
        let mut room = MemberRoom::default();
        let mut listed = Listed::default();
        let mut read = 0;
        let pod = |name: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": name, "namespace": "d"},
                "spec": {"nodeName": "n1", "containers": []}}))
            .unwrap()
        };
        for event in [
            watcher::Event::Init,
            watcher::Event::InitApply(pod("a")),
            watcher::Event::InitApply(pod("b")),
            watcher::Event::InitDone,
            watcher::Event::Init,
            watcher::Event::InitApply(pod("b")),
        ] {
            listed.take(&mut room, Event::Pod(Box::new(event)), &mut read);
        }
        assert!(
            listed.take(&mut room, Event::Pod(Box::new(watcher::Event::InitDone)), &mut read),
            "a's room is free now"
        );
        assert_eq!(read, 1, "only a first list counts");
        assert_eq!(room.summary(&[]).resources.allocated["pods"].0, "1");
    }
}
