//! Which change concerns the scheduling loop.

use std::sync::Arc;

use crate::index::{Binding, Change, Index, Key};
use crate::listen::differs;
use crate::scheduling::Intake;

pub(super) fn register(index: &Index, intake: &Arc<Intake>) {
    for cache in [&index.bindings, &index.cluster_bindings] {
        let intake = intake.clone();
        cache.listen(move |change| {
            let key = Key::of(&change.object().metadata);
            match change {
                Change::Deleted { .. } => intake.binding(key),
                Change::Applied { old, new, .. } => {
                    let old = old.as_deref();
                    if old.is_none_or(|old| differs(old, new)) {
                        intake.binding(key.clone());
                    }
                    if old.is_none_or(|old| items(old) != items(new)) {
                        intake.status(key);
                    }
                }
            }
        });
    }
    let intake = intake.clone();
    index.clusters.listen(move |change| {
        if let Some(name) = change.object().metadata.name.as_deref() {
            intake.cluster(name);
        }
    });
}

/// How the workload does in its clusters.
fn items(binding: &Binding) -> &[windlass_api::work::AggregatedStatusItem] {
    binding.status.as_ref().map(|status| status.aggregated_status.as_slice()).unwrap_or_default()
}
