//! A Cluster's coming and going: its execution namespace, finalizer and taints.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use windlass_api::cluster::Cluster;
use windlass_api::conditions::CLUSTER_READY;
use windlass_api::labels::{CLUSTER_FINALIZER, SYSTEM, TAINT_NOT_READY, TAINT_UNREACHABLE};
use windlass_api::names;

use crate::error::{Error, is_already_exists, is_not_found};
use crate::index::{Index, Key};
use crate::marks;
use crate::runner::{Outcome, Reconcile};

/// How often it is looked whether a leaving cluster is out of all bindings.
const LEAVING: Duration = Duration::from_secs(1);

/// Reconciles what surrounds one Cluster.
pub(super) struct Lifecycle {
    pub(super) index: Arc<Index>,
    pub(super) client: kube::Client,
}

impl Reconcile for Lifecycle {
    type Key = Key;
    const NAME: &'static str = "clusters";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(cluster) = self.index.clusters.get(key) else { return Ok(Outcome::Done) };
        if cluster.metadata.deletion_timestamp.is_some() {
            return self.leave(key, &cluster).await;
        }
        self.ensure_namespace(&key.name).await?;
        self.mark(key, &cluster).await?;
        Ok(Outcome::Done)
    }
}

impl Lifecycle {
    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    async fn ensure_namespace(&self, cluster: &str) -> Result<(), Error> {
        let name = names::execution_namespace(cluster);
        if self.index.namespaces.get(&Key::new("", &name)).is_some() {
            return Ok(());
        }
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name),
                labels: Some([(SYSTEM.to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        match self.namespaces().create(&PostParams::default(), &namespace).await {
            Err(error) if !is_already_exists(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Finalizer and taints, in one write.
    async fn mark(&self, key: &Key, cluster: &Cluster) -> Result<(), Error> {
        let mut patch = json!({});
        if !marks::has_finalizer(&cluster.metadata, CLUSTER_FINALIZER) {
            let mut finalizers = cluster.metadata.finalizers.clone().unwrap_or_default();
            finalizers.push(CLUSTER_FINALIZER.to_owned());
            patch["metadata"]["finalizers"] = json!(finalizers);
        }
        let taints = tainted(cluster);
        if taints != cluster.spec.taints {
            patch["spec"]["taints"] = json!(taints);
        }
        if patch == json!({}) {
            return Ok(());
        }
        self.patch(key, cluster, patch).await
    }

    /// Its namespace goes with its Works, then its assignments; then the Cluster may.
    async fn leave(&self, key: &Key, cluster: &Cluster) -> Result<Outcome, Error> {
        if !marks::has_finalizer(&cluster.metadata, CLUSTER_FINALIZER) {
            return Ok(Outcome::Done);
        }
        let namespace = names::execution_namespace(&key.name);
        match self.namespaces().delete(&namespace, &DeleteParams::default()).await {
            Ok(_) => return Ok(Outcome::After(LEAVING)),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let assigned = |binding: &crate::index::Binding| {
            binding.spec.clusters.iter().any(|target| target.name == key.name)
        };
        if self.index.all_bindings().any(|binding| assigned(&binding)) {
            return Ok(Outcome::After(LEAVING));
        }
        let finalizers = cluster.metadata.finalizers.iter().flatten();
        let rest: Vec<_> = finalizers.filter(|finalizer| *finalizer != CLUSTER_FINALIZER).collect();
        self.patch(key, cluster, json!({"metadata": {"finalizers": rest}})).await?;
        Ok(Outcome::Done)
    }

    async fn patch(&self, key: &Key, cluster: &Cluster, mut patch: serde_json::Value) -> Result<(), Error> {
        // Lists are replaced whole: one that has changed meanwhile mustn't be lost.
        patch["metadata"]["resourceVersion"] = json!(cluster.metadata.resource_version);
        let clusters: Api<Cluster> = Api::all(self.client.clone());
        match clusters.patch(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(patched) => {
                self.index.clusters.offer(patched);
                Ok(())
            }
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The cluster's taints as its Ready condition wants them; other taints are their owners'.
fn tainted(cluster: &Cluster) -> Vec<Taint> {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == CLUSTER_READY);
    let wanted = match ready.map(|condition| condition.status.as_str()) {
        Some("True") => None,
        Some("Unknown") => Some(TAINT_UNREACHABLE),
        _ => Some(TAINT_NOT_READY),
    };
    let ours = |taint: &Taint| {
        [TAINT_NOT_READY, TAINT_UNREACHABLE].contains(&taint.key.as_str()) && taint.effect == "NoSchedule"
    };
    let kept = cluster.spec.taints.iter().filter(|taint| !ours(taint) || Some(taint.key.as_str()) == wanted);
    let mut taints: Vec<Taint> = kept.cloned().collect();
    if let Some(key) = wanted.filter(|key| !taints.iter().any(|taint| ours(taint) && taint.key == **key)) {
        // Since when, the condition knows: a clock here would make every run another one.
        let time_added: Option<Time> = ready.map(|condition| condition.last_transition_time.clone());
        taints.push(Taint {
            key: key.to_owned(),
            effect: "NoSchedule".to_owned(),
            time_added,
            ..Taint::default()
        });
    }
    taints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(ready: Option<&str>, taints: &[(&str, &str)]) -> Cluster {
        let taints: Vec<_> =
            taints.iter().map(|(key, effect)| json!({"key": key, "effect": effect})).collect();
        let conditions: Vec<_> = ready
            .iter()
            .map(|status| {
                json!({"type": "Ready", "status": status, "reason": "r", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        serde_json::from_value(
            json!({"metadata": {"name": "m1"}, "spec": {"syncMode": "Push", "taints": taints},
            "status": {"conditions": conditions}}),
        )
        .unwrap()
    }

    #[test]
    fn taints_follow_the_ready_condition_and_leave_others_alone() {
        let mine = ("mine", "NoExecute");
        let (not_ready, unreachable) = ((TAINT_NOT_READY, "NoSchedule"), (TAINT_UNREACHABLE, "NoSchedule"));
        for (ready, before, after) in [
            (None, vec![mine], vec![mine, not_ready]),
            (Some("False"), vec![mine], vec![mine, not_ready]),
            (Some("False"), vec![not_ready], vec![not_ready]),
            (Some("Unknown"), vec![not_ready], vec![unreachable]),
            (Some("True"), vec![not_ready, mine, unreachable], vec![mine]),
            (Some("True"), vec![(TAINT_NOT_READY, "NoExecute")], vec![(TAINT_NOT_READY, "NoExecute")]),
        ] {
            let taints = tainted(&cluster(ready, &before));
            let taints: Vec<_> =
                taints.iter().map(|taint| (taint.key.as_str(), taint.effect.as_str())).collect();
            assert_eq!(taints, after, "{ready:?} {before:?}");
        }
    }
}
