//! What a decision has to know of a binding that the binding does not say itself.

use std::collections::BTreeSet;

use windlass_api::work::{Component, ResourceBindingSpec, WorkloadAffinityGroups};

/// What is known beside the binding. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// What the components were when they were placed where they are; `None`: they are taken to be what they were.
    pub held: Option<Vec<Component>>,
    /// Where the workloads are beside which it has to be, or must not be.
    pub peers: Peers,
}

/// Where the other workloads of a binding's affinity groups are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// The clusters that hold all placed workloads of its affinity group; `None`: none is placed, and the first goes
    /// anywhere.
    pub together: Option<BTreeSet<String>>,
    /// The clusters that hold a workload of its anti-affinity group.
    pub apart: BTreeSet<String>,
}

impl Peers {
    /// Of a binding, as the others of its namespace are placed; those of other groups do not matter, and the binding
    /// itself must not be among them.
    pub fn of<'a>(
        spec: &ResourceBindingSpec,
        others: impl IntoIterator<Item = &'a ResourceBindingSpec>,
    ) -> Peers {
        let mut peers = Peers::default();
        let Some(WorkloadAffinityGroups { affinity_group, anti_affinity_group }) =
            &spec.workload_affinity_groups
        else {
            return peers;
        };
        for other in others {
            let Some(groups) = &other.workload_affinity_groups else { continue };
            let clusters = || other.clusters.iter().map(|target| target.name.clone());
            if !affinity_group.is_empty()
                && groups.affinity_group == *affinity_group
                && !other.clusters.is_empty()
            {
                let there: BTreeSet<String> = clusters().collect();
                peers.together = Some(match peers.together.take() {
                    Some(together) => together.intersection(&there).cloned().collect(),
                    None => there,
                });
            }
            if !anti_affinity_group.is_empty() && groups.anti_affinity_group == *anti_affinity_group {
                peers.apart.extend(clusters());
            }
        }
        peers
    }
}
