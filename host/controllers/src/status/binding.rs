//! Writes the status of bindings: what the scheduler and the detector noted, and how the resource does in each
//! cluster, drawn from its Works.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use windlass_api::conditions::{FULLY_APPLIED, WORK_APPLIED, fully_applied};
use windlass_api::names;
use windlass_api::work::{
    AggregatedStatusItem, ManifestStatus, ObjectReference, ResourceBindingSpec, ResourceBindingStatus,
    ResourceHealth, Work,
};
use windlass_core::Gvk;

use super::notes::{NewCondition, Note, Notes, set_condition};
use crate::error::{Error, is_not_found};
use crate::index::{Binding, Index, Key};
use crate::marks;
use crate::patch::difference;
use crate::runner::{Outcome, Reconcile};

/// Writes the status of one binding.
pub(crate) struct BindingStatuses {
    pub(crate) index: Arc<Index>,
    pub(crate) notes: Arc<Notes>,
}

impl Reconcile for BindingStatuses {
    type Key = Key;
    const NAME: &'static str = "binding-status";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let note = self.notes.take(key);
        let Some(binding) = self.index.binding(key) else { return Ok(Outcome::Done) };
        let written = self.write(key, &binding, &note).await;
        if written.is_err() {
            self.notes.put_back(key, note);
        }
        written.map(|()| Outcome::Done)
    }
}

impl BindingStatuses {
    async fn write(&self, key: &Key, binding: &Binding, note: &Note) -> Result<(), Error> {
        let works =
            marks::binding_id(&binding.metadata).map(|id| self.index.works.by(id)).unwrap_or_default();
        let old = binding.status.clone().unwrap_or_default();
        let new = status(binding, &old, note, &works, (self.notes.clock)());
        let Some(changed) = difference(&serde_json::to_value(&old)?, &serde_json::to_value(&new)?) else {
            return Ok(());
        };
        let patch = Patch::Merge(json!({ "status": changed }));
        match self.index.binding_api(key).patch_status(&key.name, &PatchParams::default(), &patch).await {
            Ok(written) => self.index.bindings_for(key).offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn status(
    binding: &Binding,
    old: &ResourceBindingStatus,
    note: &Note,
    works: &[Arc<Work>],
    now: Timestamp,
) -> ResourceBindingStatus {
    let mut new = old.clone();
    let generation = binding.metadata.generation;
    note.put_in(&mut new, generation, now);
    new.aggregated_status = aggregate(works, &binding.spec.resource);
    if !new.aggregated_status.is_empty()
        || new.conditions.iter().any(|condition| condition.type_ == FULLY_APPLIED)
    {
        let condition = fully_applied(&binding.spec, &new.aggregated_status);
        set_condition(&mut new.conditions, FULLY_APPLIED, &condition, generation, now);
    }
    new
}

/// How the resource does in each cluster that has a Work for it, by the cluster's name.
fn aggregate(works: &[Arc<Work>], resource: &ObjectReference) -> Vec<AggregatedStatusItem> {
    let mut items: Vec<_> = works
        .iter()
        .filter(|work| work.metadata.deletion_timestamp.is_none())
        .filter_map(|work| item(work, resource))
        .collect();
    items.sort_by(|a, b| a.cluster_name.cmp(&b.cluster_name));
    items
}

fn item(work: &Work, resource: &ObjectReference) -> Option<AggregatedStatusItem> {
    let cluster = names::cluster_of_execution_namespace(work.metadata.namespace.as_deref()?)?;
    let status = work.status.as_ref();
    let condition =
        status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == WORK_APPLIED));
    let unknown = AggregatedStatusItem {
        cluster_name: cluster.to_owned(),
        health: Some(ResourceHealth::Unknown),
        ..AggregatedStatusItem::default()
    };
    match condition {
        Some(condition) if condition.status == "True" => {
            let seen =
                status.and_then(|status| status.manifest_statuses.iter().find(|seen| is_of(seen, resource)));
            Some(AggregatedStatusItem {
                applied: true,
                status: seen.and_then(|seen| seen.status.clone()),
                health: seen.and_then(|seen| seen.health).or(unknown.health),
                ..unknown
            })
        }
        Some(condition) => {
            Some(AggregatedStatusItem { applied_message: condition.message.clone(), ..unknown })
        }
        None => Some(unknown),
    }
}

fn is_of(seen: &ManifestStatus, resource: &ObjectReference) -> bool {
    let identifier = &seen.identifier;
    let gvk = Gvk::new(&resource.api_version, &resource.kind);
    identifier.group == gvk.group
        && identifier.version == gvk.version
        && identifier.kind == gvk.kind
        && identifier.namespace == resource.namespace
        && identifier.name == resource.name
}

fn fully_applied(spec: &ResourceBindingSpec, items: &[AggregatedStatusItem]) -> NewCondition {
    let mut targets: Vec<&str> = spec.clusters.iter().map(|target| target.name.as_str()).collect();
    targets.extend(spec.required_by.iter().flat_map(|by| &by.clusters).map(|target| target.name.as_str()));
    targets.extend(spec.graceful_eviction_tasks.iter().map(|task| task.from_cluster.as_str()));
    targets.sort_unstable();
    targets.dedup();
    let applied: Vec<&str> =
        items.iter().filter(|item| item.applied).map(|item| item.cluster_name.as_str()).collect();
    if !targets.is_empty() && targets == applied && applied.len() == items.len() {
        NewCondition {
            status: true,
            reason: fully_applied::SUCCESS.to_owned(),
            message: "All works have been successfully applied".to_owned(),
        }
    } else {
        NewCondition {
            status: false,
            reason: fully_applied::FAILED.to_owned(),
            message: "Failed to apply all works, see status.aggregatedStatus for details".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn binding(clusters: &[&str]) -> Binding {
        let clusters: Vec<Value> = clusters.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({"metadata": {"name": "b", "namespace": "n", "generation": 4}, "spec": {
            "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "n", "name": "a"},
            "clusters": clusters}}))
        .unwrap()
    }

    fn work(cluster: &str, applied: Option<&str>, health: &str) -> Arc<Work> {
        let conditions: Vec<Value> = applied
            .map(|status| {
                json!({"type": "Applied", "status": status, "reason": "r", "message": "why",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .into_iter()
            .collect();
        let value = json!({"apiVersion": "work.karmada.io/v1alpha1", "kind": "Work",
            "metadata": {"name": "w", "namespace": format!("karmada-es-{cluster}")}, "spec": {},
            "status": {"conditions": conditions, "manifestStatuses": [{"health": health, "status": {"x": 1},
                "identifier": {"ordinal": 0, "group": "apps", "version": "v1", "kind": "Deployment",
                    "resource": "deployments", "namespace": "n", "name": "a"}}]}});
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn check(clusters: &[&str], works: &[Arc<Work>], expect: &str) {
        let binding = binding(clusters);
        let new = status(
            &binding,
            &ResourceBindingStatus::default(),
            &Note::default(),
            works,
            Timestamp::UNIX_EPOCH,
        );
        let items: Vec<String> = new
            .aggregated_status
            .iter()
            .map(|item| format!("{} {} {:?}", item.cluster_name, item.applied, item.health.unwrap()))
            .collect();
        let conditions: Vec<String> = new
            .conditions
            .iter()
            .map(|condition| format!("{}={}", condition.type_, condition.status))
            .collect();
        assert_eq!(format!("{} | {}", items.join(", "), conditions.join(", ")), expect);
    }

    #[test]
    fn a_binding_is_fully_applied_when_each_of_its_clusters_is() {
        let (one, two) = (work("m1", Some("True"), "Healthy"), work("m2", Some("True"), "Unhealthy"));
        check(
            &["m1", "m2"],
            &[two.clone(), one.clone()],
            "m1 true Healthy, m2 true Unhealthy | FullyApplied=True",
        );
        check(&["m1", "m2"], std::slice::from_ref(&one), "m1 true Healthy | FullyApplied=False");
        check(&["m1"], &[one.clone(), two], "m1 true Healthy, m2 true Unhealthy | FullyApplied=False");
        let failed = work("m2", Some("False"), "Healthy");
        check(&["m1", "m2"], &[one, failed], "m1 true Healthy, m2 false Unknown | FullyApplied=False");
        check(&["m1"], &[work("m1", None, "Healthy")], "m1 false Unknown | FullyApplied=False");
    }

    #[test]
    fn a_binding_that_was_never_applied_says_nothing_of_it() {
        check(&[], &[], " | ");
    }
}
