//! Watches on resource templates: of just the kinds that somebody wants, started and stopped as they come and go.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kube::api::DynamicObject;
use kube::runtime::watcher;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_core::{Gvk, ObjectId};

use super::Key;
use super::cache::{Cache, Change};
use super::feed::feed;
use super::resources::Resources;
use super::template::Template;
use crate::error::{Error, is_not_found};

/// How long an unserved kind waits for word of a CustomResourceDefinition before it asks discovery again: soon after
/// it was last heard of, for a server may serve what it defines a little later; then less and less often.
const DISCOVERY_RETRY_MIN: Duration = Duration::from_millis(100);
const DISCOVERY_RETRY_MAX: Duration = Duration::from_secs(30);

type Listener = Box<dyn Fn(&Gvk, &Change<Template>) + Send + Sync>;

/// The templates of all kinds that are wanted.
pub(crate) struct Templates {
    client: kube::Client,
    resources: Arc<Resources>,
    watched: RwLock<HashMap<Gvk, Watched>>,
    listeners: Arc<RwLock<Vec<Listener>>>,
    /// Counts changes of what the API serves.
    served: watch::Sender<u64>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Watched {
    cache: Arc<Cache<Template>>,
    stop: CancellationToken,
}

impl Templates {
    pub(crate) fn new(
        client: kube::Client,
        resources: Arc<Resources>,
        shutdown: CancellationToken,
    ) -> Templates {
        Templates {
            client,
            resources,
            watched: RwLock::default(),
            listeners: Arc::default(),
            served: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            shutdown,
        }
    }

    /// Calls `listener` on every change of every watched template from now on.
    pub(crate) fn listen(&self, listener: impl Fn(&Gvk, &Change<Template>) + Send + Sync + 'static) {
        self.listeners.write().push(Box::new(listener));
    }

    /// Watches just these kinds from now on.
    pub(crate) fn want(&self, wanted: &BTreeSet<Gvk>) {
        let mut watched = self.watched.write();
        watched.retain(|gvk, kind| {
            let keep = wanted.contains(gvk);
            if !keep {
                kind.stop.cancel();
            }
            keep
        });
        for gvk in wanted {
            if !watched.contains_key(gvk) {
                watched.insert(gvk.clone(), self.start(gvk));
            }
        }
    }

    /// A kind is served anew, otherwise, or no more: whoever waits for one asks again.
    pub(crate) fn api_changed(&self, group: &str) {
        self.resources.forget_group(group);
        self.served.send_modify(|count| *count += 1);
    }

    /// The template as last seen, or as the API server has it if its kind isn't watched (yet).
    ///
    /// # Errors
    /// The kind isn't served, or the server was not reached.
    pub(crate) async fn get(&self, id: &ObjectId) -> Result<Option<Arc<Template>>, Error> {
        if let Some(cache) = self.synced(&id.gvk) {
            return Ok(cache.get(&Key::new(&id.namespace, &id.name)));
        }
        let served = self.resources.find(&self.client, &id.gvk).await?;
        match served.api(&self.client, &id.namespace).get(&id.name).await {
            Ok(object) => Ok(Some(Arc::new(Template::new(&id.gvk, object)?))),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The templates of a kind that is watched.
    pub(crate) fn all(&self, gvk: &Gvk) -> Vec<Arc<Template>> {
        self.watched.read().get(gvk).map(|kind| kind.cache.all()).unwrap_or_default()
    }

    /// The templates of every kind that is watched and for which `wanted` holds.
    pub(crate) fn filter(&self, wanted: impl Fn(&Template) -> bool) -> Vec<Arc<Template>> {
        let caches: Vec<_> = self.watched.read().values().map(|kind| kind.cache.clone()).collect();
        caches.iter().flat_map(|cache| cache.all()).filter(|template| wanted(template)).collect()
    }

    pub(crate) fn is_watched(&self, gvk: &Gvk) -> bool {
        self.watched.read().contains_key(gvk)
    }

    /// Takes the answer to a write of our own.
    pub(crate) fn offer(&self, gvk: &Gvk, object: DynamicObject) {
        let cache = self.watched.read().get(gvk).map(|kind| kind.cache.clone());
        if let (Some(cache), Ok(template)) = (cache, Template::new(gvk, object)) {
            cache.offer(template);
        }
    }

    fn synced(&self, gvk: &Gvk) -> Option<Arc<Cache<Template>>> {
        let watched = self.watched.read();
        watched.get(gvk).map(|kind| &kind.cache).filter(|cache| cache.is_synced()).cloned()
    }

    fn start(&self, gvk: &Gvk) -> Watched {
        let cache = Arc::new(Cache::default());
        let listeners = self.listeners.clone();
        let kind = gvk.clone();
        cache.listen(move |change| {
            for listener in listeners.read().iter() {
                listener(&kind, change);
            }
        });
        let stop = self.shutdown.child_token();
        let watching = watch_kind(
            self.client.clone(),
            self.resources.clone(),
            gvk.clone(),
            cache.clone(),
            self.served.subscribe(),
            stop.clone(),
        );
        self.tasks.spawn(watching.instrument(tracing::info_span!("templates", kind = %gvk)));
        Watched { cache, stop }
    }
}

async fn watch_kind(
    client: kube::Client,
    resources: Arc<Resources>,
    gvk: Gvk,
    cache: Arc<Cache<Template>>,
    mut served: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let mut pause = DISCOVERY_RETRY_MIN;
    let resource = loop {
        served.mark_unchanged();
        match resources.find(&client, &gvk).await {
            Ok(served) => break served.resource,
            Err(error) => tracing::info!(%error, "waiting for the kind to be served"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = served.changed() => pause = DISCOVERY_RETRY_MIN,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(DISCOVERY_RETRY_MAX),
        }
    };
    let api = kube::Api::<DynamicObject>::all_with(client, &resource);
    feed(api, watcher::Config::default(), cache, |object| Template::new(&gvk, object).ok(), stop).await;
}
