//! Watches the objects that quotas count, of whatever resource; pods are watched anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::DynamicObject;
use kube::discovery::{ApiResource, Discovery, Scope};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::feed::{News, feed};
use crate::quota::ResourceName;

/// How long until a resource that isn't served is looked for again.
const RETRY: Duration = Duration::from_secs(2);

/// Watches what is `needed`, until the receiver of the news is dropped.
pub(crate) async fn follow<E: Send + 'static>(
    client: Client,
    mut needed: watch::Receiver<BTreeSet<ResourceName>>,
    news: mpsc::Sender<E>,
    wrap: fn(ResourceName, News<DynamicObject>) -> E,
) {
    let mut watches = JoinSet::new();
    let mut watched: BTreeMap<ResourceName, AbortHandle> = BTreeMap::new();
    loop {
        let now = needed.borrow_and_update().clone();
        watched.retain(|resource, watch| {
            let stays = now.contains(resource);
            if !stays {
                watch.abort();
            }
            stays
        });
        let mut missing: Vec<_> = now.into_iter().filter(|one| !watched.contains_key(one)).collect();
        if !missing.is_empty() {
            match served(&client).await {
                Ok(served) => missing.retain(|name| {
                    let Some(resource) = served.get(name) else { return true };
                    let (api, name) = (Api::all_with(client.clone(), resource), name.clone());
                    let of = name.clone();
                    let watch = watches.spawn(feed(api, news.clone(), move |one| wrap(of.clone(), one)));
                    watched.insert(name, watch);
                    false
                }),
                Err(error) => tracing::debug!(%error, "the resources that quotas count can't be discovered"),
            }
        }
        tokio::select! {
            changed = needed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if !missing.is_empty() => {}
            () = news.closed() => return,
        }
    }
}

async fn served(client: &Client) -> Result<BTreeMap<ResourceName, ApiResource>, kube::Error> {
    let discovery = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => discovery,
        Err(_) => Discovery::new(client.clone()).run().await?,
    };
    let resources = discovery.groups().flat_map(|group| group.recommended_resources());
    Ok(resources
        .filter(|(_, capabilities)| {
            capabilities.scope == Scope::Namespaced && capabilities.supports_operation("watch")
        })
        .map(|(resource, _)| (ResourceName::new(&resource.group, &resource.plural), resource))
        .collect())
}
