//! FederatedResourceQuotas: how much of each its namespace uses over all clusters together, and the parts of it that
//! are assigned to single clusters.

mod assignment;
mod book;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kube::api::{Api, Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::json;
use windlass_api::policy::{ClusterQuotaStatus, FederatedResourceQuota, FederatedResourceQuotaStatus};
use windlass_core::{Gvk, ObjectId};
use windlass_quota::Ledger;

use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Change, Index, Key};
use crate::patch::difference;
use crate::queue::Queue;
use crate::runner::{Outcome, Reconcile};
use crate::scheduling::Intake;
use crate::works;

pub use book::follow;

pub(crate) use waiting::Waiting;

/// How long a change of bindings waits for more: a burst of them is one write.
const SETTLE: Duration = Duration::from_millis(20);

/// Reconciles one quota: its Works, and its status.
pub(crate) struct Quotas {
    pub(crate) index: Arc<Index>,
    pub(crate) client: kube::Client,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) events: Events,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) scheduling: Arc<Intake>,
    pub(crate) told: Mutex<HashMap<Key, Told>>,
}

/// How a quota stood when those whom it concerns were last told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    generation: i64,
    status: FederatedResourceQuotaStatus,
    unknown_clusters: Vec<String>,
}

/// Sends all that concerns quotas to `queue` from now on, by way of the ledger and those that wait.
pub(crate) fn listen(index: &Index, ledger: &Arc<Ledger>, waiting: &Arc<Waiting>, queue: &Arc<Queue<Key>>) {
    ledger.begin();
    let (of, touched) = (index.quotas.clone(), queue.clone());
    book::keep(ledger, &index.bindings, &index.quotas, move |namespace| {
        for quota in of.by(namespace) {
            touched.add_after(Key::of(&quota.metadata), SETTLE);
        }
    });
    let noted = waiting.clone();
    index.bindings.listen(move |change| noted.note(change));

    let touched = queue.clone();
    index.quotas.listen(move |change| {
        touched.add_with(Key::of(&change.object().metadata), change.priority());
    });
    let touched = queue.clone();
    index.works.listen(move |change| {
        if let Some(quota) = assignment::quota_of(&change.object().metadata) {
            touched.add_with(quota, change.priority());
        }
    });
    let (touched, of) = (queue.clone(), index.quotas.clone());
    index.clusters.listen(move |change| {
        let is_news = match change {
            Change::Deleted { .. } => true,
            Change::Applied { old, new, .. } => old.as_ref().is_none_or(|old| {
                old.metadata.deletion_timestamp.is_some() != new.metadata.deletion_timestamp.is_some()
            }),
        };
        let name = change.object().metadata.name.as_deref().unwrap_or_default();
        for quota in of.all().iter().filter(|_| is_news) {
            if assignment::assigned(&quota.spec, name).is_some() {
                touched.add_with(Key::of(&quota.metadata), change.priority());
            }
        }
    });
}

impl Reconcile for Quotas {
    type Key = Key;
    const NAME: &'static str = "quotas";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(quota) =
            self.index.quotas.get(key).filter(|quota| quota.metadata.deletion_timestamp.is_none())
        else {
            self.told.lock().remove(key);
            // What it kept from being scheduled may be now.
            self.wake(&key.namespace);
            self.assign(key, None).await?;
            return Ok(Outcome::Done);
        };
        let before = quota.status.clone().unwrap_or_default();
        let status = FederatedResourceQuotaStatus {
            overall: quota.spec.overall.clone(),
            overall_used: self.ledger.used(&key.namespace, &quota.spec.overall),
            aggregated_status: self.aggregated(key),
        };
        self.tell(key, &quota, &status);
        let (assigned, written) =
            futures::join!(self.assign(key, Some(&quota)), self.write(key, &before, &status));
        assigned.and(written)?;
        Ok(Outcome::Done)
    }
}

impl Quotas {
    /// The clusters that take part: none of those that are on their way out.
    fn clusters(&self) -> Vec<String> {
        let clusters = self.index.clusters.all().into_iter();
        let staying = clusters.filter(|cluster| cluster.metadata.deletion_timestamp.is_none());
        let mut names: Vec<_> = staying.filter_map(|cluster| cluster.metadata.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// One Work for every cluster that has a part assigned, and none for any other.
    async fn assign(&self, key: &Key, quota: Option<&FederatedResourceQuota>) -> Result<(), Error> {
        let clusters = self.clusters();
        let each = clusters.iter().map(|cluster| async move {
            let assigned = quota.and_then(|quota| Some((quota, assignment::assigned(&quota.spec, cluster)?)));
            match assigned {
                Some((quota, assigned)) => works::put(&self.index, assignment::work(quota, assigned)).await,
                None => {
                    let work = assignment::work_key(key, cluster);
                    let found = self.index.works.get(&work);
                    let is_its = found.and_then(|work| assignment::quota_of(&work.metadata));
                    if is_its.as_ref() == Some(key) {
                        works::remove(&self.index, &work).await?;
                    }
                    Ok(())
                }
            }
        });
        join_all(each).await.into_iter().collect()
    }

    /// What the clusters say of their parts, by their names.
    fn aggregated(&self, key: &Key) -> Vec<ClusterQuotaStatus> {
        let clusters = self.clusters();
        let works = clusters.iter().filter_map(|cluster| {
            let work = self.index.works.get(&assignment::work_key(key, cluster))?;
            (assignment::quota_of(&work.metadata).as_ref() == Some(key)).then_some(work)
        });
        works.filter_map(|work| assignment::status(&work)).collect()
    }

    async fn write(
        &self,
        key: &Key,
        before: &FederatedResourceQuotaStatus,
        status: &FederatedResourceQuotaStatus,
    ) -> Result<(), Error> {
        let Some(patch) = difference(&serde_json::to_value(before)?, &serde_json::to_value(status)?) else {
            return Ok(());
        };
        let api: Api<FederatedResourceQuota> = Api::namespaced(self.client.clone(), &key.namespace);
        let patch = Patch::Merge(json!({ "status": patch }));
        match api.patch_status(&key.name, &PatchParams::default(), &patch).await {
            Ok(written) => self.index.quotas.offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Tells those whom a change concerns, once: bindings that wait for room, and people whose assignment is to a
    /// cluster that isn't there.
    fn tell(&self, key: &Key, quota: &FederatedResourceQuota, status: &FederatedResourceQuotaStatus) {
        let unknown = assignment::unknown(&quota.spec, |name| {
            self.index.cluster(name).is_some_and(|cluster| cluster.metadata.deletion_timestamp.is_none())
        });
        let now = Told {
            generation: quota.metadata.generation.unwrap_or_default(),
            status: FederatedResourceQuotaStatus { aggregated_status: Vec::new(), ..status.clone() },
            unknown_clusters: unknown.iter().map(|(_, cluster)| (*cluster).to_owned()).collect(),
        };
        let before = self.told.lock().insert(key.clone(), now.clone()).unwrap_or_default();
        if before.generation != now.generation || before.status != now.status {
            self.wake(&key.namespace);
        }
        if unknown.is_empty()
            || (before.generation == now.generation && before.unknown_clusters == now.unknown_clusters)
        {
            return;
        }
        let listed: Vec<_> = unknown
            .iter()
            .map(|(index, cluster)| format!("spec.staticAssignments[{index}].clusterName: {cluster}"))
            .collect();
        let note = format!(
            "there is no such cluster: {}; its ResourceQuota is created when it joins",
            listed.join(", ")
        );
        let about = ObjectId {
            gvk: Gvk::new("policy.karmada.io/v1alpha1", "FederatedResourceQuota"),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        let uid = quota.metadata.uid.as_deref().unwrap_or_default();
        self.events.warn(&about, uid, "AssignmentToUnknownCluster", "Assign", note);
    }

    /// Has the scheduler look again at what a quota of the namespace refused.
    fn wake(&self, namespace: &str) {
        if !self.waiting.of(namespace).is_empty() {
            self.scheduling.quota(namespace);
        }
    }
}
