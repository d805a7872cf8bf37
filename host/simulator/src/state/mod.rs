//! What the simulator knows of its member, and what it decides to do about it.
//!
//! Synchronous: news go in, [`Action`]s come out. Its own decisions are booked at once, so that nothing is done twice
//! while the API server's watch is on its way back.

mod lifecycle;
mod nodes;
mod pods;
mod quotas;
mod rollout;
#[cfg(test)]
mod tests;
mod timers;
mod workloads;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Taint};
use kube::discovery::ApiResource;
use serde_json::Value;
use windlass_core::Interpreter;

use crate::feed::Key;
use crate::placement::NodeRoom;
use crate::quota::{Quota, ResourceName};

pub(crate) use lifecycle::Pace;
use pods::PodEntry;
use quotas::{Charged, ObjectKey};
use timers::Timers;
use workloads::Workload;

/// A kind that the simulator looks after.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) kind: String,
}

/// How a kind is reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KindAccess {
    pub(crate) resource: ApiResource,
    /// Whether status is written through its own subresource.
    pub(crate) status_subresource: bool,
}

/// A workload: kind, and namespace and name.
pub(crate) type WorkloadKey = (Kind, Key);

/// One write to the member's API server.
#[derive(Debug)]
pub(crate) enum Action {
    CreatePod(Box<Pod>),
    DeletePod {
        key: Key,
        uid: String,
    },
    BindPod {
        key: Key,
        uid: String,
        node: String,
    },
    PodStatus {
        key: Key,
        uid: String,
        status: Value,
    },
    NodeStatus {
        name: String,
        status: Value,
    },
    NodeTaints {
        name: String,
        /// The version that the taints were decided for.
        version: Option<String>,
        taints: Vec<Taint>,
    },
    QuotaStatus {
        key: Key,
        status: Value,
    },
    WorkloadStatus {
        key: WorkloadKey,
        access: Arc<KindAccess>,
        patch: Value,
    },
    DeleteWorkload {
        key: WorkloadKey,
        access: Arc<KindAccess>,
        uid: String,
    },
}

/// How an [`Action`] ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    PodCreated(Box<Pod>),
    /// The pod as the API server has it after a write.
    PodWritten(Box<Pod>),
    /// The pod could not be created.
    PodRefused(Key),
    /// A write on a pod failed and may be tried again.
    PodFailed(Key),
    QuotaFailed(Key),
    WorkloadWritten(WorkloadKey, Box<Value>),
    WorkloadFailed(WorkloadKey),
    /// Nothing to book.
    Done,
}

#[derive(Default)]
pub(crate) struct State {
    nodes: BTreeMap<String, NodeRoom>,
    host_ips: HashMap<String, String>,
    pods: BTreeMap<Key, PodEntry>,
    pods_of_node: HashMap<String, BTreeSet<Key>>,
    pods_of_owner: HashMap<String, BTreeSet<Key>>,
    /// Pods without a node: higher priority first, then first come.
    waiting: BTreeSet<(Reverse<i32>, u64, Key)>,
    /// Waiting pods that no node has been sought for yet.
    fresh: BTreeSet<Key>,
    /// Pods that may have something to do.
    lives: BTreeSet<Key>,
    pace: Pace,
    /// Whether a waiting pod might find a node now that found none before.
    room_grew: bool,
    quotas: BTreeMap<String, BTreeMap<String, Quota>>,
    /// The last status written to, or seen of, each quota.
    quota_status: HashMap<Key, Value>,
    quotas_changed: BTreeSet<Key>,
    /// What quotas count besides pods, and what was admitted and isn't seen yet.
    objects: BTreeMap<ObjectKey, Charged>,
    /// The resources of which all objects are known.
    listed: BTreeSet<ResourceName>,
    /// When it was settled last.
    now: Timestamp,
    workloads: BTreeMap<WorkloadKey, Workload>,
    workload_of_uid: HashMap<String, WorkloadKey>,
    dirty: BTreeSet<WorkloadKey>,
    /// Workloads with pods that a quota of their namespace refused.
    refused_by_quota: BTreeMap<String, BTreeSet<WorkloadKey>>,
    /// Workloads and pods whose last write failed.
    failed: BTreeSet<WorkloadKey>,
    failed_pods: BTreeSet<Key>,
    arrivals: u64,
    addresses: u32,
    timers: Timers,
    actions: Vec<Action>,
}

impl State {
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Gives failed writes another try; called now and then.
    pub(crate) fn retry_failed(&mut self) {
        self.dirty.extend(std::mem::take(&mut self.failed));
        for key in std::mem::take(&mut self.failed_pods) {
            self.retry_pod(key);
        }
    }

    /// Books how a write ended.
    pub(crate) fn ended(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => {}
            Outcome::PodCreated(pod) => self.pod_created(&pod),
            Outcome::PodWritten(pod) => self.pod_written(&pod),
            Outcome::PodRefused(key) => self.pod_refused(&key),
            Outcome::PodFailed(key) => self.pod_failed(key),
            Outcome::QuotaFailed(key) => {
                self.quota_status.remove(&key);
                self.quotas_changed.insert(key);
            }
            Outcome::WorkloadWritten(key, object) => self.workload_written(&key, &object),
            Outcome::WorkloadFailed(key) => {
                if let Some(workload) = self.workloads.get_mut(&key) {
                    workload.write_failed();
                    self.failed.insert(key);
                }
            }
        }
    }

    /// Decides on everything that the news since the last call bear on, and hands out the writes.
    pub(crate) fn settle(&mut self, interpreter: &dyn Interpreter, now: Timestamp) -> Vec<Action> {
        self.now = now;
        self.settle_timers(now);
        self.settle_waiting(now);
        self.settle_workloads(interpreter, now);
        self.settle_lives(now);
        self.settle_quotas();
        std::mem::take(&mut self.actions)
    }

    fn node_count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}
