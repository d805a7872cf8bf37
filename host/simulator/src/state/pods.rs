//! Pods: where they run, what they are charged, and the search of a node for those that wait.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{Action, State};
use crate::behaviour::{Restarts, Wishes};
use crate::feed::{Key, News, key_of};
use crate::placement::{Needs, place};
use crate::pod::{self, TEMPLATE_LABEL};
use crate::pod_status::{self, Containers, Reported};
use crate::quota::{Claim, ResourceName};

/// Distinct shapes of pods whose failed search is remembered within one round.
const REMEMBERED_SHAPES: usize = 64;

/// How far the simulator has brought a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Being created, and not yet seen.
    Creating,
    /// Without a node.
    Waiting,
    /// A node is chosen, and not yet seen in the object.
    Binding,
    /// On its node, and its containers not yet begun.
    Bound,
    Running,
    /// Succeeded or failed: it holds no room any more.
    Ended,
}

impl Stage {
    /// Whether the next change comes by itself, and soon.
    pub(super) fn in_transit(self) -> bool {
        matches!(self, Stage::Creating | Stage::Binding | Stage::Bound)
    }
}

/// A pod as the simulator books it.
#[derive(Debug)]
pub(crate) struct PodEntry {
    pub(crate) stage: Stage,
    /// Empty until the API server has created it.
    pub(super) uid: String,
    /// The resource version, where the API server's can be compared.
    version: Option<u64>,
    /// The UID of the controller that owns it.
    pub(super) owner: Option<String>,
    pub(crate) component: String,
    pub(crate) template: String,
    pub(crate) needs: Needs,
    pub(crate) claim: Claim,
    pub(super) node: Option<String>,
    pub(crate) succeeded: bool,
    pub(crate) deleting: bool,
    priority: i32,
    arrival: u64,
    pub(super) restarts: Restarts,
    pub(super) wishes: Wishes,
    pub(super) containers: Containers,
    pub(crate) reported: Reported,
    /// While a status is being written: what was reported before.
    pub(super) writing: Option<Reported>,
    /// When it was found on its node.
    pub(super) bound: Option<Timestamp>,
    /// The message of the PodScheduled condition that was written last.
    waiting_because: Option<String>,
}

impl PodEntry {
    fn of(pod: &Pod, arrival: u64) -> PodEntry {
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let condition = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind);
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let node = spec.node_name.clone().filter(|node| !node.is_empty());
        let stage = match (phase, &node) {
            ("Succeeded" | "Failed", _) => Stage::Ended,
            ("" | "Pending", None) => Stage::Waiting,
            ("" | "Pending", Some(_)) => Stage::Bound,
            _ => Stage::Running,
        };
        let labels = pod.metadata.labels.as_ref();
        let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
        PodEntry {
            stage,
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            version: pod.resource_version().and_then(|version| version.parse().ok()),
            owner: owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone()),
            component: pod::component_of(pod),
            template: labels.and_then(|all| all.get(TEMPLATE_LABEL)).cloned().unwrap_or_default(),
            needs: Needs::of(&spec),
            claim: if stage == Stage::Ended { Claim::of(&spec).ended() } else { Claim::of(&spec) },
            node,
            succeeded: phase == "Succeeded",
            deleting: pod.metadata.deletion_timestamp.is_some(),
            priority: spec.priority.unwrap_or_default(),
            arrival,
            restarts: Restarts::of(&spec),
            wishes: Wishes::of(pod.metadata.annotations.as_ref()),
            containers: Containers::of(&spec),
            reported: Reported::of(status),
            writing: None,
            bound: None,
            waiting_because: condition("PodScheduled")
                .filter(|condition| condition.status == "False")
                .map(|condition| condition.message.clone().unwrap_or_default()),
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.stage == Stage::Running && self.reported.ready
    }

    /// Keeps what the API server can't tell yet, or not as exactly.
    fn keep_reports(&mut self, before: &PodEntry) {
        let sharper = |seen: Option<Timestamp>, booked: Option<Timestamp>| match (seen, booked) {
            (Some(seen), Some(booked)) if seen.as_second() == booked.as_second() => Some(booked),
            _ => seen,
        };
        self.bound = before.bound;
        if before.writing.is_some() {
            self.writing.clone_from(&before.writing);
            self.reported = before.reported.clone();
        } else {
            let Reported { run_began, run_ended, .. } = self.reported;
            self.reported.run_began = sharper(run_began, before.reported.run_began);
            self.reported.run_ended = sharper(run_ended, before.reported.run_ended);
        }
    }

    /// The node whose room the pod takes.
    fn occupies(&self) -> Option<&str> {
        self.node.as_deref().filter(|_| self.stage != Stage::Ended)
    }

    fn place_in_line(&self, key: &Key) -> (Reverse<i32>, u64, Key) {
        (Reverse(self.priority), self.arrival, key.clone())
    }
}

impl State {
    pub(crate) fn pod_news(&mut self, news: News<Pod>) {
        match news {
            News::Seen(pod) => self.pod_seen(&pod),
            News::Gone(key) => self.pod_gone(&key),
            News::Listed(listed) => {
                // One that is still being created may be younger than the list.
                let gone =
                    self.pods.iter().filter(|(key, pod)| !pod.uid.is_empty() && !listed.contains(*key));
                let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
                gone.iter().for_each(|key| self.pod_gone(key));
            }
        }
    }

    fn pod_seen(&mut self, pod: &Pod) {
        let key = key_of(pod);
        let version: Option<u64> = pod.resource_version().and_then(|version| version.parse().ok());
        let known = self.pods.get(&key).filter(|known| pod.uid().as_deref() == Some(known.uid.as_str()));
        // The answer to a write is known before the watch tells of it.
        if known.is_some_and(|known| version.is_some() && known.version >= version) {
            return;
        }
        let before = self.remove_pod(&key);
        let mut entry = PodEntry::of(pod, before.as_ref().map_or(self.arrivals, |before| before.arrival));
        let freed =
            before.as_ref().is_some_and(|before| before.occupies().is_some() && entry.occupies().is_none());
        // The watch may not know yet what has been decided.
        if let Some(before) = before.filter(|before| before.uid == entry.uid) {
            if (before.stage, entry.stage) == (Stage::Binding, Stage::Waiting) {
                entry.stage = Stage::Binding;
                entry.node.clone_from(&before.node);
            }
            entry.keep_reports(&before);
            entry.deleting |= before.deleting;
            entry.waiting_because = before.waiting_because.or(entry.waiting_because);
        }
        // There is no kubelet to confirm that the containers are gone.
        let unconfirmed = pod.metadata.deletion_timestamp.is_some();
        if unconfirmed && pod.metadata.finalizers.as_ref().is_none_or(Vec::is_empty) {
            self.actions.push(Action::DeletePod { key: key.clone(), uid: entry.uid.clone() });
        }
        self.insert_pod(key.clone(), entry);
        if freed {
            self.room_freed(&key.0);
        }
        self.lives.insert(key);
    }

    fn pod_gone(&mut self, key: &Key) {
        if self.remove_pod(key).is_some() {
            self.room_freed(&key.0);
        }
    }

    fn room_freed(&mut self, namespace: &str) {
        self.room_grew = true;
        self.quota_loosened(namespace);
    }

    /// Books a pod that the API server is now asked to create.
    pub(super) fn create_pod(&mut self, pod: Pod) {
        let entry = PodEntry { stage: Stage::Creating, ..PodEntry::of(&pod, self.arrivals) };
        self.insert_pod(key_of(&pod), entry);
        self.actions.push(Action::CreatePod(Box::new(pod)));
    }

    /// The pod was created, unless the watch has told of more since.
    pub(super) fn pod_created(&mut self, pod: &Pod) {
        if self.pods.get(&key_of(pod)).is_some_and(|entry| entry.stage == Stage::Creating) {
            self.pod_seen(pod);
        }
    }

    /// The answer to a write on a pod; one that is gone meanwhile stays gone.
    pub(super) fn pod_written(&mut self, pod: &Pod) {
        let key = key_of(pod);
        let entry = self.pods.get_mut(&key);
        if let Some(entry) = entry.filter(|entry| pod.uid().as_deref() == Some(entry.uid.as_str())) {
            entry.writing = None;
            self.pod_seen(pod);
            self.lives.insert(key);
        }
    }

    /// The pod could not be created; the workload that wants it tries again later.
    pub(super) fn pod_refused(&mut self, key: &Key) {
        if self.pods.get(key).is_none_or(|entry| entry.stage != Stage::Creating) {
            return;
        }
        if let Some(entry) = self.remove_pod(key) {
            let workload = entry.owner.and_then(|owner| self.workload_of_uid.get(&owner)).cloned();
            self.failed.extend(workload);
            self.room_freed(&key.0);
        }
    }

    /// A write on the pod failed: it goes back to where it was, to be tried again by [`State::retry_failed`].
    pub(super) fn pod_failed(&mut self, key: Key) {
        let Some(mut entry) = self.remove_pod(&key) else { return };
        if entry.stage == Stage::Binding {
            entry.stage = Stage::Waiting;
            entry.node = None;
        }
        if let Some(before) = entry.writing.take() {
            entry.reported = before;
        }
        entry.waiting_because = None;
        self.insert_pod(key.clone(), entry);
        self.fresh.remove(&key);
        self.failed_pods.insert(key);
    }

    pub(super) fn retry_pod(&mut self, key: Key) {
        let Some(entry) = self.pods.get(&key) else { return };
        match entry.stage {
            _ if entry.deleting => {
                let uid = entry.uid.clone();
                self.actions.push(Action::DeletePod { key, uid });
            }
            Stage::Waiting => {
                self.fresh.insert(key);
            }
            _ => {
                self.lives.insert(key);
            }
        }
    }

    /// Asks for the pod's deletion, once.
    pub(super) fn delete_pod(&mut self, key: &Key) {
        let Some(entry) = self.pods.get_mut(key) else { return };
        if entry.deleting || entry.stage == Stage::Creating {
            return;
        }
        entry.deleting = true;
        self.actions.push(Action::DeletePod { key: key.clone(), uid: entry.uid.clone() });
        let owner = entry.owner.clone();
        self.owner_changed(owner.as_deref());
    }

    fn insert_pod(&mut self, key: Key, entry: PodEntry) {
        self.arrivals += 1;
        if let Some(node) = entry.occupies() {
            self.pods_of_node.entry(node.to_owned()).or_default().insert(key.clone());
            if let Some(room) = self.nodes.get_mut(node) {
                room.add(&entry.needs.requests);
            }
        }
        if entry.stage == Stage::Waiting && !entry.deleting {
            self.waiting.insert(entry.place_in_line(&key));
            if entry.waiting_because.is_none() {
                self.fresh.insert(key.clone());
            }
        }
        // It was charged when it was admitted, if somebody else created it.
        self.release_object(&(ResourceName::new("", "pods"), key.clone()));
        self.book(&key.0, |quota| quota.charge(&entry.claim));
        if let Some(owner) = &entry.owner {
            self.pods_of_owner.entry(owner.clone()).or_default().insert(key.clone());
            self.owner_changed(Some(owner));
        }
        self.pods.insert(key, entry);
    }

    fn remove_pod(&mut self, key: &Key) -> Option<PodEntry> {
        let entry = self.pods.remove(key)?;
        if let Some(node) = entry.occupies() {
            if let Some(pods) = self.pods_of_node.get_mut(node) {
                pods.remove(key);
                if pods.is_empty() {
                    self.pods_of_node.remove(node);
                }
            }
            if let Some(room) = self.nodes.get_mut(node) {
                room.remove(&entry.needs.requests);
            }
        }
        self.waiting.remove(&entry.place_in_line(key));
        self.fresh.remove(key);
        self.book(&key.0, |quota| quota.release(&entry.claim));
        if let Some(owner) = &entry.owner {
            if let Some(pods) = self.pods_of_owner.get_mut(owner) {
                pods.remove(key);
                if pods.is_empty() {
                    self.pods_of_owner.remove(owner);
                }
            }
            self.owner_changed(Some(owner));
        }
        Some(entry)
    }

    fn owner_changed(&mut self, owner: Option<&str>) {
        if let Some(workload) = owner.and_then(|owner| self.workload_of_uid.get(owner)) {
            self.dirty.insert(workload.clone());
        }
    }

    /// Looks for a node for the pods that wait: for all of them where room may have grown, else for the new ones.
    pub(super) fn settle_waiting(&mut self, now: Timestamp) {
        let fresh = std::mem::take(&mut self.fresh);
        let line: Vec<_> = if std::mem::take(&mut self.room_grew) {
            self.waiting.iter().cloned().collect()
        } else {
            let mut line: Vec<_> = fresh
                .iter()
                .filter_map(|key| self.pods.get(key).map(|entry| entry.place_in_line(key)))
                .collect();
            line.sort();
            line
        };
        let mut nowhere: Vec<(Needs, String)> = Vec::new();
        for (_, _, key) in line {
            let Some(entry) = self.pods.get(&key).filter(|entry| entry.stage == Stage::Waiting) else {
                continue;
            };
            let known =
                nowhere.iter().find(|(needs, _)| *needs == entry.needs).map(|(_, message)| message.clone());
            let remembered = known.is_some();
            match known.map_or_else(|| place(&self.nodes, &entry.needs), Err) {
                Ok(node) => self.bind_pod(&key, node),
                Err(message) => {
                    if !remembered && nowhere.len() < REMEMBERED_SHAPES {
                        nowhere.push((entry.needs.clone(), message.clone()));
                    }
                    self.mark_waiting(&key, message, now);
                }
            }
        }
    }

    fn bind_pod(&mut self, key: &Key, node: String) {
        let Some(entry) = self.remove_pod(key) else { return };
        let uid = entry.uid.clone();
        let bound = PodEntry { stage: Stage::Binding, node: Some(node.clone()), ..entry };
        self.insert_pod(key.clone(), bound);
        self.actions.push(Action::BindPod { key: key.clone(), uid, node });
    }

    fn mark_waiting(&mut self, key: &Key, message: String, now: Timestamp) {
        let Some(entry) = self.pods.get_mut(key) else { return };
        if entry.waiting_because.as_ref() == Some(&message) {
            return;
        }
        let status = pod_status::unschedulable(&message, now);
        entry.waiting_because = Some(message);
        let uid = entry.uid.clone();
        self.actions.push(Action::PodStatus { key: key.clone(), uid, status });
    }
}
