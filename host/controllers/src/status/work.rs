//! Writes the status of Works: what applying came to, and what the objects in the member are seen to do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::json;
use windlass_api::work::{ManifestStatus, Work, WorkStatus};

use super::notes::{ConditionChanges, NewCondition, apply_conditions};
use crate::context::Clock;
use crate::error::{Error, is_not_found};
use crate::index::{Index, Key};
use crate::patch::difference;
use crate::queue::Queue;
use crate::runner::{Outcome, Reconcile};

/// How long a status waits for more to say: an object that was applied shows its first status right after.
const SETTLE: Duration = Duration::from_millis(20);

/// What waits to be written to one Work's status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    conditions: ConditionChanges,
    /// By the object's index among the Work's manifests.
    manifests: BTreeMap<i64, ManifestStatus>,
}

/// What was observed of all Works and is not written yet.
pub(crate) struct Observations {
    waiting: Mutex<HashMap<Key, Observed>>,
    queue: Arc<Queue<Key>>,
}

impl Observations {
    /// Observations whose writer takes its keys from `queue`.
    pub(crate) fn new(queue: Arc<Queue<Key>>) -> Observations {
        Observations { waiting: Mutex::default(), queue }
    }

    pub(crate) fn condition(&self, key: &Key, kind: &'static str, condition: NewCondition) {
        self.waiting.lock().entry(key.clone()).or_default().conditions.insert(kind, Some(condition));
        self.queue.add_after(key.clone(), SETTLE);
    }

    pub(crate) fn manifest(&self, key: &Key, status: ManifestStatus) {
        self.waiting
            .lock()
            .entry(key.clone())
            .or_default()
            .manifests
            .insert(status.identifier.ordinal, status);
        self.queue.add_after(key.clone(), SETTLE);
    }

    /// Whether something waits to be written for a Work: what it says now is then about to change.
    pub(crate) fn waits(&self, key: &Key) -> bool {
        self.waiting.lock().contains_key(key)
    }

    /// Forgets a Work that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.waiting.lock().remove(key);
    }

    fn take(&self, key: &Key) -> Option<Observed> {
        self.waiting.lock().remove(key)
    }

    fn put_back(&self, key: &Key, observed: Observed) {
        let mut waiting = self.waiting.lock();
        let newer = waiting.entry(key.clone()).or_default();
        for (kind, condition) in observed.conditions {
            newer.conditions.entry(kind).or_insert(condition);
        }
        for (ordinal, status) in observed.manifests {
            newer.manifests.entry(ordinal).or_insert(status);
        }
    }
}

/// Writes the status of one Work.
pub(crate) struct WorkStatuses {
    pub(crate) index: Arc<Index>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) clock: Clock,
}

impl Reconcile for WorkStatuses {
    type Key = Key;
    const NAME: &'static str = "work-status";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(observed) = self.observations.take(key) else { return Ok(Outcome::Done) };
        let Some(work) = self.index.works.get(key) else { return Ok(Outcome::Done) };
        let written = self.write(key, &work, &observed).await;
        if written.is_err() {
            self.observations.put_back(key, observed);
        }
        written.map(|()| Outcome::Done)
    }
}

impl WorkStatuses {
    async fn write(&self, key: &Key, work: &Work, observed: &Observed) -> Result<(), Error> {
        let old = work.status.clone().unwrap_or_default();
        let new = status(&old, observed, work, (self.clock)());
        let Some(changed) = difference(&serde_json::to_value(&old)?, &serde_json::to_value(&new)?) else {
            return Ok(());
        };
        let patch = Patch::Merge(json!({ "status": changed }));
        match self
            .index
            .work_api(&key.namespace)
            .patch_status(&key.name, &PatchParams::default(), &patch)
            .await
        {
            Ok(written) => self.index.works.offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn status(old: &WorkStatus, observed: &Observed, work: &Work, now: Timestamp) -> WorkStatus {
    let mut new = old.clone();
    apply_conditions(&mut new.conditions, &observed.conditions, None, now);
    let mut manifests: BTreeMap<i64, ManifestStatus> =
        new.manifest_statuses.into_iter().map(|status| (status.identifier.ordinal, status)).collect();
    manifests.extend(observed.manifests.clone());
    // What is said of manifests that the Work no longer has goes with them.
    let count = i64::try_from(work.spec.workload.manifests.len()).unwrap_or(i64::MAX);
    manifests.retain(|ordinal, _| *ordinal < count);
    new.manifest_statuses = manifests.into_values().collect();
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_api::work::{ResourceHealth, ResourceIdentifier, WorkSpec, WorkloadTemplate};

    fn manifest(ordinal: i64, health: ResourceHealth) -> ManifestStatus {
        let identifier = ResourceIdentifier { ordinal, ..ResourceIdentifier::default() };
        ManifestStatus { identifier, health: Some(health), status: None }
    }

    #[test]
    fn a_status_keeps_what_was_not_observed_anew_and_drops_what_is_gone() {
        let manifests = vec![json!({}), json!({})];
        let work = Work {
            spec: WorkSpec { workload: WorkloadTemplate { manifests }, ..WorkSpec::default() },
            ..Work::default()
        };
        let old = WorkStatus {
            manifest_statuses: (0..3).map(|ordinal| manifest(ordinal, ResourceHealth::Unknown)).collect(),
            ..WorkStatus::default()
        };
        let mut observed = Observed::default();
        observed.manifests.insert(1, manifest(1, ResourceHealth::Healthy));
        let new = status(&old, &observed, &work, Timestamp::UNIX_EPOCH);
        let health: Vec<_> = new.manifest_statuses.iter().filter_map(|status| status.health).collect();
        assert_eq!(health, [ResourceHealth::Unknown, ResourceHealth::Healthy]);
    }
}
