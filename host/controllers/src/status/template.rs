//! Writes the status of templates: what the members' statuses come to, as the kind's interpreter draws it together.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use windlass_core::{Interpreter, ObjectId};

use crate::detector::binding_key;
use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::Index;
use crate::patch::difference;
use crate::runner::{Outcome, Reconcile};

/// Writes the status of one template.
pub(crate) struct TemplateStatuses {
    pub(crate) client: kube::Client,
    pub(crate) index: Arc<Index>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) events: Events,
}

impl Reconcile for TemplateStatuses {
    type Key = ObjectId;
    const NAME: &'static str = "template-status";

    async fn reconcile(&self, id: &ObjectId) -> Result<Outcome, Error> {
        let Some(binding) = self.index.binding(&binding_key(&id.gvk.kind, &id.namespace, &id.name)) else {
            return Ok(Outcome::Done);
        };
        let items =
            binding.status.as_ref().map(|status| status.aggregated_status.as_slice()).unwrap_or_default();
        let Some(template) = self.index.templates.get(id).await? else { return Ok(Outcome::Done) };
        if items.is_empty() || template.uid() != binding.spec.resource.uid {
            return Ok(Outcome::Done);
        }
        let Some(answer) = self.interpreter.aggregate_status(&template.object, items) else {
            return Ok(Outcome::Done);
        };
        let aggregated = match answer.result {
            Ok(aggregated) => aggregated,
            Err(error) => {
                let reason = "AggregateStatusFailed";
                self.events.warn(id, template.uid(), reason, error.call, error.to_string());
                return Err(error.into());
            }
        };
        let (old, new) = (template.object.part("status"), aggregated.part("status"));
        let Some(changed) = difference(&old, &new) else { return Ok(Outcome::Done) };
        let served = self.index.resources.find(&self.client, &id.gvk).await?;
        if !served.status {
            return Ok(Outcome::Done);
        }
        let patch = Patch::Merge(json!({ "status": changed }));
        let api = served.api(&self.client, &id.namespace);
        match api.patch_status(&id.name, &PatchParams::default(), &patch).await {
            Ok(written) => self.index.templates.offer(&id.gvk, written),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Outcome::Done)
    }
}
