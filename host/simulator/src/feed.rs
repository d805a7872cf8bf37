//! Watches, as a stream of what was seen, what is gone, and what a fresh list holds.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures::{StreamExt, pin_mut};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

/// Namespace (empty for a cluster-scoped object) and name.
pub(crate) type Key = (String, String);

/// One piece of news from a watch.
#[derive(Debug)]
pub(crate) enum News<K> {
    Seen(K),
    Gone(Key),
    /// A list was read to its end: whatever isn't in it is gone.
    Listed(BTreeSet<Key>),
}

pub(crate) fn key_of<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Watches `api` until the receiver is dropped, with backoff when the server fails; `wrap` makes the receiver's event.
pub(crate) async fn feed<K, E>(api: Api<K>, news: mpsc::Sender<E>, wrap: impl Fn(News<K>) -> E)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let stream = watcher(api, watcher::Config::default()).default_backoff();
    pin_mut!(stream);
    let mut listed = BTreeSet::new();
    while let Some(event) = stream.next().await {
        let one = match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitApply(object)) => {
                listed.insert(key_of(&object));
                News::Seen(object)
            }
            Ok(watcher::Event::Apply(object)) => News::Seen(object),
            Ok(watcher::Event::Delete(object)) => News::Gone(key_of(&object)),
            Ok(watcher::Event::InitDone) => News::Listed(std::mem::take(&mut listed)),
            Err(error) => {
                tracing::debug!(%error, "watch failed, it will be tried again");
                continue;
            }
        };
        if news.send(wrap(one)).await.is_err() {
            return;
        }
    }
}
