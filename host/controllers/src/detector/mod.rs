//! The detector: which template belongs to which policy, and the binding that follows from both.

mod build;
mod claim;
mod matching;
mod policies;

use std::sync::Arc;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::Value;
use windlass_api::names;
use windlass_api::work::SchedulePriority;
use windlass_core::{Ask, CallError, Gvk, Interpreter, ObjectId};

use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Binding, Index, Key, Policy, Template};
use crate::patch::difference;
use crate::runner::{Outcome, Reconcile};
use crate::status::Notes;

pub(crate) use build::{binding_key, owner, schedule_priority};
pub(crate) use matching::{Claim, decide as claim};
pub(crate) use policies::Policies;

use build::Needs;
use claim::{Marks, has_marks_of};
use matching::{Claimant, claimant, decide};

/// The type of the condition that says that a template could not be interpreted.
pub(crate) const INTERPRETED: &str = "Interpreted";

/// Reconciles one template with its policy and its binding.
pub(crate) struct Detector {
    pub(crate) client: kube::Client,
    pub(crate) index: Arc<Index>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) events: Events,
    pub(crate) notes: Arc<Notes>,
}

impl Reconcile for Detector {
    type Key = ObjectId;
    const NAME: &'static str = "detector";

    async fn reconcile(&self, id: &ObjectId) -> Result<Outcome, Error> {
        if !is_propagated(id) {
            return Ok(Outcome::Done);
        }
        let template = match self.index.templates.get(id).await {
            Ok(Some(template)) => template,
            Ok(None) => return self.remove_binding(id).await,
            // Its watch reports when it is served (again).
            Err(Error::NotServed(_)) => return Ok(Outcome::Done),
            Err(error) => return Err(error),
        };
        if template.is_deleting() {
            return Ok(Outcome::Done);
        }
        let namespaced =
            if id.namespace.is_empty() { Vec::new() } else { self.index.policies.by(&id.namespace) };
        match decide(&template, &namespaced, &self.index.cluster_policies.all()) {
            Claim::By(policy) => self.apply(&template, &policy).await?,
            Claim::Nobody => {
                if let Some(claimant) = claimant(&template) {
                    release(&self.client, &self.index, &template, &claimant).await?;
                }
            }
            // The marks come off when the policy is gone, and that is a change of the template.
            Claim::Wait => {}
        }
        Ok(Outcome::Done)
    }
}

impl Detector {
    async fn apply(&self, template: &Template, policy: &Policy) -> Result<(), Error> {
        let key = binding_key(&template.id().gvk.kind, &template.id().namespace, &template.id().name);
        let existing = self.index.binding(&key);
        let needs = match needs(&*self.interpreter, template) {
            Ok(needs) => needs,
            Err(error) => return Err(self.report(template, existing.as_deref(), error)),
        };
        let reported = existing
            .as_deref()
            .and_then(|binding| binding.status.as_ref())
            .is_some_and(|status| status.conditions.iter().any(|condition| condition.type_ == INTERPRETED));
        self.notes.clear_condition(&key, INTERPRETED, reported);
        let priority = self.priority(template, policy)?;
        let desired = build::binding(template, policy, needs, priority);
        let marks = Marks::of(policy);
        // Neither needs the other's outcome: one round trip for both.
        let (claimed, written) =
            futures::join!(self.mark(template, &marks), self.write(&key, existing, desired));
        claimed.and(written)
    }

    /// Puts marks on the template.
    async fn mark(&self, template: &Template, marks: &Marks) -> Result<(), Error> {
        match marks.patch(&template.meta) {
            Some(patch) => patch_template(&self.client, &self.index, template, &patch).await,
            None => Ok(()),
        }
    }

    fn report(&self, template: &Template, existing: Option<&Binding>, error: CallError) -> Error {
        let reason = "InterpretationFailed";
        self.events.warn(template.id(), template.uid(), reason, error.call, error.to_string());
        if let Some(binding) = existing {
            let key = Key::of(&binding.metadata);
            self.notes.set_condition(&key, INTERPRETED, false, error.blame.reason(), error.to_string());
        }
        error.into()
    }

    fn priority(&self, template: &Template, policy: &Policy) -> Result<Option<SchedulePriority>, Error> {
        let Some(wanted) = &policy.spec.schedule_priority else { return Ok(None) };
        let name = &wanted.priority_class_name;
        match self.index.priority_classes.get(&Key::new("", name)) {
            Some(class) => Ok(Some(schedule_priority(wanted, &class))),
            None => {
                let message = format!(
                    "policy {} names PriorityClass {name} in spec.schedulePriority.priorityClassName, and there is none",
                    Key::of(&policy.metadata)
                );
                self.events.warn(template.id(), template.uid(), "ApplyPolicyFailed", "ApplyPolicy", message);
                Err(Error::Waiting { what: format!("PriorityClass {name}") })
            }
        }
    }

    async fn write(&self, key: &Key, existing: Option<Arc<Binding>>, desired: Binding) -> Result<(), Error> {
        let api = self.index.binding_api(key);
        let Some(existing) = existing else {
            let created = api.create(&PostParams::default(), &desired).await?;
            self.index.bindings_for(key).offer(created);
            return Ok(());
        };
        if existing.metadata.deletion_timestamp.is_some() {
            // Its end brings the template back here.
            return Ok(());
        }
        let (theirs, ours) = (&existing.spec.resource, &desired.spec.resource);
        let group = |api_version: &str| Gvk::new(api_version, "").group;
        if group(&theirs.api_version) != group(&ours.api_version) {
            return Err(Error::Refused(format!(
                "binding {key} belongs to {} {} of {}: two kinds of one name can't both be propagated under one name",
                theirs.kind, theirs.name, theirs.api_version
            )));
        }
        if !theirs.uid.is_empty() && theirs.uid != ours.uid {
            // The template was deleted and made anew: so is its binding.
            return delete_binding(&self.index, &existing).await;
        }
        let Some(merged) = build::merged(&existing, desired) else { return Ok(()) };
        let Some(patch) = difference(&serde_json::to_value(&*existing)?, &serde_json::to_value(merged)?)
        else {
            return Ok(());
        };
        let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.index.bindings_for(key).offer(patched);
        Ok(())
    }

    /// The template is gone, and so its binding goes.
    async fn remove_binding(&self, id: &ObjectId) -> Result<Outcome, Error> {
        let key = binding_key(&id.gvk.kind, &id.namespace, &id.name);
        if let Some(binding) = self.index.binding(&key) {
            let resource = &binding.spec.resource;
            let is_its = resource.api_version == id.gvk.api_version() && resource.name == id.name;
            if is_its && binding.metadata.deletion_timestamp.is_none() {
                delete_binding(&self.index, &binding).await?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// What a template needs: components where the object is more than its replicas, else these.
pub(crate) fn needs(interpreter: &dyn Interpreter, template: &Template) -> Result<Needs, CallError> {
    let inspection = interpreter.inspect(&template.object, Ask::TEMPLATE);
    if inspection.by_components()
        && let Some(components) = inspection.components
    {
        return Ok(Needs { components: components.result?, ..Needs::default() });
    }
    let Some(answer) = inspection.replicas else { return Ok(Needs::default()) };
    let answer = answer.result?;
    Ok(Needs { replicas: answer.replicas, requirements: answer.requirements, components: Vec::new() })
}

/// The binding that a template is to have under a policy, given the one that it has.
pub(crate) fn bind(
    template: &Template,
    policy: &Policy,
    needs: Needs,
    priority: Option<SchedulePriority>,
    existing: Option<Binding>,
) -> Binding {
    let desired = build::binding(template, policy, needs, priority);
    match existing {
        Some(existing) => build::merged(&existing, desired).unwrap_or(existing),
        None => desired,
    }
}

/// Whether an object may be a template at all: the control plane's own and Kubernetes' own are not.
pub(crate) fn is_propagated(id: &ObjectId) -> bool {
    let of_control_plane = names::is_reserved_namespace(&id.namespace)
        || id.gvk.group.ends_with(".karmada.io")
        || id.gvk.group.ends_with(".windlass.io");
    let of_kubernetes = id.namespace.starts_with("kube-");
    let of_cluster = id.gvk.group.is_empty() && id.name == "kube-root-ca.crt";
    !(of_control_plane || of_kubernetes || of_cluster)
}

async fn delete_binding(index: &Index, binding: &Binding) -> Result<(), Error> {
    let key = Key::of(&binding.metadata);
    let only_this = Preconditions { uid: binding.metadata.uid.clone(), resource_version: None };
    let params = DeleteParams::background().preconditions(only_this);
    match index.binding_api(&key).delete(&key.name, &params).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes a policy's marks off a template and its binding. The binding stays as it is, until another policy comes.
async fn release(
    client: &kube::Client,
    index: &Index,
    template: &Template,
    claimant: &Claimant,
) -> Result<(), Error> {
    let id = template.id();
    let key = binding_key(&id.gvk.kind, &id.namespace, &id.name);
    if let Some(binding) = index.binding(&key)
        && has_marks_of(&binding.metadata, claimant)
        && let Some(patch) = Marks::none().patch(&binding.metadata)
    {
        match index.binding_api(&key).patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(patched) => index.bindings_for(&key).offer(patched),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if has_marks_of(&template.meta, claimant)
        && let Some(patch) = Marks::none().patch(&template.meta)
    {
        patch_template(client, index, template, &patch).await?;
    }
    Ok(())
}

async fn patch_template(
    client: &kube::Client,
    index: &Index,
    template: &Template,
    patch: &Value,
) -> Result<(), Error> {
    let id = template.id();
    let served = index.resources.find(client, &id.gvk).await?;
    match served
        .api(client, &id.namespace)
        .patch(&id.name, &PatchParams::default(), &Patch::Merge(patch))
        .await
    {
        Ok(patched) => index.templates.offer(&id.gvk, patched),
        // Gone since: its watch says so too.
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
