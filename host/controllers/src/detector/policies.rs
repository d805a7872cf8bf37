//! Policies: each gets a permanent id and a finalizer, sends the templates that it concerns to the detector, and has
//! its marks taken off everything before it goes.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use windlass_api::labels::{
    CLUSTER_PROPAGATION_POLICY_FINALIZER, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID,
    PROPAGATION_POLICY_FINALIZER, PROPAGATION_POLICY_PERMANENT_ID,
};
use windlass_core::{Gvk, ObjectId};

use super::claim::has_marks_of;
use super::matching::{Claimant, claimant, closeness, policy_id};
use super::release;
use crate::error::{Error, is_not_found};
use crate::index::{Index, Key, Policy, Template};
use crate::marks;
use crate::queue::Queue;
use crate::runner::{Outcome, Reconcile};

/// Reconciles one policy, of a namespace or cluster-wide.
pub(crate) struct Policies {
    pub(crate) client: kube::Client,
    pub(crate) index: Arc<Index>,
    pub(crate) templates: Arc<Queue<ObjectId>>,
}

impl Reconcile for Policies {
    type Key = Key;
    const NAME: &'static str = "policies";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(policy) = self.index.policy(key) else {
            // Deleted without a finalizer: the detector takes its marks off.
            let of_it =
                |template: &Template| claimant(template).is_some_and(|claimant| claimant.policy == *key);
            for template in self.index.templates.filter(of_it) {
                self.templates.add(template.id().clone());
            }
            return Ok(Outcome::Done);
        };
        let claimant = Claimant { policy: key.clone(), id: policy_id(&policy) };
        if policy.metadata.deletion_timestamp.is_some() {
            self.release_all(&claimant).await?;
            self.remove_finalizer(key, &policy).await?;
            return Ok(Outcome::Done);
        }
        self.send_templates(&policy, &claimant);
        self.mark(key, &policy, &claimant.id).await?;
        Ok(Outcome::Done)
    }
}

impl Policies {
    /// What the policy selects now, and what it selected before.
    fn send_templates(&self, policy: &Policy, claimant: &Claimant) {
        for selector in &policy.spec.resource_selectors {
            for template in self.index.templates.all(&Gvk::new(&selector.api_version, &selector.kind)) {
                if closeness(&template, policy).is_some() {
                    self.templates.add(template.id().clone());
                }
            }
        }
        for template in self.index.templates.filter(|template| has_marks_of(&template.meta, claimant)) {
            self.templates.add(template.id().clone());
        }
    }

    async fn release_all(&self, claimant: &Claimant) -> Result<(), Error> {
        for template in self.index.templates.filter(|template| has_marks_of(&template.meta, claimant)) {
            release(&self.client, &self.index, &template, claimant).await?;
        }
        Ok(())
    }

    async fn mark(&self, key: &Key, policy: &Policy, id: &str) -> Result<(), Error> {
        let (label, finalizer) = marks_of(key);
        if marks::label(&policy.metadata, label).is_some()
            && marks::has_finalizer(&policy.metadata, finalizer)
        {
            return Ok(());
        }
        let mut finalizers = policy.metadata.finalizers.clone().unwrap_or_default();
        if !finalizers.iter().any(|name| name == finalizer) {
            finalizers.push(finalizer.to_owned());
        }
        self.patch_metadata(key, policy, json!({"labels": {label: id}, "finalizers": finalizers})).await
    }

    async fn remove_finalizer(&self, key: &Key, policy: &Policy) -> Result<(), Error> {
        let (_, finalizer) = marks_of(key);
        if !marks::has_finalizer(&policy.metadata, finalizer) {
            return Ok(());
        }
        let rest: Vec<_> =
            policy.metadata.finalizers.iter().flatten().filter(|name| *name != finalizer).cloned().collect();
        self.patch_metadata(key, policy, json!({ "finalizers": rest })).await
    }

    /// Patches metadata on condition that nobody changed the policy meanwhile: the list of finalizers is shared.
    async fn patch_metadata(
        &self,
        key: &Key,
        policy: &Policy,
        mut metadata: serde_json::Value,
    ) -> Result<(), Error> {
        metadata["resourceVersion"] = json!(policy.metadata.resource_version);
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match self.index.policy_api(key).patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(patched) if key.namespace.is_empty() => self.index.cluster_policies.offer(patched),
            Ok(patched) => self.index.policies.offer(patched),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn marks_of(key: &Key) -> (&'static str, &'static str) {
    if key.namespace.is_empty() {
        (CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, CLUSTER_PROPAGATION_POLICY_FINALIZER)
    } else {
        (PROPAGATION_POLICY_PERMANENT_ID, PROPAGATION_POLICY_FINALIZER)
    }
}
