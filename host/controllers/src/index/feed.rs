//! Feeds a cache from a watch, for as long as its owner lets it.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::cache::{Cache, Entry};

/// Lists and watches `api` into `cache` until `shutdown`. Expired watches and unreachable servers are normal: the
/// watch starts over with a backoff, and what was missed arrives as a replay.
pub(crate) async fn feed<K, T>(
    api: Api<K>,
    config: watcher::Config,
    cache: Arc<Cache<T>>,
    convert: impl Fn(K) -> Option<T> + Send + Copy,
    shutdown: CancellationToken,
) where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Entry,
{
    follow(api, config, move |event| cache.take(event, convert), shutdown).await;
}

/// Lists and watches `api` until `shutdown`, and gives every event to `take`, which has to be quick.
pub(crate) async fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    take: impl Fn(watcher::Event<K>) + Send,
    shutdown: CancellationToken,
) where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let url = api.resource_url().to_owned();
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            Some(Ok(event)) => take(event),
            Some(Err(error)) => tracing::warn!(url, %error, "watch failed, starting over"),
            None => return,
        }
    }
}
