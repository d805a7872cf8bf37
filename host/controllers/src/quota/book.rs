//! Keeps the ledger up to date with the bindings and quotas that are seen.

use std::sync::Arc;

use kube::api::Api;
use kube::runtime::watcher;
use tokio_util::sync::CancellationToken;
use windlass_api::policy::FederatedResourceQuota;
use windlass_quota::{BindingId, Ledger, usage};

use crate::index::{Binding, Cache, Change, Key, binding_resource, feed, version};

/// Books every binding and every quota from now on, and calls `changed` with a namespace whose use is another one.
pub(super) fn keep(
    ledger: &Arc<Ledger>,
    bindings: &Cache<Binding>,
    quotas: &Cache<FederatedResourceQuota>,
    changed: impl Fn(&str) + Send + Sync + 'static,
) {
    let booked = ledger.clone();
    bindings.listen(move |change| {
        let meta = &change.object().metadata;
        let key = Key::of(meta);
        let of = BindingId { namespace: &key.namespace, name: &key.name };
        let differs = match change {
            Change::Applied { new, .. } => {
                let (uid, generation) = (meta.uid.as_deref(), meta.generation.unwrap_or(0));
                booked.observe(of, uid.unwrap_or_default(), generation, version(meta), || usage(&new.spec))
            }
            // Its end is a version after the last that was seen.
            Change::Deleted { .. } => booked.gone(of, version(meta).saturating_add(1)),
        };
        if differs {
            changed(&key.namespace);
        }
    });
    let booked = ledger.clone();
    quotas.listen(move |change| {
        let quota = change.object();
        let key = Key::of(&quota.metadata);
        let of = BindingId { namespace: &key.namespace, name: &key.name };
        match change {
            Change::Applied { new, .. } => booked.limit(of, version(&new.metadata), &new.spec.overall),
            Change::Deleted { .. } => booked.unlimited(of),
        }
    });
}

/// Keeps a ledger up to date by watches of its own, until `shutdown`: for a process that enforces quotas and runs no
/// controllers.
pub async fn follow(client: kube::Client, ledger: Arc<Ledger>, shutdown: CancellationToken) {
    let bindings: Arc<Cache<Binding>> = Arc::default();
    let quotas: Arc<Cache<FederatedResourceQuota>> = Arc::default();
    keep(&ledger, &bindings, &quotas, |_| {});
    let of_bindings = Api::<Binding>::all_with(client.clone(), &binding_resource(true));
    let of_quotas = Api::<FederatedResourceQuota>::all(client);
    let config = watcher::Config::default;
    tokio::join!(
        feed(of_bindings, config(), bindings.clone(), Some, shutdown.clone()),
        feed(of_quotas, config(), quotas.clone(), Some, shutdown.clone()),
        shutdown.run_until_cancelled(async {
            bindings.synced().await;
            quotas.synced().await;
            ledger.complete();
        })
    );
}
