//! WorkloadRebalancers: each asks for a fresh decision on some resources, once, and goes when its time is over.

mod progress;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;
use windlass_api::apps::{WorkloadRebalancer, WorkloadRebalancerStatus, WorkloadReference};
use windlass_core::{Gvk, ObjectId};

use crate::context::Clock;
use crate::detector::binding_key;
use crate::error::{Error, is_not_found, message};
use crate::events::Events;
use crate::index::{Binding, Index, Key};
use crate::patch::difference;
use crate::queue::Queue;
use crate::runner::{Outcome, Reconcile};

use progress::{Attempt, Progress};

/// How many bindings of one rebalancer are written at once.
const WRITES_MAX: usize = 16;

/// Reconciles one rebalancer.
pub(crate) struct Rebalancers {
    pub(crate) index: Arc<Index>,
    pub(crate) client: kube::Client,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
}

/// Sends rebalancers to `queue` from now on as they come and change.
pub(crate) fn listen(index: &Index, queue: &Arc<Queue<Key>>) {
    let queue = queue.clone();
    index.rebalancers.listen(move |change| {
        queue.add_with(Key::of(&change.object().metadata), change.priority());
    });
}

impl Reconcile for Rebalancers {
    type Key = Key;
    const NAME: &'static str = "rebalancers";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(rebalancer) = self.index.rebalancers.get(key) else { return Ok(Outcome::Done) };
        if rebalancer.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let finished = match progress::finished(&rebalancer) {
            Some(finished) => Some(finished),
            None => self.rebalance(&rebalancer).await?,
        };
        let (Some(finished), Some(ttl)) = (finished, rebalancer.spec.ttl_seconds_after_finished) else {
            return Ok(Outcome::Done);
        };
        match remaining((self.clock)(), finished.0, ttl) {
            Some(remaining) => Ok(Outcome::After(remaining)),
            None => self.delete(&rebalancer).await,
        }
    }
}

impl Rebalancers {
    /// Tries what has no result yet; when all had one, if all have.
    async fn rebalance(&self, rebalancer: &WorkloadRebalancer) -> Result<Option<Time>, Error> {
        let mut progress = Progress::of(rebalancer);
        let asked = rebalancer.metadata.creation_timestamp.clone().unwrap_or_else(|| Time((self.clock)()));
        let mut failed = 0;
        for some in progress.open().chunks(WRITES_MAX) {
            let attempts = some.iter().map(|(_, workload)| self.trigger(&asked, workload));
            for ((place, _), attempt) in some.iter().zip(join_all(attempts).await) {
                failed += usize::from(attempt == Attempt::Failed);
                progress.note(*place, attempt);
            }
        }
        let status = progress.status(rebalancer, (self.clock)());
        let finished = status.finish_time.clone();
        self.write(rebalancer, status).await?;
        if failed > 0 {
            return Err(Error::Waiting { what: format!("the next attempt at {failed} bindings") });
        }
        Ok(finished)
    }

    /// Has the workload's binding decided anew, unless that was asked for later than this.
    async fn trigger(&self, asked: &Time, workload: &WorkloadReference) -> Attempt {
        match self.try_trigger(asked, workload).await {
            Ok(true) => Attempt::Triggered,
            Ok(false) => Attempt::NotFound,
            Err(error) if is_not_found(&error) => Attempt::NotFound,
            // There is no path to something of such a name, and never will be.
            Err(kube::Error::BuildRequest(_)) => Attempt::NotFound,
            Err(error) => {
                let WorkloadReference { kind, namespace, name, .. } = workload;
                tracing::warn!(kind, namespace, name, error = %message(&error), "not rebalanced, trying again");
                Attempt::Failed
            }
        }
    }

    /// Whether there is a binding.
    async fn try_trigger(&self, asked: &Time, workload: &WorkloadReference) -> Result<bool, kube::Error> {
        let key = binding_key(&workload.kind, &workload.namespace, &workload.name);
        let api = self.index.binding_api(&key);
        let binding = match self.index.binding(&key) {
            Some(binding) => binding,
            // A failure is final: whether there is none is better asked than remembered.
            None => match api.get_opt(&key.name).await? {
                Some(binding) => Arc::new(binding),
                None => return Ok(false),
            },
        };
        if !is_of(&binding, workload) {
            return Ok(false);
        }
        if binding.spec.reschedule_triggered_at.as_ref().is_some_and(|triggered| triggered.0 >= asked.0) {
            return Ok(true);
        }
        let patch = Patch::Merge(json!({
            "metadata": {"uid": binding.metadata.uid},
            "spec": {"rescheduleTriggeredAt": asked},
        }));
        let written = api.patch(&key.name, &PatchParams::default(), &patch).await?;
        self.index.bindings_for(&key).offer(written);
        Ok(true)
    }

    async fn write(
        &self,
        rebalancer: &WorkloadRebalancer,
        status: WorkloadRebalancerStatus,
    ) -> Result<(), Error> {
        let before = serde_json::to_value(rebalancer.status.clone().unwrap_or_default())?;
        let Some(patch) = difference(&before, &serde_json::to_value(&status)?) else { return Ok(()) };
        let name = rebalancer.metadata.name.as_deref().unwrap_or_default();
        let patch = Patch::Merge(json!({ "status": patch }));
        match self.api().patch_status(name, &PatchParams::default(), &patch).await {
            Ok(written) => self.index.rebalancers.offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => {
                self.warn(rebalancer, &error);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Its time is over. One that has changed since isn't deleted: it comes back here.
    async fn delete(&self, rebalancer: &WorkloadRebalancer) -> Result<Outcome, Error> {
        let name = rebalancer.metadata.name.as_deref().unwrap_or_default();
        let seen = self.index.rebalancers.get(&Key::new("", name));
        let only_this = Preconditions {
            uid: rebalancer.metadata.uid.clone(),
            resource_version: seen.and_then(|seen| seen.metadata.resource_version.clone()),
        };
        match self.api().delete(name, &DeleteParams::background().preconditions(only_this)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }

    fn api(&self) -> Api<WorkloadRebalancer> {
        Api::all(self.client.clone())
    }

    /// A status may be more than the server stores: whoever wrote so long a list is to know.
    fn warn(&self, rebalancer: &WorkloadRebalancer, error: &kube::Error) {
        let about = ObjectId {
            gvk: Gvk::new("apps.karmada.io/v1alpha1", "WorkloadRebalancer"),
            namespace: String::new(),
            name: rebalancer.metadata.name.clone().unwrap_or_default(),
        };
        let note = format!(
            "status.observedWorkloads of {} workloads was not written: {}; name fewer in each rebalancer if it is too large",
            rebalancer.spec.workloads.len(),
            message(error)
        );
        let uid = rebalancer.metadata.uid.as_deref().unwrap_or_default();
        self.events.warn(&about, uid, "RebalanceStatusNotWritten", "Rebalance", note);
    }
}

/// Whether a binding is that of the workload: another kind may share its binding's name.
fn is_of(binding: &Binding, workload: &WorkloadReference) -> bool {
    let resource = &binding.spec.resource;
    let group = |api_version: &str| Gvk::new(api_version, "").group;
    resource.kind == workload.kind
        && resource.name == workload.name
        && group(&resource.api_version) == group(&workload.api_version)
}

/// How long a rebalancer stays that has finished; `None` if its time is over.
fn remaining(now: Timestamp, finished: Timestamp, ttl_seconds: i32) -> Option<Duration> {
    let over = finished.as_second().saturating_add(i64::from(ttl_seconds.max(0)));
    let milliseconds = over.saturating_mul(1000).saturating_sub(now.as_millisecond());
    u64::try_from(milliseconds).ok().filter(|left| *left > 0).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebalancer_stays_for_its_time_and_no_longer() {
        let at = |millisecond: i64| Timestamp::from_millisecond(millisecond).unwrap();
        assert_eq!(remaining(at(10_000), at(10_000), 5), Some(Duration::from_secs(5)));
        assert_eq!(remaining(at(14_999), at(10_000), 5), Some(Duration::from_millis(1)));
        assert_eq!(remaining(at(15_000), at(10_000), 5), None);
        assert_eq!(remaining(at(10_000), at(10_000), 0), None);
        assert!(remaining(at(0), at(0), i32::MAX).is_some());
        assert_eq!(remaining(at(0), at(0), i32::MIN), None);
    }

    #[test]
    fn another_kinds_binding_of_the_same_name_is_not_the_workloads() {
        let binding = |api_version: &str, kind: &str| -> Binding {
            serde_json::from_value(json!({"metadata": {"name": "web-deployment"},
                "spec": {"resource": {"apiVersion": api_version, "kind": kind, "name": "web"}}}))
            .unwrap()
        };
        let workload = WorkloadReference {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            namespace: String::new(),
        };
        assert!(is_of(&binding("apps/v1", "Deployment"), &workload));
        assert!(is_of(&binding("apps/v1beta1", "Deployment"), &workload));
        assert!(!is_of(&binding("example.com/v1", "Deployment"), &workload));
        assert!(!is_of(&binding("apps/v1", "deployment"), &workload));
    }
}
