//! One member's room, counted as its nodes, pods and quotas change. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{self as core, Pod, ResourceQuota, Taint};
use windlass_api::cluster::{AllocatableModeling, NodeSummary, ResourceModel, ResourceSummary};
use windlass_api::quantity::Quantity;
use windlass_scheduler::{Node, Quota, Resources, Room};

use super::unplaced::UnplacedPod;
use crate::index::Key;

/// The taint of a node whose Ready condition is not True; a node controller would set it, if there is one.
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// What a pod takes.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    /// Empty while the pod waits for a node.
    node: String,
    requested: Resources,
}

#[derive(Clone, Debug)]
struct NodeEntry {
    node: Node,
    allocatable: Resources,
    ready: bool,
}

/// Totals of a member, as a Cluster's status tells them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomSummary {
    pub nodes: NodeSummary,
    pub resources: ResourceSummary,
}

/// The nodes, pods and quotas of one member, and their sums. Every change is booked as a difference, so that a pod
/// costs the same in a member of five pods and of fifty thousand.
#[derive(Clone, Debug, Default)]
pub(super) struct MemberRoom {
    nodes: BTreeMap<String, NodeEntry>,
    pods: HashMap<Key, Held>,
    /// What is held on nodes that aren't known (yet).
    elsewhere: HashMap<String, (Resources, i64)>,
    quotas: BTreeMap<Key, Quota>,
    unplaced: BTreeMap<Key, UnplacedPod>,
    allocating: Resources,
    allocated: Resources,
    waiting: i64,
    running: i64,
    room: Option<Arc<Room>>,
}

impl MemberRoom {
    /// Books a node; whether that changed anything.
    pub(super) fn node_applied(&mut self, seen: &core::Node) -> bool {
        let mut node = Node::new(seen);
        let name = node.name.clone();
        let ready = is_ready(seen);
        if !ready && !node.taints.iter().any(|taint| taint.key == NOT_READY) {
            let taint =
                Taint { key: NOT_READY.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
            node.taints.push(taint);
        }
        let before = self.nodes.get(&name);
        match before {
            Some(before) => {
                node.requested = before.node.requested.clone();
                node.pods = before.node.pods;
            }
            None => {
                if let Some((requested, pods)) = self.elsewhere.remove(&name) {
                    node.requested = requested;
                    node.pods = pods;
                }
            }
        }
        let stated = seen.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let allocatable = stated.map(Resources::reported).unwrap_or_default();
        if before.is_some_and(|before| before.node == node && before.ready == ready) {
            // A heartbeat.
            return false;
        }
        self.nodes.insert(name, NodeEntry { node, allocatable, ready });
        self.room = None;
        true
    }

    /// Whether that changed anything.
    pub(super) fn node_gone(&mut self, name: &str) -> bool {
        let Some(entry) = self.nodes.remove(name) else { return false };
        if entry.node.pods > 0 {
            self.elsewhere.insert(name.to_owned(), (entry.node.requested, entry.node.pods));
        }
        self.room = None;
        true
    }

    /// Books a pod; whether that changed anything.
    pub(super) fn pod_applied(&mut self, pod: &Pod) -> bool {
        let key = Key::of(&pod.metadata);
        let now = held(pod);
        match UnplacedPod::of(pod).filter(|_| now.is_some()) {
            Some(unplaced) => self.unplaced.insert(key.clone(), unplaced),
            None => self.unplaced.remove(&key),
        };
        if self.pods.get(&key) == now.as_ref() {
            return false;
        }
        self.release(&key);
        if let Some(now) = now {
            self.hold(&now);
            self.pods.insert(key, now);
        }
        true
    }

    /// Whether that changed anything.
    pub(super) fn pod_gone(&mut self, key: &Key) -> bool {
        self.unplaced.remove(key);
        self.release(key)
    }

    /// The pods that wait for a node, of one namespace.
    pub(super) fn unplaced(&self, namespace: &str) -> impl Iterator<Item = &UnplacedPod> {
        let from = Key::new(namespace, "");
        self.unplaced.range(from..).map(|(_, pod)| pod).take_while(move |pod| pod.namespace == namespace)
    }

    /// Books a quota; whether that changed anything.
    pub(super) fn quota_applied(&mut self, quota: &ResourceQuota) -> bool {
        let key = Key::of(&quota.metadata);
        let now = Quota::new(quota);
        if self.quotas.get(&key) == Some(&now) {
            return false;
        }
        self.quotas.insert(key, now);
        self.room = None;
        true
    }

    /// Whether that changed anything.
    pub(super) fn quota_gone(&mut self, key: &Key) -> bool {
        let gone = self.quotas.remove(key).is_some();
        if gone {
            self.room = None;
        }
        gone
    }

    pub(super) fn node_names(&self) -> impl Iterator<Item = &String> {
        self.nodes.keys()
    }

    pub(super) fn pod_keys(&self) -> impl Iterator<Item = &Key> {
        self.pods.keys()
    }

    pub(super) fn quota_keys(&self) -> impl Iterator<Item = &Key> {
        self.quotas.keys()
    }

    /// The room as the scheduler sees it; shared until something changes.
    pub(super) fn room(&mut self) -> Arc<Room> {
        let room = self.room.get_or_insert_with(|| {
            let mut quotas: BTreeMap<String, Vec<Quota>> = BTreeMap::new();
            for (key, quota) in &self.quotas {
                quotas.entry(key.namespace.clone()).or_default().push(quota.clone());
            }
            Arc::new(Room { nodes: self.nodes.values().map(|entry| entry.node.clone()).collect(), quotas })
        });
        Arc::clone(room)
    }

    /// The totals, and how many nodes of each of `models` there are.
    pub(super) fn summary(&self, models: &[ResourceModel]) -> RoomSummary {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let mut allocatable = Resources::default();
        for entry in self.nodes.values() {
            allocatable.add(&entry.allocatable, 1);
        }
        let with_pods = |resources: &Resources, pods: i64| {
            let mut resources = resources.clone();
            resources.set("pods", Quantity::from_units(pods));
            texts(&resources)
        };
        RoomSummary {
            nodes: NodeSummary {
                total_num: count(self.nodes.len()),
                ready_num: count(self.nodes.values().filter(|entry| entry.ready).count()),
            },
            resources: ResourceSummary {
                allocatable: texts(&allocatable),
                allocating: with_pods(&self.allocating, self.waiting),
                allocated: with_pods(&self.allocated, self.running),
                allocatable_modelings: self.modelings(models),
            },
        }
    }

    /// A node is of the highest grade whose lower bounds it reaches in every resource, with what it has left. One
    /// without a free pod slot is of none.
    fn modelings(&self, models: &[ResourceModel]) -> Vec<AllocatableModeling> {
        let mut counts: Vec<i64> = vec![0; models.len()];
        for NodeEntry { node, .. } in
            self.nodes.values().filter(|entry| entry.node.pods < entry.node.pod_slots)
        {
            let reached = models.iter().rposition(|model| {
                model.ranges.iter().all(|range| {
                    let least = Quantity::try_from(&range.min).unwrap_or_default();
                    node.allocatable.get(&range.name).minus(node.requested.get(&range.name)) >= least
                })
            });
            if let Some(index) = reached {
                counts[index] += 1;
            }
        }
        let pairs = models.iter().zip(counts);
        pairs.map(|(model, count)| AllocatableModeling { grade: model.grade, count }).collect()
    }

    fn hold(&mut self, held: &Held) {
        if held.node.is_empty() {
            self.allocating.add(&held.requested, 1);
            self.waiting += 1;
            return;
        }
        self.allocated.add(&held.requested, 1);
        self.running += 1;
        if let Some(NodeEntry { node, .. }) = self.nodes.get_mut(&held.node) {
            node.requested.add(&held.requested, 1);
            node.pods += 1;
        } else {
            let (requested, pods) = self.elsewhere.entry(held.node.clone()).or_default();
            requested.add(&held.requested, 1);
            *pods += 1;
        }
        self.room = None;
    }

    /// Whether anything was held.
    fn release(&mut self, key: &Key) -> bool {
        let Some(held) = self.pods.remove(key) else { return false };
        if held.node.is_empty() {
            self.allocating.subtract(&held.requested);
            self.waiting -= 1;
            return true;
        }
        self.allocated.subtract(&held.requested);
        self.running -= 1;
        if let Some(NodeEntry { node, .. }) = self.nodes.get_mut(&held.node) {
            node.requested.subtract(&held.requested);
            node.pods -= 1;
        } else if let Some((requested, pods)) = self.elsewhere.get_mut(&held.node) {
            requested.subtract(&held.requested);
            *pods -= 1;
            if *pods <= 0 {
                self.elsewhere.remove(&held.node);
            }
        }
        self.room = None;
        true
    }
}

/// What the pod takes; nothing once it has run to its end.
fn held(pod: &Pod) -> Option<Held> {
    let mut alone = Node::default();
    alone.hold(pod);
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    (alone.pods > 0).then_some(Held { node, requested: alone.requested })
}

fn is_ready(node: &core::Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn texts(resources: &Resources) -> BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity> {
    resources.iter().map(|(name, amount)| (name.to_owned(), amount.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(name: &str, cpu: &str) -> core::Node {
        let node = json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "4"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        serde_json::from_value(node).unwrap()
    }

    fn pod(name: &str, node: &str, phase: &str, cpu: &str) -> Pod {
        let node: Value = if node.is_empty() { Value::Null } else { json!(node) };
        let pod = json!({"metadata": {"name": name, "namespace": "d"}, "status": {"phase": phase},
            "spec": {"nodeName": node, "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}});
        serde_json::from_value(pod).unwrap()
    }

    fn check(room: &mut MemberRoom, cpu: &str, pods: i64) {
        let room = room.room();
        let requested = room.nodes[0].requested.get("cpu");
        assert_eq!((requested.to_string().as_str(), room.nodes[0].pods), (cpu, pods));
    }

    #[test]
    fn a_pod_counts_from_its_binding_to_its_end() {
        let mut room = MemberRoom::default();
        assert!(room.node_applied(&node("n1", "8")));
        assert!(room.pod_applied(&pod("a", "", "Pending", "2")));
        check(&mut room, "0", 0);
        assert_eq!(room.summary(&[]).resources.allocating["cpu"].0, "2");
        assert!(room.pod_applied(&pod("a", "n1", "Running", "2")));
        check(&mut room, "2", 1);
        assert!(!room.pod_applied(&pod("a", "n1", "Running", "2")), "nothing has changed");
        assert!(room.pod_applied(&pod("a", "n1", "Succeeded", "2")));
        check(&mut room, "0", 0);
        assert!(!room.pod_gone(&Key::new("d", "a")));
        assert_eq!(room.summary(&[]).resources.allocated["pods"].0, "0");
    }

    #[test]
    fn a_pod_without_a_node_is_remembered_until_it_has_one_or_is_gone() {
        let waiting = |name: &str, reason: &str| -> Pod {
            let pod = json!({"metadata": {"name": name, "namespace": "d", "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Odd", "name": "other", "uid": "1"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "2", "controller": true}]},
                "spec": {"containers": []}, "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled",
                    "status": "False", "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
            serde_json::from_value(pod).unwrap()
        };
        let mut room = MemberRoom::default();
        room.pod_applied(&waiting("a", "Unschedulable"));
        room.pod_applied(&waiting("b", "Unschedulable"));
        room.pod_applied(&waiting("c", "SchedulerError"));
        let pods: Vec<_> = room.unplaced("d").cloned().collect();
        assert_eq!(pods.len(), 2);
        assert_eq!(pods[0].since, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(pods[0].owner.as_ref().map(|owner| owner.name.as_str()), Some("rs"));
        assert_eq!(room.unplaced("").count() + room.unplaced("e").count(), 0);
        room.pod_applied(&pod("a", "n1", "Running", "2"));
        room.pod_gone(&Key::new("d", "b"));
        assert_eq!(room.unplaced("d").count(), 0);
    }

    #[test]
    fn pods_and_their_nodes_come_in_any_order() {
        let mut room = MemberRoom::default();
        room.pod_applied(&pod("a", "n1", "Running", "2"));
        room.node_applied(&node("n1", "8"));
        check(&mut room, "2", 1);
        room.node_gone("n1");
        assert!(room.room().nodes.is_empty());
        room.node_applied(&node("n1", "4"));
        check(&mut room, "2", 1);
        assert!(!room.node_applied(&node("n1", "4")), "a heartbeat changes nothing");
        room.pod_gone(&Key::new("d", "a"));
        check(&mut room, "0", 0);
    }

    #[test]
    fn a_room_is_shared_until_it_changes() {
        let mut room = MemberRoom::default();
        room.node_applied(&node("n1", "8"));
        assert!(Arc::ptr_eq(&room.room(), &room.room()));
        let before = room.room();
        room.pod_applied(&pod("a", "n1", "Running", "2"));
        assert!(!Arc::ptr_eq(&before, &room.room()));
    }

    #[test]
    fn a_quota_is_news_when_it_changes() {
        let quota = |hard: &str, used: &str| -> ResourceQuota {
            let quota = json!({"metadata": {"name": "q", "namespace": "d"}, "spec": {"hard": {"cpu": hard}},
                "status": {"hard": {"cpu": hard}, "used": {"cpu": used}}});
            serde_json::from_value(quota).unwrap()
        };
        let mut room = MemberRoom::default();
        assert!(room.quota_applied(&quota("4", "1")));
        assert!(!room.quota_applied(&quota("4", "1")));
        assert!(room.quota_applied(&quota("8", "2")));
        assert_eq!(room.room().quotas["d"][0].hard.get("cpu").to_string(), "8");
        assert!(room.quota_gone(&Key::new("d", "q")));
        assert!(room.room().quotas.is_empty());
    }

    #[test]
    fn a_node_that_is_not_ready_repels() {
        let mut room = MemberRoom::default();
        let mut failing = node("n1", "8");
        failing.status.as_mut().unwrap().conditions = None;
        room.node_applied(&failing);
        assert_eq!(room.room().nodes[0].taints[0].key, NOT_READY);
        let summary = room.summary(&[]).nodes;
        assert_eq!((summary.total_num, summary.ready_num), (1, 0));
    }

    #[test]
    fn nodes_are_graded_by_what_they_have_left() {
        let models: Vec<ResourceModel> = serde_json::from_value(json!([
            {"grade": 1, "ranges": [{"name": "cpu", "min": "0", "max": "4"}]},
            {"grade": 2, "ranges": [{"name": "cpu", "min": "4", "max": "8"}]},
            {"grade": 3, "ranges": [{"name": "cpu", "min": "8", "max": "1000"}]}]))
        .unwrap();
        let mut room = MemberRoom::default();
        for (name, cpu) in [("n1", "8"), ("n2", "8"), ("n3", "2"), ("n4", "64")] {
            room.node_applied(&node(name, cpu));
        }
        room.pod_applied(&pod("a", "n1", "Running", "1"));
        for name in ["b", "c", "d", "e"] {
            room.pod_applied(&pod(name, "n4", "Running", "1"));
        }
        let counts: Vec<_> = room
            .summary(&models)
            .resources
            .allocatable_modelings
            .iter()
            .map(|m| (m.grade, m.count))
            .collect();
        assert_eq!(counts, [(1, 1), (2, 1), (3, 1)], "n4 has no slot left");
    }
}
