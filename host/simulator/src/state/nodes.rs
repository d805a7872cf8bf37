//! Nodes: their room, their taints, and the status that a kubelet would report.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::pods::Stage;
use super::{Action, State};
use crate::feed::{News, key_of};
use crate::node_health;
use crate::placement::NodeRoom;
use crate::pod_status::seconds;
use crate::spec::DEFAULT_ALLOCATABLE;

impl State {
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
        let mut room = NodeRoom::of(node).keep_load(before, now);
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
            self.dirty.extend(self.workloads.keys().cloned());
        }
        self.nodes.insert(name.clone(), room);
        // They may have to leave, or be ready no longer.
        self.lives.extend(self.pods_of_node.get(&name).into_iter().flatten().cloned());
        let unreported =
            node.status.as_ref().and_then(|status| status.conditions.as_ref()).is_none_or(Vec::is_empty);
        if unreported {
            let status = self.first_node_status(node, &name, now);
            self.actions.push(Action::NodeStatus { name, status });
            return;
        }
        if let Some(status) = node_health::changed_status(node, now) {
            self.actions.push(Action::NodeStatus { name: name.clone(), status });
        }
        if let Some(taints) = node_health::changed_taints(node) {
            let version = node.resource_version();
            self.actions.push(Action::NodeTaints { name, version, taints });
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
        ]
        .iter()
        .map(|(kind, status, reason)| {
            json!({"type": kind, "status": status, "reason": reason, "message": "simulated",
                "lastHeartbeatTime": now, "lastTransitionTime": now})
        })
        .chain([node_health::ready_condition(node, &now)])
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
}
