//! Carries out a decision: one write of the binding's spec, on condition that it is the binding that was decided on.

use std::sync::Arc;
use std::time::Instant;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::TargetCluster;
use windlass_quota::{BindingId, Charge, Ledger, Refused, usage, usage_on};
use windlass_scheduler::engine::{Write, WriteEnd};

use crate::error::{is_conflict, is_not_found, message};
use crate::index::{Binding, Index, Key, version};

/// Writes an assignment. What the quotas that are known here don't allow isn't tried: thousands may wait for room.
pub(super) async fn write(index: Arc<Index>, quotas: Option<Arc<Ledger>>, write: Write) -> WriteEnd {
    let Write { key, attempt: _, binding, targets, placement, eviction_tasks, evicted_for } = write;
    // Nobody leaves for one that its quota keeps out.
    let (asker, wanted) = match &evicted_for {
        Some(beneficiary) => (&beneficiary.binding, &beneficiary.targets),
        None => (&binding, &targets),
    };
    let asker_key = Key::of(&asker.metadata);
    if let Some(refused) = quotas.and_then(|ledger| over_quota(&ledger, &asker_key, asker, wanted)) {
        return WriteEnd::OverQuota(refused.to_string());
    }
    let mut patch = json!({
        "metadata": {
            "uid": binding.metadata.uid,
            "resourceVersion": binding.metadata.resource_version,
            "annotations": {APPLIED_PLACEMENT: placement},
        },
        "spec": {"clusters": targets},
    });
    if let Some(tasks) = eviction_tasks {
        patch["spec"]["gracefulEvictionTasks"] = if tasks.is_empty() { Value::Null } else { json!(tasks) };
    }
    let patch = Patch::Merge(patch);
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

/// What admission would refuse anyway, as far as the ledger knows.
fn over_quota(ledger: &Ledger, key: &Key, binding: &Binding, targets: &[TargetCluster]) -> Option<Refused> {
    if key.namespace.is_empty() {
        return None;
    }
    let charge = Charge {
        uid: binding.metadata.uid.clone().unwrap_or_default(),
        generation: binding.metadata.generation.unwrap_or(0),
        version: version(&binding.metadata),
        before: usage(&binding.spec),
        after: usage_on(&binding.spec, targets),
    };
    let of = BindingId { namespace: &key.namespace, name: &key.name };
    let refused = ledger.would_charge(of, &charge, Instant::now()).err()?;
    matches!(refused, Refused::Exceeded(_)).then_some(refused)
}
