//! FederatedResourceQuotas: how much of each its namespace uses over all clusters together.

mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher;
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use windlass_api::policy::{FederatedResourceQuota, FederatedResourceQuotaStatus};
use windlass_core::{Gvk, ObjectId};

use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Cache, Change, Index, Key, feed};
use crate::patch::difference;
use crate::queue::{Priority, Queue};
use crate::runner::{self, Outcome, Reconcile};

use usage::Ledger;

const CONCURRENCY: usize = 4;
/// How long a change of bindings waits for more: a burst of them is one write.
const SETTLE: Duration = Duration::from_millis(20);

/// Looks after all FederatedResourceQuotas until `shutdown`.
pub(crate) async fn run(
    index: Arc<Index>,
    client: kube::Client,
    events: Events,
    shutdown: CancellationToken,
) {
    let quotas: Arc<Cache<FederatedResourceQuota>> =
        Arc::new(Cache::indexed_by(|quota: &FederatedResourceQuota| {
            quota.metadata.namespace.as_deref().into_iter().collect()
        }));
    let queue: Arc<Queue<Key>> = Arc::default();
    let ledger: Arc<Mutex<Ledger>> = Arc::default();

    let seen = queue.clone();
    quotas.listen(move |change| {
        if let Change::Applied { new, priority, .. } = change {
            seen.add_with(Key::of(&new.metadata), *priority);
        }
    });
    let (booked, of, touched) = (ledger.clone(), quotas.clone(), queue.clone());
    index.bindings.listen(move |change| {
        let key = Key::of(&change.object().metadata);
        let changed = match change {
            Change::Applied { new, .. } => booked.lock().booked(&key, &new.spec),
            Change::Deleted { .. } => booked.lock().gone(&key),
        };
        if changed {
            for quota in of.by(&key.namespace) {
                touched.add_after(Key::of(&quota.metadata), SETTLE);
            }
        }
    });
    // What was there before anybody listened.
    for binding in index.bindings.all() {
        ledger.lock().booked(&Key::of(&binding.metadata), &binding.spec);
    }

    let mut tasks = JoinSet::new();
    let api: Api<FederatedResourceQuota> = Api::all(client.clone());
    let watch = feed(api, watcher::Config::default(), quotas.clone(), Some, shutdown.clone());
    tasks.spawn(watch.instrument(tracing::info_span!("watch", cache = "quotas")));
    quotas.synced().await;
    for quota in quotas.all() {
        queue.add_with(Key::of(&quota.metadata), Priority::Replay);
    }
    let reconciler = Quotas { quotas, ledger, client, events, told: Mutex::default() };
    runner::run(Arc::new(reconciler), queue, || CONCURRENCY, shutdown).await;
}

/// Reconciles one quota's status.
struct Quotas {
    quotas: Arc<Cache<FederatedResourceQuota>>,
    ledger: Arc<Mutex<Ledger>>,
    client: kube::Client,
    events: Events,
    /// The generation of each quota for which it was said that its assignments have no effect.
    told: Mutex<HashMap<String, i64>>,
}

impl Reconcile for Quotas {
    type Key = Key;
    const NAME: &'static str = "quotas";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(quota) = self.quotas.get(key).filter(|quota| quota.metadata.deletion_timestamp.is_none())
        else {
            return Ok(Outcome::Done);
        };
        self.tell_assignments(key, &quota);
        let before = quota.status.clone().unwrap_or_default();
        let status = FederatedResourceQuotaStatus {
            overall: quota.spec.overall.clone(),
            overall_used: self.ledger.lock().used(&key.namespace, &quota.spec.overall),
            aggregated_status: before.aggregated_status.clone(),
        };
        let Some(patch) = difference(&serde_json::to_value(&before)?, &serde_json::to_value(&status)?) else {
            return Ok(Outcome::Done);
        };
        let api: Api<FederatedResourceQuota> = Api::namespaced(self.client.clone(), &key.namespace);
        let patch = Patch::Merge(json!({ "status": patch }));
        match api.patch_status(&key.name, &PatchParams::default(), &patch).await {
            Ok(written) => self.quotas.offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Outcome::Done)
    }
}

impl Quotas {
    /// Assignments to clusters have no effect yet; whoever writes some is told so, once.
    fn tell_assignments(&self, key: &Key, quota: &FederatedResourceQuota) {
        if quota.spec.static_assignments.is_empty() {
            return;
        }
        let uid = quota.metadata.uid.clone().unwrap_or_default();
        let generation = quota.metadata.generation.unwrap_or_default();
        if self.told.lock().insert(uid.clone(), generation) == Some(generation) {
            return;
        }
        let about = ObjectId {
            gvk: Gvk::new("policy.karmada.io/v1alpha1", "FederatedResourceQuota"),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        let note =
            "spec.staticAssignments is not applied: no ResourceQuotas are created in the member clusters; \
                    status.overallUsed counts all clusters together"
                .to_owned();
        self.events.warn(&about, &uid, "StaticAssignmentsNotApplied", "Assign", note);
    }
}
