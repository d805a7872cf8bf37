//! The pods of a member for which its scheduler has found no node. Pure.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// An object of a pod's namespace, by its kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

/// A pod that waits for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnplacedPod {
    pub(super) namespace: String,
    /// Since when it has been known that no node takes it; `None`: nobody has said.
    pub(super) since: Option<jiff::Timestamp>,
    /// Its controller.
    pub(super) owner: Option<Owner>,
}

impl UnplacedPod {
    /// `None`: it has a node, or nobody has looked for one yet.
    pub(super) fn of(pod: &Pod) -> Option<UnplacedPod> {
        let conditions = pod.status.as_ref()?.conditions.as_deref().unwrap_or_default();
        let refused =
            conditions.iter().find(|condition| condition.type_ == "PodScheduled").filter(|condition| {
                condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable")
            })?;
        let owners = pod.metadata.owner_references.iter().flatten();
        let owner = owners.into_iter().find(|owner| owner.controller == Some(true)).map(|owner| Owner {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
        });
        Some(UnplacedPod {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            since: refused.last_transition_time.as_ref().map(|Time(since)| *since),
            owner,
        })
    }
}
