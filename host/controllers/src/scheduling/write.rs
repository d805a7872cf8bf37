//! Carries out a decision: one write of the binding's spec, on condition that it is the binding that was decided on.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::TargetCluster;

use crate::index::{Binding, Index, Key};
use crate::marks;

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) targets: Vec<TargetCluster>,
    /// The placement that was decided by, as JSON.
    pub(super) placement: String,
}

impl Assignment {
    /// The assignment of `targets` by the binding's own placement.
    pub(super) fn new(binding: &Binding, targets: Vec<TargetCluster>) -> Assignment {
        let placement = serde_json::to_string(&binding.spec.placement).unwrap_or_default();
        Assignment { targets, placement }
    }

    /// Whether the binding says so already.
    pub(super) fn is_written(&self, binding: &Binding) -> bool {
        binding.spec.clusters == self.targets
            && marks::annotation(&binding.metadata, APPLIED_PLACEMENT) == Some(self.placement.as_str())
    }
}

/// Writes an assignment and gives the binding as it is then.
///
/// # Errors
/// The binding has changed since, or is gone; or the server refused or was not reached.
pub(super) async fn write(
    index: Arc<Index>,
    key: Key,
    binding: Arc<Binding>,
    assignment: Assignment,
) -> Result<Arc<Binding>, kube::Error> {
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": binding.metadata.uid,
            "resourceVersion": binding.metadata.resource_version,
            "annotations": {APPLIED_PLACEMENT: assignment.placement},
        },
        "spec": {"clusters": assignment.targets},
    }));
    let written = index.binding_api(&key).patch(&key.name, &PatchParams::default(), &patch).await?;
    index.bindings_for(&key).offer(written.clone());
    Ok(Arc::new(written))
}
