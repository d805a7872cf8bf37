//! What stands in the way.

use std::collections::BTreeMap;
use std::fmt;

use windlass_api::quantity::Quantity;

/// Why something does not fit even once. Prints what is missing, without the cluster's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Shortage {
    /// Every node that would take such a pod has too little of a resource.
    Resource {
        component: String,
        resource: String,
        wanted: Quantity,
        most: Quantity,
        nodes: usize,
        refused: RefusedNodes,
    },
    /// Every node that would take such a pod is full of pods.
    Slots { component: String, nodes: usize, refused: RefusedNodes },
    /// No node would take such a pod.
    Refused { component: String, nodes: usize, refused: RefusedNodes },
    /// Each piece fits alone, but not all together.
    Packing { component: String, placed: i64, wanted: i64, nodes: usize },
    /// A ResourceQuota has too little left.
    Quota { quota: String, resource: String, wanted: Quantity, free: Quantity, set: bool },
    /// All nodes together have too little.
    Total { resource: String, wanted: Quantity, free: Quantity, set: bool },
    /// Its estimator counts none, or no more than was promised since.
    Answered { fits: i64, promised: i64 },
    /// The cluster has not said what it has.
    Unreported,
}

/// Why nodes do not take a pod, whatever room they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedNodes {
    /// Cordoned.
    pub cordoned: usize,
    /// With a taint that is not tolerated, by taint.
    pub tainted: BTreeMap<String, usize>,
    /// Not selected by the pod's node selector or affinity.
    pub unselected: usize,
}

impl RefusedNodes {
    fn is_empty(&self) -> bool {
        self.cordoned == 0 && self.tainted.is_empty() && self.unselected == 0
    }
}

impl fmt::Display for RefusedNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = Vec::new();
        if self.cordoned > 0 {
            reasons.push(format!("{} cordoned", self.cordoned));
        }
        reasons.extend(self.tainted.iter().map(|(taint, count)| format!("{count} with the taint {taint}")));
        if self.unselected > 0 {
            reasons.push(format!("{} not selected", self.unselected));
        }
        f.write_str(&reasons.join(", "))
    }
}

/// `jobmanager`, or what a workload without components is made of.
struct Subject<'a>(&'a str);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "a replica" } else { self.0 })
    }
}

/// `(3 nodes; 1 cordoned)`
struct Among<'a>(usize, &'a RefusedNodes);

impl fmt::Display for Among<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} node{}", self.0, if self.0 == 1 { "" } else { "s" })?;
        if !self.1.is_empty() {
            write!(f, "; {}", self.1)?;
        }
        f.write_str(")")
    }
}

fn whole(set: bool) -> &'static str {
    if set { "a set" } else { "a replica" }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortage::Resource { component, resource, wanted, most, nodes, refused } => write!(
                f,
                "{} needs {resource} {wanted} and no node has more than {most} free {}",
                Subject(component),
                Among(*nodes, refused)
            ),
            Shortage::Slots { component, nodes, refused } => write!(
                f,
                "{} needs a pod slot and no node has one free {}",
                Subject(component),
                Among(*nodes, refused)
            ),
            Shortage::Refused { component, nodes: 0, .. } => {
                write!(f, "{} finds no node: the cluster has none", Subject(component))
            }
            Shortage::Refused { component, nodes, refused } => write!(
                f,
                "{} finds no node that takes it ({nodes} node{}: {refused})",
                Subject(component),
                if *nodes == 1 { "" } else { "s" }
            ),
            Shortage::Packing { component, placed, wanted, nodes } => write!(
                f,
                "{}: only {placed} of {wanted} pods fit beside the rest of the set {}",
                Subject(component),
                Among(*nodes, &RefusedNodes::default())
            ),
            Shortage::Quota { quota, resource, wanted, free, set } => {
                write!(
                    f,
                    "{} needs {resource} {wanted} and ResourceQuota {quota} has {free} free",
                    whole(*set)
                )
            }
            Shortage::Total { resource, wanted, free, set } => {
                write!(f, "{} needs {resource} {wanted} and {free} is free in all", whole(*set))
            }
            Shortage::Answered { fits: 0, .. } => f.write_str("has no room, its estimator says"),
            Shortage::Answered { fits, promised } => write!(
                f,
                "has no room left: its estimator counts {fits}, and {promised} are promised to others"
            ),
            Shortage::Unreported => f.write_str("has not reported how much room it has"),
        }
    }
}
