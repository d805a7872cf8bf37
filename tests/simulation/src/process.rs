//! One scheduler process: an engine, what its watches have brought it, its writes and its notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use windlass_api::Key;
use windlass_api::work::{Binding, TargetCluster};
use windlass_scheduler::engine::{Engine, Note, Settings, WriteEnd};
use windlass_scheduler::{Answer, ClusterState, Limits, OpenQuestion, Question};

use crate::disturb;
use crate::store::{Change, Report, Store};

/// A scheduler that runs.
pub(crate) struct Process {
    pub(crate) id: usize,
    pub(crate) engine: Engine,
    /// What it has been told, as the checks see it.
    pub(crate) bindings: BTreeMap<Key, Arc<Binding>>,
    pub(crate) reports: BTreeMap<String, Arc<Report>>,
    /// Its writes that have not ended yet, with the priority that they were begun with.
    pub(crate) writing: BTreeMap<Key, (Vec<TargetCluster>, i32)>,
    /// What it has to say in statuses.
    pub(crate) notes: BTreeMap<Key, Note>,
    /// Counts relists of each watch: what was under way before one is not delivered.
    pub(crate) lists: [u64; 3],
    /// When the last change of each watch is delivered: a watch keeps its order.
    pub(crate) delivered_until: [Duration; 3],
    /// What clusters' estimators have answered since they last reported.
    answers: BTreeMap<String, Vec<(Question, Answer)>>,
    /// When it is to be looked after next.
    pub(crate) woken_at: Option<Duration>,
}

impl Process {
    /// A process that has just read all there is.
    pub(crate) fn start(id: usize, store: &Store, now: Duration) -> Process {
        let settings = Settings {
            scheduler_name: "default-scheduler".to_owned(),
            writes_in_flight: 1 + id % 4,
            // Nothing comes about just because it is tried now and then.
            limits: Limits { unschedulable_max: Duration::from_secs(86_400), ..Limits::default() },
            began: disturb::time(Duration::ZERO).0,
            preemption: true,
        };
        let mut process = Process {
            id,
            engine: Engine::new(settings),
            bindings: BTreeMap::new(),
            reports: BTreeMap::new(),
            writing: BTreeMap::new(),
            notes: BTreeMap::new(),
            lists: [0; 3],
            delivered_until: [now; 3],
            answers: BTreeMap::new(),
            woken_at: None,
        };
        process.list(1, store, now);
        process.list(0, store, now);
        process
    }

    /// Takes what a watch brings.
    pub(crate) fn deliver(&mut self, change: &Change, now: Duration) {
        match change {
            Change::Binding(_, Some(binding)) => {
                self.see(binding);
                self.engine.binding(binding.clone(), now);
            }
            Change::Binding(key, None) => {
                self.bindings.remove(key);
                self.engine.binding_gone(key, now);
            }
            Change::Cluster(name, Some(report)) => {
                // As the cache does: what is older is no news.
                if self.reports.get(name).is_some_and(|known| report.version <= known.version) {
                    return;
                }
                self.reports.insert(name.clone(), report.clone());
                // What was counted before says nothing of what is there now.
                self.answers.remove(name);
                self.engine.cluster(report.state.clone(), now);
            }
            Change::Cluster(name, None) => {
                self.reports.remove(name);
                self.answers.remove(name);
                self.engine.cluster_gone(name, now);
            }
            Change::Quota(namespace) => self.engine.quota_changed(namespace),
        }
    }

    /// Takes an answer to what was asked as of one report; a later one makes it void.
    pub(crate) fn answered(&mut self, open: OpenQuestion, answer: Answer, version: u64, now: Duration) {
        let OpenQuestion { cluster, question } = open;
        let Some(report) = self.reports.get(&cluster).filter(|report| report.version == version) else {
            return;
        };
        let known = self.answers.entry(cluster).or_default();
        known.retain(|(other, _)| *other != question);
        known.push((question, answer));
        let answers = Some(Arc::new(known.iter().cloned().collect()));
        self.engine.cluster(ClusterState { answers, ..report.state.clone() }, now);
    }

    /// Whether what a change is about is not there any more.
    pub(crate) fn has_seen_end_of(&self, change: &Change) -> bool {
        match change {
            Change::Binding(key, _) => !self.bindings.contains_key(key),
            Change::Cluster(name, _) => !self.reports.contains_key(name),
            Change::Quota(_) => false,
        }
    }

    /// Reads all of one kind anew.
    pub(crate) fn list(&mut self, kind: usize, store: &Store, now: Duration) {
        let changes: Vec<Change> = match kind {
            0 => {
                let gone: BTreeSet<Key> =
                    self.bindings.keys().filter(|key| !store.bindings.contains_key(key)).cloned().collect();
                let there =
                    store.bindings.iter().map(|(key, it)| Change::Binding(key.clone(), Some(it.clone())));
                there.chain(gone.into_iter().map(|key| Change::Binding(key, None))).collect()
            }
            1 => {
                let gone: BTreeSet<String> =
                    self.reports.keys().filter(|name| !store.clusters.contains_key(*name)).cloned().collect();
                let there =
                    store.clusters.iter().map(|(name, it)| Change::Cluster(name.clone(), Some(it.clone())));
                there.chain(gone.into_iter().map(|name| Change::Cluster(name, None))).collect()
            }
            _ => store.quotas.keys().map(|namespace| Change::Quota(namespace.clone())).collect(),
        };
        for change in &changes {
            self.deliver(change, now);
        }
    }

    /// Hears how a write ended.
    pub(crate) fn write_ended(&mut self, key: &Key, attempt: u64, end: WriteEnd, now: Duration) {
        self.writing.remove(key);
        if let WriteEnd::Written(binding) = &end
            && self.bindings.contains_key(key)
        {
            self.see(binding);
        }
        self.engine.write_ended(key, attempt, end, now);
    }

    fn see(&mut self, binding: &Arc<Binding>) {
        let key = Key::of(&binding.metadata);
        if self.bindings.get(&key).is_none_or(|known| version(known) < version(binding)) {
            self.bindings.insert(key, binding.clone());
        }
    }

    /// Takes a note: the latest of a binding stands, and a decision in it is not forgotten over one that has none.
    pub(crate) fn note(&mut self, mut note: Note) {
        if let Some(older) = self.notes.remove(&note.key) {
            note.decided = match (note.decided, older.decided) {
                (Some(mut new), Some(old)) => {
                    new.affinity = new.affinity.or(old.affinity);
                    new.chosen |= old.chosen;
                    Some(new)
                }
                (new, old) => new.or(old),
            };
        }
        self.notes.insert(note.key.clone(), note);
    }
}

pub(crate) fn version(binding: &Binding) -> u64 {
    binding.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
