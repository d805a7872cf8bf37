//! How the pods of a workload do in a simulated member cluster.

use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::ComponentPods;

/// The pods of one component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCount {
    /// As the workload wants them.
    pub desired: u32,
    /// That are there, made from the present template; so are the next three.
    pub created: u32,
    /// That run and are ready.
    pub ready: u32,
    /// That have ended well.
    pub succeeded: u32,
    /// That have ended badly.
    pub failed: u32,
    /// Made from an earlier template, and not yet replaced.
    pub outdated: u32,
    /// Those of them that are ready.
    pub outdated_ready: u32,
}

impl PodCount {
    /// Whether all that are wanted are ready, and at least one is.
    pub fn all_ready(&self) -> bool {
        self.ready > 0 && self.ready >= self.desired
    }

    /// That are there, whatever template they were made from.
    pub fn of_any_template(&self) -> u32 {
        self.created.saturating_add(self.outdated)
    }

    /// Those of them that are ready.
    pub fn ready_of_any_template(&self) -> u32 {
        self.ready.saturating_add(self.outdated_ready)
    }
}

/// The pods of a workload, and the size of their cluster.
#[derive(Clone, Copy, Debug)]
pub struct Pods<'a> {
    components: &'a [ComponentPods],
    /// How many nodes the cluster has.
    pub nodes: u32,
}

impl<'a> Pods<'a> {
    /// From what the host passes.
    pub fn new(components: &'a [ComponentPods], nodes: u32) -> Pods<'a> {
        Pods { components, nodes }
    }

    /// The pods of the component `name`; a workload that has no components has one named "".
    pub fn of(&self, name: &str) -> PodCount {
        let Some(pods) = self.components.iter().find(|component| component.component == name) else {
            return PodCount::default();
        };
        PodCount {
            desired: pods.desired,
            created: pods.created,
            ready: pods.ready,
            succeeded: pods.succeeded,
            failed: pods.failed,
            outdated: pods.outdated,
            outdated_ready: pods.outdated_ready,
        }
    }

    /// How many pods a workload has that runs one on each node, and how many of them are ready. A cluster that
    /// simulates no pods for each node has them run all the same.
    pub fn on_each_node(&self) -> (u32, u32) {
        let counted = self.of("");
        if counted.desired == 0 { (self.nodes, self.nodes) } else { (counted.created, counted.ready) }
    }
}
