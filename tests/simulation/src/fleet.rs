//! The member clusters: what runs in them, and what they report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use windlass_api::Key;
use windlass_api::quantity::Quantity;
use windlass_scheduler::{Capacity, ClusterState, Node, Resources, Room};

use crate::random::Random;
use crate::store::Report;
use crate::workload::REGIONS;

/// How its room is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// Its node is.
    Node,
    /// It tells the sum.
    Sum,
    /// Its estimator has to be asked.
    Asking,
}

/// A member, as it is, whatever has been said of it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) tainted: bool,
    pub(crate) serves: bool,
    pub(crate) deleting: bool,
    pub(crate) known_by: KnownBy,
    /// Cpus.
    pub(crate) capacity: i64,
    /// Cpus that each binding's workload takes, and the replicas that it is for.
    pub(crate) running: BTreeMap<Key, (i64, i32)>,
}

impl Member {
    pub(crate) fn new(random: &mut Random, name: &str) -> Member {
        Member {
            name: name.to_owned(),
            region: (*random.pick(&REGIONS)).to_owned(),
            tainted: random.chance(15),
            serves: !random.chance(10),
            deleting: false,
            known_by: *random.pick(&[KnownBy::Node, KnownBy::Node, KnownBy::Sum, KnownBy::Asking]),
            capacity: random.between(2, 12),
            running: BTreeMap::new(),
        }
    }

    /// What it says of itself now.
    pub(crate) fn report(&self) -> Report {
        let used: i64 = self.running.values().map(|(cpus, _)| cpus).sum();
        let amounts = |cpu: i64| -> Resources {
            let mut amounts = Resources::default();
            amounts.set("cpu", Quantity::from_units(cpu));
            amounts
        };
        let node = || Node {
            name: "node".to_owned(),
            allocatable: amounts(self.capacity),
            requested: amounts(used),
            pod_slots: 10_000,
            ..Node::default()
        };
        let mut free = amounts(self.capacity - used);
        free.set("pods", Quantity::from_units(10_000));
        let apis = [("apps/v1", "Deployment", self.serves), ("v1", "ConfigMap", true)];
        let state = ClusterState {
            name: self.name.clone(),
            labels: [("region".to_owned(), self.region.clone())].into(),
            deleting: self.deleting,
            region: self.region.clone(),
            taints: self.tainted.then(maintenance).into_iter().collect(),
            apis: apis
                .into_iter()
                .filter(|(_, _, served)| *served)
                .map(|(version, kind, _)| (version.to_owned(), BTreeSet::from([kind.to_owned()])))
                .collect(),
            apis_complete: true,
            capacity: (self.known_by != KnownBy::Node).then(|| Capacity { free, ..Capacity::default() }),
            room: (self.known_by == KnownBy::Node).then(|| Room { nodes: vec![node()], ..Room::default() }),
            answers: (self.known_by == KnownBy::Asking).then(Arc::default),
            ..ClusterState::default()
        };
        let running = self.running.iter().map(|(key, (cpus, _))| (key.clone(), *cpus)).collect();
        Report { version: 0, state, capacity: self.capacity, running }
    }
}

fn maintenance() -> Taint {
    Taint { key: "maintenance".to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() }
}
