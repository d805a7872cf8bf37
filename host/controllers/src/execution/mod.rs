//! Works to members: every object of a Work is in its member as the Work says, as long as the Work is there.

mod apply;
mod namespaces;
mod retain;

use std::sync::Arc;

use futures::future::join_all;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use windlass_api::cluster::Cluster;
use windlass_api::conditions::{CLUSTER_READY, WORK_APPLIED, WORK_DISPATCHING, work};
use windlass_api::labels::EXECUTION_FINALIZER;
use windlass_api::names;
use windlass_api::work::Work;
use windlass_core::{Object, ObjectId};

use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Index, Key};
use crate::marks::has_finalizer;
use crate::member_clients::MemberClients;
use crate::runner::{Outcome, Reconcile};
use crate::status::{NewCondition, Observations, work_id};

pub(crate) use apply::Applier;
pub(crate) use namespaces::Namespaces;

use apply::{ApplyError, Target};

/// Reconciles one Work with its member cluster.
pub(crate) struct Execution {
    pub(crate) client: kube::Client,
    pub(crate) index: Arc<Index>,
    pub(crate) members: Arc<dyn MemberClients>,
    pub(crate) applier: Applier,
    pub(crate) observations: Arc<Observations>,
    pub(crate) events: Events,
}

impl Reconcile for Execution {
    type Key = Key;
    const NAME: &'static str = "execution";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(work) = self.index.works.get(key) else {
            self.observations.forget(key);
            return Ok(Outcome::Done);
        };
        let Some(cluster) = names::cluster_of_execution_namespace(&key.namespace) else {
            return Ok(Outcome::Done);
        };
        if work.metadata.deletion_timestamp.is_some() {
            return self.finish(key, &work, cluster).await;
        }
        let suspended = work.spec.suspend_dispatching.unwrap_or(false);
        self.note_dispatching(key, &work, suspended);
        match self.reachable(cluster) {
            Some(client) if suspended => self.watch(&work, cluster, &client).await,
            Some(client) => self.dispatch(key, &work, cluster, &client).await,
            // The cluster's change brings its Works back here.
            None => Ok(Outcome::Done),
        }
    }
}

impl Execution {
    /// The client of a cluster that is ready.
    fn reachable(&self, cluster: &str) -> Option<kube::Client> {
        self.index.cluster(cluster).filter(|cluster| is_ready(cluster))?;
        self.members.client(cluster)
    }

    async fn dispatch(
        &self,
        key: &Key,
        work: &Work,
        cluster: &str,
        client: &kube::Client,
    ) -> Result<Outcome, Error> {
        let manifests = &work.spec.workload.manifests;
        let applied = join_all(manifests.iter().map(|manifest| self.apply(cluster, client, manifest))).await;
        let total = applied.len();
        let failed: Vec<Error> = applied.into_iter().filter_map(Result::err).collect();
        let Some(first) = failed.first() else {
            self.note_applied(key, work, true, "Manifest has been successfully applied".to_owned());
            return Ok(Outcome::Done);
        };
        let reasons: Vec<String> = failed.iter().map(ToString::to_string).collect();
        let message = format!(
            "Failed to apply all manifests ({}/{total}): {}",
            total - failed.len(),
            reasons.join("; ")
        );
        if !first.is_race() {
            let uid = work.metadata.uid.as_deref().unwrap_or_default();
            self.events.warn(&work_id(key), uid, "SyncWorkloadFailed", "SyncWorkload", message.clone());
        }
        self.note_applied(key, work, false, message);
        Err(failed.into_iter().next().expect("there is a first"))
    }

    /// What is held back is still looked at: its status goes on.
    async fn watch(&self, work: &Work, cluster: &str, client: &kube::Client) -> Result<Outcome, Error> {
        for manifest in &work.spec.workload.manifests {
            let id = Object::from_value(manifest)?.id().clone();
            let served = self.index.resources.find(&self.client, &id.gvk).await?;
            self.applier.objects.watch(cluster, &id.gvk, client, &served);
        }
        Ok(Outcome::Done)
    }

    async fn apply(&self, cluster: &str, client: &kube::Client, manifest: &Value) -> Result<(), Error> {
        let id = Object::from_value(manifest)?.id().clone();
        let served = self.index.resources.find(&self.client, &id.gvk).await?;
        let target = Target { cluster, client, id: &id, served: &served };
        Ok(self.applier.apply(&target, manifest).await?)
    }

    /// The Work is being deleted: its objects go first, or stay without marks, as it says.
    async fn finish(&self, key: &Key, work: &Work, cluster: &str) -> Result<Outcome, Error> {
        if !has_finalizer(&work.metadata, EXECUTION_FINALIZER) {
            return Ok(Outcome::Done);
        }
        let leaving =
            self.index.cluster(cluster).is_none_or(|cluster| cluster.metadata.deletion_timestamp.is_some());
        match self.reachable(cluster) {
            Some(client) => {
                let ended = work
                    .spec
                    .workload
                    .manifests
                    .iter()
                    .map(|manifest| self.end(work, cluster, &client, manifest));
                join_all(ended).await.into_iter().collect::<Result<(), Error>>()?;
            }
            // Nobody will ever reach its objects again through this Work.
            None if leaving => {}
            // The cluster's change brings the Work back here.
            None => return Ok(Outcome::Done),
        }
        let rest: Vec<_> =
            work.metadata.finalizers.iter().flatten().filter(|name| *name != EXECUTION_FINALIZER).collect();
        let patch = Patch::Merge(json!({"metadata": {"finalizers": rest}}));
        match self.index.work_api(&key.namespace).patch(&key.name, &PatchParams::default(), &patch).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }

    async fn end(
        &self,
        work: &Work,
        cluster: &str,
        client: &kube::Client,
        manifest: &Value,
    ) -> Result<(), Error> {
        let id: ObjectId = Object::from_value(manifest)?.id().clone();
        let served = match self.index.resources.find(&self.client, &id.gvk).await {
            Ok(served) => served,
            // The definition is gone from the control plane, and nothing tells how to name its objects.
            Err(Error::NotServed(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let target = Target { cluster, client, id: &id, served: &served };
        if work.spec.preserve_resources_on_deletion.unwrap_or(false) {
            self.applier.leave(&target).await?;
        } else {
            self.applier.delete(&target).await?;
        }
        Ok(())
    }

    fn note_dispatching(&self, key: &Key, work: &Work, suspended: bool) {
        let (reason, message) = if suspended {
            (work::SUSPEND_DISPATCHING, "Work dispatching is in a suspended state.")
        } else {
            (work::DISPATCHING, "Work is being dispatched to member clusters.")
        };
        let condition =
            NewCondition { status: !suspended, reason: reason.to_owned(), message: message.to_owned() };
        self.note(key, work, WORK_DISPATCHING, condition);
    }

    fn note_applied(&self, key: &Key, work: &Work, applied: bool, message: String) {
        let reason = if applied { work::APPLIED_SUCCESSFUL } else { work::APPLIED_FAILED };
        self.note(
            key,
            work,
            WORK_APPLIED,
            NewCondition { status: applied, reason: reason.to_owned(), message },
        );
    }

    /// Notes a condition that the Work doesn't have yet.
    fn note(&self, key: &Key, work: &Work, kind: &'static str, condition: NewCondition) {
        let status = if condition.status { "True" } else { "False" };
        let known = work.status.iter().flat_map(|status| &status.conditions).any(|known| {
            known.type_ == kind
                && known.status == status
                && known.reason == condition.reason
                && known.message == condition.message
        });
        if !known || self.observations.waits(key) {
            self.observations.condition(key, kind, condition);
        }
    }
}

/// Whether a cluster's Ready condition holds.
pub(crate) fn is_ready(cluster: &Cluster) -> bool {
    let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == CLUSTER_READY && condition.status == "True")
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Error {
        if error.is_race() {
            Error::Waiting { what: error.to_string() }
        } else {
            Error::Refused(error.to_string())
        }
    }
}
