//! Works that are made for something else than a binding: written only where they differ, and removed.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use windlass_api::work::Work;

use crate::error::{Error, is_already_exists, is_not_found, is_terminating};
use crate::index::{Index, Key};
use crate::patch::difference;

/// Makes `desired`, or gives the one that is there its spec. One that is being deleted is left: its end brings its
/// maker back.
pub(crate) async fn put(index: &Index, desired: Work) -> Result<(), Error> {
    let key = Key::of(&desired.metadata);
    let api = index.work_api(&key.namespace);
    let written = match index.works.get(&key) {
        None => match api.create(&PostParams::default(), &desired).await {
            Ok(created) => created,
            Err(error) if is_terminating(&error) || is_already_exists(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        },
        Some(existing) if existing.metadata.deletion_timestamp.is_some() || existing.spec == desired.spec => {
            return Ok(());
        }
        Some(existing) => {
            let Some(spec) =
                difference(&serde_json::to_value(&existing.spec)?, &serde_json::to_value(&desired.spec)?)
            else {
                return Ok(());
            };
            let patch = Patch::Merge(json!({ "spec": spec }));
            api.patch(&key.name, &PatchParams::default(), &patch).await?
        }
    };
    index.works.offer(written);
    Ok(())
}

/// Deletes the Work of this key, if there is one.
pub(crate) async fn remove(index: &Index, key: &Key) -> Result<(), Error> {
    if index.works.get(key).is_none_or(|work| work.metadata.deletion_timestamp.is_some()) {
        return Ok(());
    }
    match index.work_api(&key.namespace).delete(&key.name, &DeleteParams::background()).await {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
