//! Reflects what objects do in the members into their Works: status and health, by one question to the interpreter.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::labels::{WORK_NAME, WORK_NAMESPACE};
use windlass_api::work::{ManifestStatus, ResourceHealth, ResourceIdentifier, Work};
use windlass_core::{Answer, Ask, Interpreter, ObjectId};

use super::work::Observations;
use crate::error::Error;
use crate::events::Events;
use crate::index::{Index, Key, MemberObjectId, MemberObjects, Observed, Template};
use crate::runner::{Outcome, Reconcile};

/// Reflects one object of one member.
pub(crate) struct Reflection {
    pub(crate) index: Arc<Index>,
    pub(crate) members: Arc<MemberObjects>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) events: Events,
}

impl Reconcile for Reflection {
    type Key = MemberObjectId;
    const NAME: &'static str = "reflection";

    async fn reconcile(&self, key: &MemberObjectId) -> Result<Outcome, Error> {
        let Observed::Present(object) = self.members.get(&key.cluster, &key.object) else {
            return Ok(Outcome::Done);
        };
        let Some(work_key) = work_of(&object) else { return Ok(Outcome::Done) };
        let Some(work) = self.index.works.get(&work_key) else { return Ok(Outcome::Done) };
        if work.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let Some(identifier) = self.identify(&work, &key.object) else { return Ok(Outcome::Done) };
        let inspection = self.interpreter.inspect(&object.object, Ask::REFLECTION);
        let health = self.health(&work_key, &work, inspection.health);
        let status = match inspection.status {
            Some(answer) => match answer.result {
                Ok(status) => status.to_value(),
                Err(error) => {
                    self.warn(&work_key, &work, "ReflectStatusFailed", error.call, error.to_string());
                    return Err(error.into());
                }
            },
            // Nobody knows the kind: its status is its status.
            None => object.object.part("status"),
        };
        let status = Some(status).filter(Value::is_object);
        self.observations.manifest(&work_key, ManifestStatus { identifier, status, health: Some(health) });
        Ok(Outcome::Done)
    }
}

impl Reflection {
    /// Without a hook everything is healthy; where the hook fails nobody knows.
    fn health(&self, key: &Key, work: &Work, answer: Answer<bool>) -> ResourceHealth {
        match answer.map(|answer| answer.result) {
            None | Some(Ok(true)) => ResourceHealth::Healthy,
            Some(Ok(false)) => ResourceHealth::Unhealthy,
            Some(Err(error)) => {
                self.warn(key, work, "InterpretHealthFailed", error.call, error.to_string());
                ResourceHealth::Unknown
            }
        }
    }

    fn warn(&self, key: &Key, work: &Work, reason: &str, action: &str, note: String) {
        let uid = work.metadata.uid.as_deref().unwrap_or_default();
        self.events.warn(&work_id(key), uid, reason, action, note);
    }

    /// The place of an object among the manifests of its Work.
    fn identify(&self, work: &Work, id: &ObjectId) -> Option<ResourceIdentifier> {
        let text = |manifest: &Value, pointer: &str| {
            manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let api_version = id.gvk.api_version();
        let ordinal = work.spec.workload.manifests.iter().position(|manifest| {
            text(manifest, "/apiVersion") == api_version
                && text(manifest, "/kind") == id.gvk.kind
                && text(manifest, "/metadata/namespace") == id.namespace
                && text(manifest, "/metadata/name") == id.name
        })?;
        Some(ResourceIdentifier {
            ordinal: i64::try_from(ordinal).ok()?,
            group: id.gvk.group.clone(),
            version: id.gvk.version.clone(),
            kind: id.gvk.kind.clone(),
            resource: self
                .index
                .resources
                .known(&id.gvk)
                .map(|served| served.resource.plural)
                .unwrap_or_default(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        })
    }
}

/// The Work that an object in a member comes from.
pub(crate) fn work_of(object: &Template) -> Option<Key> {
    Some(Key::new(object.annotation(WORK_NAMESPACE)?, object.annotation(WORK_NAME)?))
}

/// The identity of a Work, for events about it.
pub(crate) fn work_id(key: &Key) -> ObjectId {
    ObjectId {
        gvk: windlass_core::Gvk::new("work.karmada.io/v1alpha1", "Work"),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    }
}
