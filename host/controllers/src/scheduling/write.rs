//! Carries out a decision: one write of the binding, on condition that it is the binding that was decided on.
//!
//! The write says what the status is to be, too. The embedded API server takes that when it is asked to; any other
//! leaves the status as it is, shows so in its answer, and isn't asked again: the status is written later, then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::header::{ACCEPT, CONTENT_TYPE};
use kube::api::Api;
use serde_json::{Value, json};
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::{ResourceBindingStatus, TargetCluster};
use windlass_quota::{BindingId, Charge, Ledger, Refused, usage, usage_on};
use windlass_scheduler::engine::{Note, Write, WriteEnd};

use super::note::noted;
use crate::context::Clock;
use crate::error::{Error, is_conflict, is_not_found, message};
use crate::index::{Binding, Index, Key, compact, version};
use crate::patch::difference;

/// Writes decisions.
pub(super) struct Writer {
    index: Arc<Index>,
    quotas: Option<Arc<Ledger>>,
    clock: Clock,
    /// Whether the server takes the status with the rest, as far as is known.
    takes_status: AtomicBool,
}

impl Writer {
    pub(super) fn new(index: Arc<Index>, quotas: Option<Arc<Ledger>>, clock: Clock) -> Writer {
        Writer { index, quotas, clock, takes_status: AtomicBool::new(true) }
    }

    /// Writes an assignment. What the quotas that are known here don't allow isn't tried: thousands may wait for room.
    pub(super) async fn write(self: Arc<Self>, write: Write) -> WriteEnd {
        let key = &write.key;
        // Nobody leaves for one that its quota keeps out.
        let (asker, wanted) = match &write.evicted_for {
            Some(beneficiary) => (&beneficiary.binding, &beneficiary.targets),
            None => (&write.binding, &write.targets),
        };
        let asker_key = Key::of(&asker.metadata);
        let refused = self.quotas.as_deref().and_then(|ledger| over_quota(ledger, &asker_key, asker, wanted));
        if let Some(refused) = refused {
            return WriteEnd::OverQuota(refused.to_string());
        }
        match self.patch(&write).await {
            Ok(written) => {
                let written = Arc::new(compact(written));
                self.index.bindings_for(key).offer(written.clone());
                WriteEnd::Written(written)
            }
            Err(Error::Api(error)) if is_not_found(&error) => WriteEnd::NotFound,
            Err(Error::Api(error)) if is_conflict(&error) => WriteEnd::Conflict,
            Err(Error::Api(kube::Error::Api(status))) if status.code == 403 => {
                WriteEnd::OverQuota(status.message.clone())
            }
            // Too large, or not as its schema or a webhook wants it: it won't be the next time either.
            Err(Error::Api(kube::Error::Api(status))) if matches!(status.code, 400 | 413 | 422) => {
                WriteEnd::Invalid(status.message.clone())
            }
            Err(Error::Api(error)) => WriteEnd::Failed(message(&error)),
            Err(error) => WriteEnd::Failed(error.to_string()),
        }
    }

    async fn patch(&self, write: &Write) -> Result<Binding, Error> {
        let Write { key, attempt: _, binding, targets, placement, eviction_tasks, evicted_for: _, note } =
            write;
        let mut patch = json!({
            "metadata": {
                "uid": binding.metadata.uid,
                "resourceVersion": binding.metadata.resource_version,
                "annotations": {APPLIED_PLACEMENT: placement},
            },
            "spec": {"clusters": targets},
        });
        if let Some(tasks) = eviction_tasks {
            patch["spec"]["gracefulEvictionTasks"] =
                if tasks.is_empty() { Value::Null } else { json!(tasks) };
        }
        let note = note.as_ref().filter(|_| self.takes_status.load(Ordering::Relaxed));
        if let Some(note) = note {
            patch["status"] = self.status(binding, note)?;
        }
        let written = send(self.index.binding_api(key), key, &patch, note.is_some()).await?;
        if let Some(decided) = note.and_then(|note| note.decided.as_ref()) {
            let observed = written.status.as_ref().map(|status| status.scheduler_observed_generation);
            if observed != decided.generation {
                self.takes_status.store(false, Ordering::Relaxed);
            }
        }
        Ok(written)
    }

    /// What has to be written for the binding's status to say what is noted.
    fn status(&self, binding: &Binding, note: &Note) -> Result<Value, Error> {
        let now = (self.clock)();
        let old = binding.status.clone().unwrap_or_default();
        let mut new = ResourceBindingStatus::clone(&old);
        let generation = note.decided.as_ref().and_then(|decided| decided.generation);
        noted(note.clone(), now).put_in(&mut new, generation, now);
        let changed = difference(&serde_json::to_value(old)?, &serde_json::to_value(new)?);
        Ok(changed.unwrap_or_else(|| json!({})))
    }
}

/// A merge patch, which may ask for the status to be written with the rest.
async fn send(api: Api<Binding>, key: &Key, patch: &Value, with_status: bool) -> Result<Binding, Error> {
    let with_status = if with_status { "?withStatus=true" } else { "" };
    let request = http::Request::patch(format!("{}/{}{with_status}", api.resource_url(), key.name))
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/merge-patch+json")
        .body(serde_json::to_vec(patch)?)
        .map_err(kube::Error::HttpError)?;
    Ok(api.into_client().request(request).await?)
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
