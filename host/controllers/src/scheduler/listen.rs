//! Which change concerns the scheduling loop.

use std::sync::Arc;

use crate::index::{Index, Key};
use crate::scheduling::Intake;

pub(super) fn register(index: &Index, intake: &Arc<Intake>) {
    for cache in [&index.bindings, &index.cluster_bindings] {
        let intake = intake.clone();
        // What is decided is written on condition that nothing has changed, be it the status.
        cache.listen(move |change| intake.binding(Key::of(&change.object().metadata)));
    }
    let intake = intake.clone();
    index.clusters.listen(move |change| {
        if let Some(name) = change.object().metadata.name.as_deref() {
            intake.cluster(name);
        }
    });
}
