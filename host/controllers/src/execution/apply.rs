//! Brings one object of one member to what its Work says: created, updated, taken over, or deleted.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, PostParams};
use parking_lot::Mutex;
use serde_json::Value;
use windlass_api::labels::{CONFLICT_RESOLUTION, CONFLICT_RESOLUTION_OVERWRITE, MANAGED, MANAGED_TRUE};
use windlass_core::{CallError, Interpreter, Object, ObjectId};

use super::retain::{retain_metadata, strip_marks};
use crate::binding::prune;
use crate::error::{is_already_exists, is_conflict, is_not_found, message};
use crate::index::{MemberObjectId, MemberObjects, Observed, Served, Template};

/// How often an update is tried again with what is there by then, before the Work's backoff takes over.
const CONFLICTS_MAX: usize = 3;

/// Why an object is not what its Work says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(
        "{id} exists in cluster {cluster} and is not managed: to take it over, set conflictResolution: Overwrite in the policy, or annotate the template with {CONFLICT_RESOLUTION}: {CONFLICT_RESOLUTION_OVERWRITE}"
    )]
    NotManaged { id: ObjectId, cluster: String },
    #[error("cluster {cluster} does not serve {}: install its CustomResourceDefinition there", id.gvk)]
    KindNotServed { id: ObjectId, cluster: String },
    #[error("cluster {cluster} refuses {id}: {}", message(source))]
    Refused { id: ObjectId, cluster: String, source: kube::Error },
    #[error("cluster {cluster} did not answer within {} s", after.as_secs())]
    Timeout { cluster: String, after: Duration },
    #[error(transparent)]
    Interpretation(#[from] CallError),
    #[error("the manifest of {id} is no object that can be read")]
    Malformed { id: ObjectId, source: serde_json::Error },
}

impl ApplyError {
    /// Whether trying again soon will do: somebody was quicker, or what it needs is on its way.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self, ApplyError::Refused { source, .. }
            if is_conflict(source) || is_not_found(source) || is_already_exists(source))
    }
}

/// One object for one member, and how to reach it there.
pub(crate) struct Target<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) client: &'a kube::Client,
    pub(crate) id: &'a ObjectId,
    pub(crate) served: &'a Served,
}

impl Target<'_> {
    fn api(&self) -> Api<DynamicObject> {
        self.served.api(self.client, &self.id.namespace)
    }
}

/// What was applied last: the manifest's hash, and the content of the object that it led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Applied {
    manifest: u64,
    content: u64,
}

/// Applies objects to members.
pub(crate) struct Applier {
    pub(crate) objects: Arc<MemberObjects>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) timeout: Duration,
    applied: Mutex<HashMap<MemberObjectId, Applied>>,
}

impl Applier {
    pub(crate) fn new(
        objects: Arc<MemberObjects>,
        interpreter: Arc<dyn Interpreter>,
        timeout: Duration,
    ) -> Applier {
        Applier { objects, interpreter, timeout, applied: Mutex::default() }
    }

    /// Brings the object to what `manifest` says.
    ///
    /// # Errors
    /// The member refused or did not answer, an object that isn't managed is in the way, or Retain failed.
    pub(crate) async fn apply(&self, target: &Target<'_>, manifest: &Value) -> Result<(), ApplyError> {
        self.objects.watch(target.cluster, &target.id.gvk, target.client, target.served);
        if let Observed::Present(observed) = self.objects.get(target.cluster, target.id) {
            return self.update(target, manifest, observed).await;
        }
        match self.create(target, manifest).await {
            Err(ApplyError::Refused { source, .. }) if is_already_exists(&source) => {
                match self.read(target).await? {
                    Some(observed) => self.update(target, manifest, Arc::new(observed)).await,
                    None => self.create(target, manifest).await,
                }
            }
            created => created,
        }
    }

    /// Deletes the object if it is managed.
    ///
    /// # Errors
    /// The member refused or did not answer.
    pub(crate) async fn delete(&self, target: &Target<'_>) -> Result<(), ApplyError> {
        self.forget(target);
        match self.objects.get(target.cluster, target.id) {
            Observed::Absent => return Ok(()),
            Observed::Present(_) => {}
            Observed::Unknown => match self.read(target).await? {
                Some(observed) if is_managed(&observed) => {}
                _ => return Ok(()),
            },
        }
        let api = target.api();
        match self.call(target, api.delete(&target.id.name, &DeleteParams::background())).await {
            Err(ApplyError::Refused { source, .. }) if is_not_found(&source) => Ok(()),
            deleted => deleted.map(|_| ()),
        }
    }

    /// Leaves the object in the member, without the control plane's marks.
    ///
    /// # Errors
    /// The member refused or did not answer.
    pub(crate) async fn leave(&self, target: &Target<'_>) -> Result<(), ApplyError> {
        self.forget(target);
        for _ in 0..CONFLICTS_MAX {
            let Some(observed) = self.read(target).await?.filter(is_managed) else { return Ok(()) };
            let mut object = observed.object.to_value();
            strip_marks(&mut object);
            match self.replace(target, &object).await {
                Err(ApplyError::Refused { source, .. }) if is_conflict(&source) => {}
                replaced => return replaced.map(|_| ()),
            }
        }
        Ok(())
    }

    async fn create(&self, target: &Target<'_>, manifest: &Value) -> Result<(), ApplyError> {
        let object = decode(target, manifest)?;
        let api = target.api();
        let created = match self.call(target, api.create(&PostParams::default(), &object)).await {
            Err(ApplyError::Refused { source, .. }) if is_kind_missing(&source) => {
                return Err(ApplyError::KindNotServed {
                    id: target.id.clone(),
                    cluster: target.cluster.to_owned(),
                });
            }
            created => created?,
        };
        self.record(target, manifest, created);
        Ok(())
    }

    async fn update(
        &self,
        target: &Target<'_>,
        manifest: &Value,
        mut observed: Arc<Template>,
    ) -> Result<(), ApplyError> {
        let mut conflicts = 0;
        loop {
            if self.is_applied(target, manifest, &observed) {
                return Ok(());
            }
            let desired = self.desired(target, manifest, &observed)?;
            if is_same(&desired, &observed) {
                self.applied
                    .lock()
                    .insert(key(target), Applied { manifest: hash(manifest), content: observed.content });
                return Ok(());
            }
            match self.replace(target, &desired).await {
                Ok(replaced) => {
                    self.record(target, manifest, replaced);
                    return Ok(());
                }
                Err(ApplyError::Refused { source, .. })
                    if is_conflict(&source) && conflicts < CONFLICTS_MAX =>
                {
                    conflicts += 1;
                    match self.read(target).await? {
                        Some(newer) => observed = Arc::new(newer),
                        None => return self.create(target, manifest).await,
                    }
                }
                Err(ApplyError::Refused { source, .. }) if is_not_found(&source) => {
                    return self.create(target, manifest).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The manifest with all that the member's object keeps of itself.
    fn desired(
        &self,
        target: &Target<'_>,
        manifest: &Value,
        observed: &Template,
    ) -> Result<Value, ApplyError> {
        if !is_managed(observed) && !takes_over(manifest) {
            return Err(ApplyError::NotManaged { id: target.id.clone(), cluster: target.cluster.to_owned() });
        }
        let mut desired = manifest.clone();
        retain_metadata(&mut desired, &observed.object.to_value());
        let Ok(object) = Object::from_value(&desired) else { return Ok(desired) };
        match self.interpreter.retain(&object, &observed.object) {
            Some(answer) => Ok(answer.result?.to_value()),
            None => Ok(desired),
        }
    }

    async fn replace(&self, target: &Target<'_>, object: &Value) -> Result<DynamicObject, ApplyError> {
        let object = decode(target, object)?;
        let api = target.api();
        self.call(target, api.replace(&target.id.name, &PostParams::default(), &object)).await
    }

    async fn read(&self, target: &Target<'_>) -> Result<Option<Template>, ApplyError> {
        let api = target.api();
        let read = self.call(target, api.get_opt(&target.id.name)).await?;
        Ok(read.and_then(|object| Template::new(&target.id.gvk, object).ok()))
    }

    async fn call<T>(
        &self,
        target: &Target<'_>,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ApplyError> {
        let cluster = target.cluster.to_owned();
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => {
                answer.map_err(|source| ApplyError::Refused { id: target.id.clone(), cluster, source })
            }
            Err(_) => Err(ApplyError::Timeout { cluster, after: self.timeout }),
        }
    }

    fn is_applied(&self, target: &Target<'_>, manifest: &Value, observed: &Template) -> bool {
        let applied = self.applied.lock().get(&key(target)).copied();
        applied == Some(Applied { manifest: hash(manifest), content: observed.content })
    }

    fn record(&self, target: &Target<'_>, manifest: &Value, object: DynamicObject) {
        let Ok(object) = Template::new(&target.id.gvk, object) else { return };
        self.applied
            .lock()
            .insert(key(target), Applied { manifest: hash(manifest), content: object.content });
        self.objects.offer(target.cluster, object);
    }

    fn forget(&self, target: &Target<'_>) {
        self.applied.lock().remove(&key(target));
    }
}

fn key(target: &Target<'_>) -> MemberObjectId {
    MemberObjectId { cluster: target.cluster.to_owned(), object: target.id.clone() }
}

fn decode(target: &Target<'_>, object: &Value) -> Result<DynamicObject, ApplyError> {
    serde_json::from_value(object.clone())
        .map_err(|source| ApplyError::Malformed { id: target.id.clone(), source })
}

fn is_managed(object: &Template) -> bool {
    object.label(MANAGED) == Some(MANAGED_TRUE)
}

fn takes_over(manifest: &Value) -> bool {
    let annotations = manifest.pointer("/metadata/annotations");
    annotations.and_then(|annotations| annotations.get(CONFLICT_RESOLUTION)).and_then(Value::as_str)
        == Some(CONFLICT_RESOLUTION_OVERWRITE)
}

/// Whether writing `desired` would change nothing that is anybody's to want.
fn is_same(desired: &Value, observed: &Template) -> bool {
    let mut theirs = observed.object.to_value();
    let mut ours = desired.clone();
    prune(&mut theirs);
    prune(&mut ours);
    ours == theirs
}

/// A 404 that is about the path, not about an object or a namespace: nobody serves the kind.
fn is_kind_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404
        && status.details.as_ref().is_none_or(|details| details.name.is_empty() && details.kind.is_empty()))
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}
