//! What it means to interpret a resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use windlass_api::config::DependentObjectReference;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::{AggregatedStatusItem, Component, ReplicaRequirements};

use crate::blame::CallError;
use crate::json::Json;
use crate::object::{Gvk, Object};
use crate::operation::{Ask, Operation};

/// An answer and who gave it. The error of the one who was asked is the answer: there is no falling through to
/// another interpreter.
#[derive(Clone, Debug)]
pub struct Answered<T> {
    /// The interpreter's name.
    pub by: Arc<str>,
    pub result: Result<T, CallError>,
}

/// `None`: no interpreter is enabled for this kind and operation.
pub type Answer<T> = Option<Answered<T>>;

/// How many replicas a workload wants and what each requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaAnswer {
    pub replicas: i32,
    pub requirements: Option<ReplicaRequirements>,
}

/// The answers to all that was asked of one object in one call. What was not asked is `None`.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    pub replicas: Answer<ReplicaAnswer>,
    pub components: Answer<Vec<Component>>,
    pub dependencies: Answer<Vec<DependentObjectReference>>,
    pub status: Answer<Json>,
    pub health: Answer<bool>,
}

impl Inspection {
    /// Whether the object is its components rather than its replicas: where there are several of them, or nobody speaks
    /// of replicas. One component beside replicas is the same pods once more, and replicas can be divided.
    pub fn by_components(&self) -> bool {
        match (&self.components, &self.replicas) {
            (Some(components), Some(_)) => !components.result.as_ref().is_ok_and(|all| all.len() < 2),
            (components, None) => components.is_some(),
            (None, Some(_)) => false,
        }
    }
}

/// How the pods of one component do in a simulated member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodCount {
    /// As the workload wants them.
    pub desired: u32,
    /// Those of the present template that are there; so are the next three.
    pub created: u32,
    pub ready: u32,
    pub succeeded: u32,
    pub failed: u32,
    /// Those of an earlier template that have not yet given way.
    pub outdated: u32,
    pub outdated_ready: u32,
}

/// The pods of a workload by component name; a workload without components has one, named `""`.
pub type WorkloadPods = BTreeMap<String, PodCount>;

/// Answers what a resource means.
///
/// All calls are pure functions of their arguments, quick (bounded by the plugin's deadline), and may run on any
/// thread. Objects in answers are whole resulting objects: changes have been checked against their fence and made.
pub trait Interpreter: Send + Sync {
    /// Who would answer `operation` for `gvk`, if anybody.
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>>;

    /// Answers every question in `ask` about `object`.
    fn inspect(&self, object: &Object, ask: Ask) -> Inspection;

    /// `object` with its replicas set.
    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Object>;

    /// `desired` with the fields kept that belong to the member, as seen in `observed`.
    fn retain(&self, desired: &Object, observed: &Object) -> Answer<Object>;

    /// `object` with its status drawn together from the members'.
    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Object>;

    /// What must survive a move, by label name, from the object as last seen in its failed home: what the policy's
    /// rules name, and what the kind's own interpreter knows of.
    fn preserve_state(
        &self,
        object: &Object,
        rules: &[StatePreservationRule],
    ) -> Answer<BTreeMap<String, String>>;

    /// `object` with `state` put back, for its new home.
    fn restore_state(&self, object: &Object, state: &BTreeMap<String, String>) -> Answer<Object>;

    /// The status that the workload's own controller would write, given how its pods do and how many nodes the
    /// cluster has. A `null` under a name that ends in `Time` is for the cluster to fill in; a condition that is
    /// `True` ends the pods if it is `Complete`, `Completed`, `Succeeded`, `Finished`, `Failed` or `Suspended`. Only the
    /// simulator asks; `None` leaves the object without a simulated status.
    fn simulate_status(&self, object: &Object, pods: &WorkloadPods, nodes: u32) -> Answer<Value>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered<T>(result: T) -> Answer<T> {
        Some(Answered { by: "test".into(), result: Ok(result) })
    }

    #[test]
    fn one_component_beside_replicas_says_no_more_than_they_do() {
        let component = Component { name: "a".to_owned(), replicas: 1, replica_requirements: None };
        let with = |components: Option<usize>, replicas: bool| Inspection {
            replicas: if replicas { answered(ReplicaAnswer::default()) } else { None },
            components: components.and_then(|count| answered(vec![component.clone(); count])),
            ..Inspection::default()
        };
        assert!(with(Some(2), true).by_components());
        assert!(!with(Some(1), true).by_components());
        assert!(with(Some(1), false).by_components());
        assert!(!with(None, true).by_components());
        assert!(!with(None, false).by_components());
    }
}
