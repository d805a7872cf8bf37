//! FederatedResourceQuotas: how much of each its namespace uses over all clusters together, and the parts of it that
//! are assigned to single clusters.

mod assignment;
mod book;

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
use windlass_scheduler::Resources;

use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Change, Index, Key};
use crate::patch::difference;
use crate::queue::Queue;
use crate::runner::{Outcome, Reconcile};
use crate::scheduling::Intake;
use crate::works;

pub use book::follow;

/// How long a change of bindings waits for more: a burst of them is one write.
const SETTLE: Duration = Duration::from_millis(20);
/// How long a refusal may be under way.
const REFUSAL: Duration = Duration::from_secs(1);

/// Reconciles one quota: its Works, and its status.
pub(crate) struct Quotas {
    pub(crate) index: Arc<Index>,
    pub(crate) client: kube::Client,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) events: Events,
    pub(crate) scheduling: Arc<Intake>,
    pub(crate) told: Mutex<HashMap<Key, Told>>,
}

/// How a quota stood when those whom it concerns were last told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    generation: i64,
    status: FederatedResourceQuotaStatus,
    unknown_clusters: Vec<String>,
    /// Whether the scheduler is to hear of room once more: a refusal may have been under way when it heard.
    again: bool,
}

/// Sends all that concerns quotas to `queue` from now on, by way of the ledger.
pub(crate) fn listen(index: &Index, ledger: &Arc<Ledger>, queue: &Arc<Queue<Key>>) {
    ledger.begin();
    let (of, touched) = (index.quotas.clone(), queue.clone());
    book::keep(ledger, &index.bindings, &index.quotas, move |namespace| {
        for quota in of.by(namespace) {
            touched.add_after(Key::of(&quota.metadata), SETTLE);
        }
    });
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
            self.scheduling.quota(&key.namespace);
            self.assign(key, None).await?;
            return Ok(Outcome::Done);
        };
        let before = quota.status.clone().unwrap_or_default();
        let status = FederatedResourceQuotaStatus {
            overall: quota.spec.overall.clone(),
            overall_used: self.ledger.used(&key.namespace, &quota.spec.overall),
            aggregated_status: self.aggregated(key),
        };
        let outcome = if self.tell(key, &quota, &status) { Outcome::After(REFUSAL) } else { Outcome::Done };
        let (assigned, written) =
            futures::join!(self.assign(key, Some(&quota)), self.write(key, &before, &status));
        assigned.and(written)?;
        Ok(outcome)
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

    /// Tells those whom a change concerns: bindings that wait for room, and, once, people whose assignment is to a
    /// cluster that isn't there. Whether to tell again.
    fn tell(&self, key: &Key, quota: &FederatedResourceQuota, status: &FederatedResourceQuotaStatus) -> bool {
        let unknown = assignment::unknown(&quota.spec, |name| {
            self.index.cluster(name).is_some_and(|cluster| cluster.metadata.deletion_timestamp.is_none())
        });
        let unknown_clusters = unknown.iter().map(|(_, cluster)| (*cluster).to_owned()).collect::<Vec<_>>();
        let generation = quota.metadata.generation.unwrap_or_default();
        let mut told = self.told.lock();
        let before = told.get(key).cloned().unwrap_or_default();
        let again = gave_room(&before.status, status);
        let news = before.generation != generation || before.unknown_clusters != unknown_clusters;
        told.insert(key.clone(), Told { generation, status: status.clone(), unknown_clusters, again });
        drop(told);
        if again || before.again {
            self.scheduling.quota(&key.namespace);
        }
        if news && !unknown.is_empty() {
            self.warn(key, quota, &unknown);
        }
        again
    }

    fn warn(&self, key: &Key, quota: &FederatedResourceQuota, unknown: &[(usize, &str)]) {
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
}

/// Whether there may be more room than before: a limit is higher or gone, or less is used.
fn gave_room(before: &FederatedResourceQuotaStatus, now: &FederatedResourceQuotaStatus) -> bool {
    let [limits_before, limits] = [before, now].map(|status| Resources::reported(&status.overall));
    let [used_before, used] = [before, now].map(|status| Resources::reported(&status.overall_used));
    let raised = limits_before.iter().any(|(name, limit)| !limits.names(name) || limits.get(name) > limit);
    raised || used_before.iter().any(|(name, amount)| used.get(name) < amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_of_higher_limits_and_lower_use() {
        let status = |cpu: &str, used: &str| -> FederatedResourceQuotaStatus {
            serde_json::from_value(json!({"overall": {"cpu": cpu}, "overallUsed": {"cpu": used}})).unwrap()
        };
        let none: FederatedResourceQuotaStatus = FederatedResourceQuotaStatus::default();
        for (before, now, want) in [
            (status("10", "5"), status("10", "5"), false),
            (status("10", "5"), status("10", "6"), false),
            (status("10", "5"), status("9", "5"), false),
            (status("10", "5"), status("11", "6"), true),
            (status("10", "5"), status("10", "4500m"), true),
            (status("10", "5"), none.clone(), true),
            (none, status("10", "5"), false),
        ] {
            assert_eq!(gave_room(&before, &now), want, "{before:?} {now:?}");
        }
    }
}
