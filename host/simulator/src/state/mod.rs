//! What the simulator knows of its member, and what it decides to do about it.
//!
//! Synchronous: news go in, [`Action`]s come out. Its own decisions are booked at once, so that nothing is done twice
//! while the API server's watch is on its way back.

mod pods;
#[cfg(test)]
mod tests;
mod timers;
mod workloads;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::discovery::ApiResource;
use serde_json::{Value, json};
use windlass_core::Interpreter;

use crate::amounts::Amounts;
use crate::feed::{Key, News, key_of};
use crate::placement::NodeRoom;
use crate::pod::seconds;
use crate::quota::{Claim, Quota, refusal};
use crate::spec::DEFAULT_ALLOCATABLE;

use pods::{PodEntry, Stage};
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
    /// Writes a running pod's status, after the startup delay.
    StartPod {
        key: Key,
        uid: String,
        status: Value,
    },
    MarkUnschedulable {
        key: Key,
        uid: String,
        status: Value,
    },
    NodeStatus {
        name: String,
        status: Value,
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
    /// Bound pods whose containers are to begin.
    starting: Vec<Key>,
    /// Whether a waiting pod might find a node now that found none before.
    room_grew: bool,
    quotas: BTreeMap<String, BTreeMap<String, Quota>>,
    /// The last status written to, or seen of, each quota.
    quota_status: HashMap<Key, Value>,
    quotas_changed: BTreeSet<Key>,
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
    /// Gives failed writes another try; called now and then.
    pub(crate) fn retry_failed(&mut self) {
        self.dirty.extend(std::mem::take(&mut self.failed));
        for key in std::mem::take(&mut self.failed_pods) {
            self.retry_pod(key);
        }
    }

    /// Why the quotas of its namespace refuse a pod that the simulator hasn't created itself.
    pub(crate) fn quota_refusal(&self, key: &Key, claim: &Claim) -> Option<String> {
        if self.pods.contains_key(key) {
            return None;
        }
        self.quotas.get(&key.0).and_then(|quotas| refusal(quotas, claim))
    }

    pub(crate) fn node_news(&mut self, news: News<Node>, now: Timestamp) {
        match news {
            News::Seen(node) => self.node_seen(&node, now),
            News::Gone((_, name)) => self.node_gone(&name),
            News::Listed(listed) => {
                let gone: Vec<_> = self
                    .nodes
                    .keys()
                    .filter(|name| !listed.contains(&(String::new(), (*name).clone())))
                    .cloned()
                    .collect();
                gone.iter().for_each(|name| self.node_gone(name));
            }
        }
    }

    fn node_seen(&mut self, node: &Node, now: Timestamp) {
        let (_, name) = key_of(node);
        let before = self.nodes.get(&name);
        let mut room = NodeRoom::of(node).keep_load(before);
        let is_new = before.is_none();
        self.room_grew |= room.offers_more_than(before);
        if is_new {
            for key in self.pods_of_node.get(&name).into_iter().flatten() {
                if let Some(entry) = self.pods.get(key).filter(|entry| entry.stage != Stage::Ended) {
                    room.add(&entry.needs.requests);
                }
            }
            let count = self.host_ips.len();
            self.host_ips
                .entry(name.clone())
                .or_insert_with(|| format!("10.0.{}.{}", count / 250 % 250, count % 250 + 2));
            self.starting.extend(self.pods_of_node.get(&name).into_iter().flatten().cloned());
            self.dirty.extend(self.workloads.keys().cloned());
        }
        let evicted: Vec<Key> = self
            .pods_of_node
            .get(&name)
            .into_iter()
            .flatten()
            .filter(|key| self.pods.get(*key).is_some_and(|entry| entry.needs.evicted_by(room.taints())))
            .cloned()
            .collect();
        self.nodes.insert(name.clone(), room);
        for key in evicted {
            self.delete_pod(&key);
        }
        let unreported =
            node.status.as_ref().and_then(|status| status.conditions.as_ref()).is_none_or(Vec::is_empty);
        if unreported {
            let status = self.first_node_status(node, &name, now);
            self.actions.push(Action::NodeStatus { name, status });
        }
    }

    /// What a kubelet reports when it starts, for a node that nobody reports on: capacity where none is stated.
    fn first_node_status(&self, node: &Node, name: &str, now: Timestamp) -> Value {
        let now = seconds(now);
        let stated =
            node.status.as_ref().and_then(|status| status.allocatable.as_ref().or(status.capacity.as_ref()));
        let mut capacity: serde_json::Map<String, Value> =
            DEFAULT_ALLOCATABLE.iter().map(|(name, amount)| ((*name).to_owned(), json!(amount))).collect();
        for (resource, amount) in stated.into_iter().flatten() {
            capacity.insert(resource.clone(), json!(amount.0));
        }
        let conditions: Vec<Value> = [
            ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID"),
            ("Ready", "True", "KubeletReady"),
        ]
        .iter()
        .map(|(kind, status, reason)| {
            json!({"type": kind, "status": status, "reason": reason, "message": "simulated",
                "lastHeartbeatTime": now, "lastTransitionTime": now})
        })
        .collect();
        let ip = self.host_ips.get(name);
        json!({"capacity": capacity.clone(), "allocatable": capacity, "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": ip}, {"type": "Hostname", "address": name}],
            "nodeInfo": {"machineID": name, "systemUUID": name, "bootID": name, "kernelVersion": "simulated",
                "osImage": "simulated", "containerRuntimeVersion": "simulated://1", "kubeletVersion": "simulated",
                "kubeProxyVersion": "simulated", "operatingSystem": "linux", "architecture": "amd64"}})
    }

    fn node_gone(&mut self, name: &str) {
        if self.nodes.remove(name).is_none() {
            return;
        }
        for key in self.pods_of_node.get(name).cloned().unwrap_or_default() {
            self.delete_pod(&key);
        }
        self.dirty.extend(self.workloads.keys().cloned());
        // The messages of waiting pods count nodes.
        self.room_grew = true;
    }

    pub(crate) fn quota_news(&mut self, news: News<ResourceQuota>) {
        match news {
            News::Seen(quota) => self.quota_seen(&quota),
            News::Gone(key) => self.quota_gone(&key),
            News::Listed(listed) => {
                let known = self.quotas.iter().flat_map(|(namespace, quotas)| {
                    quotas.keys().map(|name| (namespace.clone(), name.clone()))
                });
                let gone: Vec<Key> = known.filter(|key| !listed.contains(key)).collect();
                gone.iter().for_each(|key| self.quota_gone(key));
            }
        }
    }

    fn quota_seen(&mut self, seen: &ResourceQuota) {
        let key = key_of(seen);
        let mut quota = Quota::of(seen);
        for ((namespace, _), entry) in self.pods.range((key.0.clone(), String::new())..) {
            if *namespace != key.0 {
                break;
            }
            if entry.stage != Stage::Ended {
                quota.charge(&entry.claim);
            }
        }
        let status = serde_json::to_value(&seen.status).unwrap_or_default();
        self.quota_status.insert(key.clone(), status);
        self.quotas.entry(key.0.clone()).or_default().insert(key.1.clone(), quota);
        self.quota_loosened(&key.0);
        self.quotas_changed.insert(key);
    }

    fn quota_gone(&mut self, key: &Key) {
        self.quota_status.remove(key);
        if let Some(quotas) = self.quotas.get_mut(&key.0) {
            quotas.remove(&key.1);
            if quotas.is_empty() {
                self.quotas.remove(&key.0);
            }
        }
        self.quota_loosened(&key.0);
    }

    /// Gives the workloads that a quota of the namespace refused another chance.
    fn quota_loosened(&mut self, namespace: &str) {
        if let Some(refused) = self.refused_by_quota.remove(namespace) {
            self.dirty.extend(refused);
        }
    }

    /// Decides on the status of every quota whose use has changed.
    fn settle_quotas(&mut self) {
        for key in std::mem::take(&mut self.quotas_changed) {
            let Some(quota) = self.quotas.get(&key.0).and_then(|quotas| quotas.get(&key.1)) else { continue };
            let printed = |amounts: &Amounts| -> Value {
                amounts.iter().map(|(name, n)| (name.clone(), json!(n.to_string()))).collect()
            };
            let status = json!({"hard": printed(quota.hard()), "used": printed(quota.used())});
            if self.quota_status.get(&key) != Some(&status) {
                self.quota_status.insert(key.clone(), status.clone());
                self.actions.push(Action::QuotaStatus { key, status });
            }
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
        self.settle_timers(now);
        self.settle_waiting(now);
        self.settle_workloads(interpreter, now);
        self.settle_starts(now);
        self.settle_quotas();
        std::mem::take(&mut self.actions)
    }

    fn node_count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}
