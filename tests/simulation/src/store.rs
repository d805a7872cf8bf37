//! The API server: objects with their versions, and writes that may be refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use windlass_api::Key;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::Binding;
use windlass_scheduler::ClusterState;
use windlass_scheduler::engine::{Note, Write, WriteEnd};

/// A cluster, as it reports of itself.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) version: u64,
    pub(crate) state: ClusterState,
    /// Cpus in all.
    pub(crate) capacity: i64,
    /// Cpus that each binding's workload takes.
    pub(crate) running: BTreeMap<Key, i64>,
}

/// Something that watches bring.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Binding(Key, Option<Arc<Binding>>),
    Cluster(String, Option<Arc<Report>>),
    /// A namespace's quota, or what is used of it.
    Quota(String),
}

impl Change {
    /// Which watch brings it.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Change::Binding(..) => 0,
            Change::Cluster(..) => 1,
            Change::Quota(_) => 2,
        }
    }
}

/// All that is stored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    revision: u64,
    pub(crate) bindings: BTreeMap<Key, Arc<Binding>>,
    pub(crate) clusters: BTreeMap<String, Arc<Report>>,
    /// How many replicas the bindings of a namespace may have in all.
    pub(crate) quotas: BTreeMap<String, i64>,
    /// What watches have not been told yet.
    pub(crate) news: Vec<Change>,
}

impl Store {
    /// Makes a binding, or changes it; a change that changes nothing is none.
    pub(crate) fn binding(&mut self, key: &Key, change: impl FnOnce(&mut Binding)) {
        let Some(old) = self.bindings.get(key) else { return };
        let mut new = Binding::clone(old);
        change(&mut new);
        self.put(new);
    }

    /// Stores a binding.
    pub(crate) fn put(&mut self, mut new: Binding) {
        let key = Key::of(&new.metadata);
        let old = self.bindings.get(&key);
        if old.is_some_and(|old| {
            old.metadata == new.metadata && old.spec == new.spec && old.status == new.status
        }) {
            return;
        }
        self.revision += 1;
        if old.is_none() {
            new.metadata.uid = Some(format!("uid-{}", self.revision));
            new.spec.resource.uid.clone_from(new.metadata.uid.as_ref().unwrap_or(&String::new()));
            new.metadata.generation = Some(1);
        } else if old.is_some_and(|old| old.spec != new.spec) {
            new.metadata.generation = new.metadata.generation.map(|generation| generation + 1);
        }
        new.metadata.resource_version = Some(self.revision.to_string());
        let freed = old.map_or(0, |old| used(old)) > used(&new);
        let new = Arc::new(new);
        self.bindings.insert(key.clone(), new.clone());
        if freed {
            self.news.push(Change::Quota(key.namespace.clone()));
        }
        self.news.push(Change::Binding(key, Some(new)));
    }

    pub(crate) fn delete(&mut self, key: &Key) {
        if self.bindings.remove(key).is_some() {
            self.revision += 1;
            self.news.push(Change::Quota(key.namespace.clone()));
            self.news.push(Change::Binding(key.clone(), None));
        }
    }

    pub(crate) fn report(&mut self, mut report: Report) {
        self.revision += 1;
        report.version = self.revision;
        let (name, report) = (report.state.name.clone(), Arc::new(report));
        self.clusters.insert(name.clone(), report.clone());
        self.news.push(Change::Cluster(name, Some(report)));
    }

    pub(crate) fn delete_cluster(&mut self, name: &str) {
        if self.clusters.remove(name).is_some() {
            self.revision += 1;
            self.news.push(Change::Cluster(name.to_owned(), None));
        }
    }

    pub(crate) fn quota(&mut self, namespace: &str, replicas: i64) {
        self.quotas.insert(namespace.to_owned(), replicas);
        self.news.push(Change::Quota(namespace.to_owned()));
    }

    /// Takes a scheduler's write; at a given time with what it has to say in the status.
    pub(crate) fn write(&mut self, write: &Write, with_status: Option<Time>) -> WriteEnd {
        let Some(stored) = self.bindings.get(&write.key) else { return WriteEnd::NotFound };
        let decided_on = &write.binding.metadata;
        if decided_on.uid.is_some() && decided_on.uid != stored.metadata.uid
            || decided_on.resource_version.is_some()
                && decided_on.resource_version != stored.metadata.resource_version
        {
            return WriteEnd::Conflict;
        }
        if let Some(beneficiary) = &write.evicted_for {
            // Nobody has to leave for one that may not come.
            let mut asker = Binding::clone(&beneficiary.binding);
            asker.spec.clusters.clone_from(&beneficiary.targets);
            if let Some(over) = self.over_quota(&asker) {
                return WriteEnd::OverQuota(over);
            }
        }
        let mut new = Binding::clone(stored);
        if let Some(tasks) = &write.eviction_tasks {
            new.spec.graceful_eviction_tasks.clone_from(tasks);
        }
        new.spec.clusters.clone_from(&write.targets);
        let annotations = new.metadata.annotations.get_or_insert_default();
        annotations.insert(APPLIED_PLACEMENT.to_owned(), write.placement.clone());
        if let Some(over) = self.over_quota(&new) {
            return WriteEnd::OverQuota(over);
        }
        if let (Some(time), Some(note)) = (with_status, write.note.clone()) {
            say(&mut new, note, time);
        }
        self.put(new);
        match self.bindings.get(&write.key) {
            Some(written) => WriteEnd::Written(written.clone()),
            None => WriteEnd::NotFound,
        }
    }

    /// By how much a binding would be too much for its namespace.
    pub(crate) fn over_quota(&self, new: &Binding) -> Option<String> {
        let key = Key::of(&new.metadata);
        let allowed = *self.quotas.get(&key.namespace)?;
        let before = self.bindings.get(&key).map_or(0, |old| used(old));
        let others: i64 = self
            .bindings
            .iter()
            .filter(|(other, _)| other.namespace == key.namespace && **other != key)
            .map(|(_, binding)| used(binding))
            .sum();
        let wanted = others + used(new);
        (used(new) > before && wanted > allowed).then(|| format!("{wanted} replicas are more than {allowed}"))
    }
}

/// How many replicas count for a quota.
pub(crate) fn used(binding: &Binding) -> i64 {
    binding.spec.clusters.iter().map(|target| i64::from(target.replicas)).sum()
}

/// Makes a binding's status say what was noted.
pub(crate) fn say(binding: &mut Binding, note: Note, time: Time) {
    let status = binding.status.get_or_insert_default();
    status.conditions = serde_json::from_value(json!([{"type": "Scheduled",
        "status": if note.status { "True" } else { "False" }, "reason": note.reason,
        "message": note.message, "lastTransitionTime": "2026-01-01T00:00:00Z"}]))
    .expect("a condition");
    let Some(decided) = note.decided else { return };
    status.scheduler_observed_generation = decided.generation.unwrap_or_default();
    if let Some(affinity) = decided.affinity {
        status.scheduler_observed_affinity_name = affinity;
    }
    if decided.chosen {
        status.last_scheduled_time = Some(time);
    }
}
