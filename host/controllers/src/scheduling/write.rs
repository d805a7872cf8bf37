//! Carries out a decision: one write of the binding's spec, on condition that it is the binding that was decided on.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_scheduler::engine::{Write, WriteEnd};

use crate::error::{is_conflict, is_not_found, message};
use crate::index::Index;

/// Writes an assignment.
pub(super) async fn write(index: Arc<Index>, write: Write) -> WriteEnd {
    let Write { key, attempt: _, binding, targets, placement } = write;
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": binding.metadata.uid,
            "resourceVersion": binding.metadata.resource_version,
            "annotations": {APPLIED_PLACEMENT: placement},
        },
        "spec": {"clusters": targets},
    }));
    match index.binding_api(&key).patch(&key.name, &PatchParams::default(), &patch).await {
        Ok(written) => {
            let written = Arc::new(written);
            index.bindings_for(&key).offer(written.clone());
            WriteEnd::Written(written)
        }
        Err(error) if is_not_found(&error) => WriteEnd::NotFound,
        Err(error) if is_conflict(&error) => WriteEnd::Conflict,
        Err(kube::Error::Api(status)) if status.code == 403 => WriteEnd::OverQuota(status.message.clone()),
        Err(error) => WriteEnd::Failed(message(&error)),
    }
}
