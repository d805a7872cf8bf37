//! Bindings to Works: one Work for every cluster that a binding chose, and none for any other.

mod completions;
mod prune;
mod render;
mod restore;

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use windlass_api::labels;
use windlass_api::names;
use windlass_api::work::{TargetCluster, Work};
use windlass_core::{Gvk, Interpreter, ObjectId};

use crate::error::{Error, is_not_found, is_terminating};
use crate::events::Events;
use crate::index::{Binding, Index, Key, Template};
use crate::marks::{self, permanent_id};
use crate::patch::difference;
use crate::runner::{Outcome, Reconcile};

pub(crate) use prune::prune;
pub(crate) use render::mark;

/// Reconciles one binding, of a namespace or cluster-wide, with its Works.
pub(crate) struct Bindings {
    pub(crate) index: Arc<Index>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) events: Events,
}

impl Reconcile for Bindings {
    type Key = Key;
    const NAME: &'static str = "bindings";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let Some(binding) = self.index.binding(key) else { return Ok(Outcome::Done) };
        let Some(id) = marks::binding_id(&binding.metadata) else {
            return self.give_id(key, &binding).await;
        };
        let existing = self.index.works.by(id);
        if binding.metadata.deletion_timestamp.is_some() {
            self.delete(existing.iter()).await?;
            self.remove_finalizer(key, &binding).await?;
            return Ok(Outcome::Done);
        }
        let stays =
            |work: &Work| cluster_of(work).is_some_and(|cluster| render::belongs_to(&binding.spec, cluster));
        let orphans: Vec<_> = existing.into_iter().filter(|work| !stays(work)).collect();
        let must_go_first = orphans.iter().any(|work| {
            cluster_of(work).is_some_and(|cluster| render::must_leave_first(&binding.spec, cluster))
        });
        let deleted = self.delete(orphans.iter()).await;
        if must_go_first {
            // The end of each of these Works brings the binding back here.
            return deleted.map(|()| Outcome::Done);
        }
        let ensured = self.ensure(&binding).await;
        deleted.and(ensured).map(|()| Outcome::Done)
    }
}

impl Bindings {
    async fn ensure(&self, binding: &Binding) -> Result<(), Error> {
        let targets = render::targets(&binding.spec);
        if targets.is_empty() {
            return Ok(());
        }
        let resource = &binding.spec.resource;
        let template_id = ObjectId {
            gvk: Gvk::new(&resource.api_version, &resource.kind),
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
        };
        let Some(template) = self.index.templates.get(&template_id).await? else { return Ok(()) };
        let works = match self.render(binding, &template, &targets) {
            Ok(works) => works,
            Err(error) => {
                self.events.warn(
                    &template_id,
                    template.uid(),
                    "SyncWorkFailed",
                    "SyncWork",
                    error.to_string(),
                );
                return Err(error);
            }
        };
        join_all(works.into_iter().map(|work| self.write(work))).await.into_iter().collect()
    }

    /// The Works for all targets. Clusters with the same number of replicas share one answer of the interpreter.
    fn render(
        &self,
        binding: &Binding,
        template: &Template,
        targets: &[TargetCluster],
    ) -> Result<Vec<Work>, Error> {
        let completions = completions::divided(binding, template, targets);
        let mut revised: HashMap<i32, Value> = HashMap::new();
        let mut works = Vec::with_capacity(targets.len());
        for (at, target) in targets.iter().enumerate() {
            let mut object = match revised.get(&target.replicas) {
                Some(object) => object.clone(),
                None => {
                    let object = self.revise(binding, template, target.replicas)?;
                    revised.insert(target.replicas, object.clone());
                    object
                }
            };
            if let Some(share) = completions.as_ref().and_then(|shares| shares.get(at)) {
                object["spec"]["completions"] = json!(share);
            }
            let existing = self.existing(template, &target.name);
            let state = restore::state(&binding.spec, &target.name, existing.as_deref());
            if state.is_empty() {
                works.push(render::work(binding, template, object, &target.name));
                continue;
            }
            let object = restore::restored(self.interpreter.as_ref(), object, &state)?;
            let mut work = render::work(binding, template, object, &target.name);
            restore::note(&mut work, &state);
            works.push(work);
        }
        Ok(works)
    }

    fn existing(&self, template: &Template, cluster: &str) -> Option<Arc<Work>> {
        let id = template.id();
        let name = names::work(&id.gvk.kind, &id.name, &id.namespace);
        self.index.works.get(&Key::new(&names::execution_namespace(cluster), &name))
    }

    fn revise(&self, binding: &Binding, template: &Template, replicas: i32) -> Result<Value, Error> {
        if binding.spec.replicas > 0
            && let Some(answer) = self.interpreter.revise_replica(&template.object, replicas)
        {
            return Ok(answer.result?.to_value());
        }
        Ok(template.object.to_value())
    }

    async fn write(&self, desired: Work) -> Result<(), Error> {
        let key = Key::of(&desired.metadata);
        let api = self.index.work_api(&key.namespace);
        let written = match self.index.works.get(&key) {
            None => match api.create(&PostParams::default(), &desired).await {
                Ok(created) => created,
                // The cluster is leaving; the binding changes when it has left.
                Err(error) if is_terminating(&error) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
            // Its end brings the binding back here.
            Some(existing) if existing.metadata.deletion_timestamp.is_some() => return Ok(()),
            Some(existing) => {
                let Some(merged) = render::merged(&existing, desired) else { return Ok(()) };
                let Some(patch) =
                    difference(&serde_json::to_value(&*existing)?, &serde_json::to_value(merged)?)
                else {
                    return Ok(());
                };
                api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await?
            }
        };
        self.index.works.offer(written);
        Ok(())
    }

    async fn delete(&self, works: impl Iterator<Item = &Arc<Work>>) -> Result<(), Error> {
        let deleted = works.filter(|work| work.metadata.deletion_timestamp.is_none()).map(|work| async {
            let key = Key::of(&work.metadata);
            match self.index.work_api(&key.namespace).delete(&key.name, &DeleteParams::background()).await {
                Err(error) if !is_not_found(&error) => Err(Error::from(error)),
                _ => Ok(()),
            }
        });
        join_all(deleted).await.into_iter().collect()
    }

    /// A binding that somebody else made may lack a permanent id.
    async fn give_id(&self, key: &Key, binding: &Binding) -> Result<Outcome, Error> {
        let label = if key.namespace.is_empty() {
            labels::CLUSTER_RESOURCE_BINDING_PERMANENT_ID
        } else {
            labels::RESOURCE_BINDING_PERMANENT_ID
        };
        let uid = binding.metadata.uid.as_deref().unwrap_or_default();
        let id = permanent_id(&[&key.namespace, &key.name, uid]);
        self.patch_metadata(key, json!({"labels": {label: id}})).await?;
        Ok(Outcome::Done)
    }

    async fn remove_finalizer(&self, key: &Key, binding: &Binding) -> Result<(), Error> {
        let ours = [labels::BINDING_FINALIZER, labels::CLUSTER_RESOURCE_BINDING_FINALIZER];
        let all = binding.metadata.finalizers.as_deref().unwrap_or_default();
        let rest: Vec<_> = all.iter().filter(|name| !ours.contains(&name.as_str())).collect();
        if rest.len() == all.len() {
            return Ok(());
        }
        let version = &binding.metadata.resource_version;
        self.patch_metadata(key, json!({"finalizers": rest, "resourceVersion": version})).await
    }

    async fn patch_metadata(&self, key: &Key, metadata: Value) -> Result<(), Error> {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match self.index.binding_api(key).patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(patched) => self.index.bindings_for(key).offer(patched),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn cluster_of(work: &Work) -> Option<&str> {
    names::cluster_of_execution_namespace(work.metadata.namespace.as_deref()?)
}
