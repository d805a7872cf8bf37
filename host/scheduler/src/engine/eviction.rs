//! What a binding says of having been made to leave for one of higher priority. It is all that is known of that after a
//! restart.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use windlass_api::Key;
use windlass_api::labels::{APPLIED_PLACEMENT, EVICTION_PREEMPTED, EVICTION_PRODUCER_PREEMPTION};
use windlass_api::policy::PurgeMode;
use windlass_api::work::{AggregatedStatusItem, Binding, GracefulEvictionTask, ResourceHealth};

use super::known::annotation;

/// The tasks of a binding that leaves all its clusters for another. State that was carried here and found no home yet
/// is carried on.
pub(super) fn tasks(binding: &Binding, by: &Key, priority: i32, at: Time) -> Vec<GracefulEvictionTask> {
    let mut carried = BTreeMap::new();
    for task in preemptions(binding) {
        carried.extend(task.preserved_label_state.clone());
    }
    let mut tasks = others(binding);
    tasks.extend(binding.spec.clusters.iter().map(|target| GracefulEvictionTask {
        from_cluster: target.name.clone(),
        // Its room is needed now, and it runs nowhere else meanwhile.
        purge_mode: Some(PurgeMode::Directly),
        replicas: (target.replicas > 0).then_some(target.replicas),
        reason: EVICTION_PREEMPTED.to_owned(),
        message: format!("preempted by {by} (priority {priority}), which needs its room"),
        producer: EVICTION_PRODUCER_PREEMPTION.to_owned(),
        // Others drop tasks of what is placed nowhere, and what it carries with them.
        suppress_deletion: Some(true),
        preserved_label_state: carried.clone(),
        creation_timestamp: Some(at.clone()),
        ..GracefulEvictionTask::default()
    }));
    tasks
}

/// Of those who made it leave; empty where nobody did.
pub(super) fn preemptions(binding: &Binding) -> impl Iterator<Item = &GracefulEvictionTask> {
    binding.spec.graceful_eviction_tasks.iter().filter(|task| task.is_preemption())
}

/// All other tasks.
pub(super) fn others(binding: &Binding) -> Vec<GracefulEvictionTask> {
    let tasks = binding.spec.graceful_eviction_tasks.iter();
    tasks.filter(|task| !task.is_preemption()).cloned().collect()
}

/// Who made it leave, for people, as long as it is placed nowhere.
pub(super) fn why(binding: &Binding) -> Option<&str> {
    if !binding.spec.clusters.is_empty() {
        return None;
    }
    preemptions(binding).last().map(|task| task.message.as_str())
}

/// Whether it has left, and is well where it is now: nothing of the state that it carries is needed any more.
pub(super) fn is_over(binding: &Binding) -> bool {
    let clusters = &binding.spec.clusters;
    let is_target = |name: &str| clusters.iter().any(|target| target.name == name);
    let is_well =
        |name: &str| item(binding, name).is_some_and(|item| item.health == Some(ResourceHealth::Healthy));
    !clusters.is_empty()
        && preemptions(binding).next().is_some()
        && clusters.iter().all(|target| is_well(&target.name))
        && preemptions(binding)
            .all(|task| is_target(&task.from_cluster) || item(binding, &task.from_cluster).is_none())
}

/// The placement that it was last decided by.
pub(super) fn applied(binding: &Binding) -> String {
    annotation(&binding.metadata, APPLIED_PLACEMENT).unwrap_or_default().to_owned()
}

/// How it does in a cluster, as far as anybody has said.
pub(super) fn item<'a>(binding: &'a Binding, cluster: &str) -> Option<&'a AggregatedStatusItem> {
    binding.status.as_ref()?.aggregated_status.iter().find(|item| item.cluster_name == cluster)
}
