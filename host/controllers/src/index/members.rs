//! The objects that the control plane keeps in its members, as last seen there: a watch for each member and kind
//! that some Work holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use kube::api::{Api, DynamicObject};
use kube::runtime::watcher;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::labels::{MANAGED, MANAGED_TRUE};
use windlass_core::{Gvk, ObjectId};

use super::Key;
use super::cache::{Cache, Change};
use super::feed::feed;
use super::resources::Served;
use super::template::Template;

/// An object in a member cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MemberObjectId {
    pub(crate) cluster: String,
    pub(crate) object: ObjectId,
}

impl fmt::Display for MemberObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.object, self.cluster)
    }
}

/// What is known of an object in a member.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    /// Its kind is not watched, or the watch has not listed it yet.
    Unknown,
    /// There is no managed object of that name; there may be one that isn't managed.
    Absent,
    Present(Arc<Template>),
}

type Listener = Box<dyn Fn(&str, &Change<Template>) + Send + Sync>;

/// The managed objects in all members.
pub(crate) struct MemberObjects {
    watched: RwLock<HashMap<(String, Gvk), Watched>>,
    listeners: Arc<RwLock<Vec<Listener>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Watched {
    cache: Arc<Cache<Template>>,
    stop: CancellationToken,
}

impl MemberObjects {
    pub(crate) fn new(shutdown: CancellationToken) -> MemberObjects {
        MemberObjects {
            watched: RwLock::default(),
            listeners: Arc::default(),
            tasks: TaskTracker::new(),
            shutdown,
        }
    }

    /// Calls `listener` with the cluster's name on every change from now on.
    pub(crate) fn listen(&self, listener: impl Fn(&str, &Change<Template>) + Send + Sync + 'static) {
        self.listeners.write().push(Box::new(listener));
    }

    /// Watches a kind in a member, if it isn't watched yet.
    pub(crate) fn watch(&self, cluster: &str, gvk: &Gvk, client: &kube::Client, served: &Served) {
        let key = (cluster.to_owned(), gvk.clone());
        if self.watched.read().contains_key(&key) {
            return;
        }
        let mut watched = self.watched.write();
        watched.entry(key).or_insert_with(|| self.start(cluster, gvk, client, served));
    }

    /// Ends all watches on a member: it has left, or is reached by another client from now on.
    pub(crate) fn forget(&self, cluster: &str) {
        self.watched.write().retain(|(of, _), watched| {
            if of == cluster {
                watched.stop.cancel();
            }
            of != cluster
        });
    }

    pub(crate) fn get(&self, cluster: &str, id: &ObjectId) -> Observed {
        let watched = self.watched.read();
        let Some(kind) = watched.get(&(cluster.to_owned(), id.gvk.clone())) else { return Observed::Unknown };
        match kind.cache.get(&Key::new(&id.namespace, &id.name)) {
            Some(object) => Observed::Present(object),
            None if kind.cache.is_synced() => Observed::Absent,
            None => Observed::Unknown,
        }
    }

    /// Every object that is seen in any member.
    pub(crate) fn all(&self) -> Vec<MemberObjectId> {
        let watched = self.watched.read();
        let of = |(cluster, cache): (&String, &Cache<Template>)| {
            let objects = cache.all().into_iter();
            objects
                .map(|object| MemberObjectId { cluster: cluster.clone(), object: object.id().clone() })
                .collect::<Vec<_>>()
        };
        watched.iter().flat_map(|((cluster, _), watched)| of((cluster, &watched.cache))).collect()
    }

    /// Takes the answer to a write of our own.
    pub(crate) fn offer(&self, cluster: &str, object: Template) {
        let key = (cluster.to_owned(), object.id().gvk.clone());
        let cache = self.watched.read().get(&key).map(|kind| kind.cache.clone());
        if let Some(cache) = cache {
            cache.offer(object);
        }
    }

    fn start(&self, cluster: &str, gvk: &Gvk, client: &kube::Client, served: &Served) -> Watched {
        let cache = Arc::new(Cache::default());
        let listeners = self.listeners.clone();
        let name = cluster.to_owned();
        cache.listen(move |change| {
            for listener in listeners.read().iter() {
                listener(&name, change);
            }
        });
        let stop = self.shutdown.child_token();
        let api = Api::<DynamicObject>::all_with(client.clone(), &served.resource);
        let config = watcher::Config::default().labels(&format!("{MANAGED}={MANAGED_TRUE}"));
        let (kind, into, until) = (gvk.clone(), cache.clone(), stop.clone());
        let watching =
            async move { feed(api, config, into, |object| Template::new(&kind, object).ok(), until).await };
        self.tasks.spawn(watching.instrument(tracing::info_span!("member", cluster, kind = %gvk)));
        Watched { cache, stop }
    }
}
