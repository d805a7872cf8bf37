//! What a resource depends on goes where it goes: the dependencies of a binding get bindings that it requires.

mod attach;
mod registry;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{Selector, SelectorExt};
use serde_json::json;
use windlass_api::config::DependentObjectReference;
use windlass_api::labels::RESOURCE_BINDING_DEPENDENCIES;
use windlass_core::{Ask, Gvk, Interpreter, ObjectId, Operation};

use crate::detector::{binding_key, is_propagated};
use crate::error::{Error, is_not_found};
use crate::events::Events;
use crate::index::{Binding, Index, Key, Template};
use crate::listen::{Kinds, template_of};
use crate::marks;
use crate::patch::difference;
use crate::runner::{Outcome, Reconcile};

pub(crate) use registry::Registry;

use attach::{attached, depended_by, is_abandoned, release, require};

/// Reconciles one binding with the bindings of what its resource depends on.
pub(crate) struct Dependencies {
    pub(crate) index: Arc<Index>,
    pub(crate) interpreter: Arc<dyn Interpreter>,
    pub(crate) events: Events,
    pub(crate) registry: Arc<Registry>,
    pub(crate) kinds: Kinds,
}

impl Reconcile for Dependencies {
    type Key = Key;
    const NAME: &'static str = "dependencies";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let binding = self.index.bindings.get(key);
        let Some(binding) = binding
            .filter(|binding| binding.spec.propagate_deps && binding.metadata.deletion_timestamp.is_none())
        else {
            self.registry.remove(key);
            self.release_others(key, &HashSet::new()).await?;
            return Ok(Outcome::Done);
        };
        let Some(template) = self.index.templates.get(&template_of(&binding)).await? else {
            return Ok(Outcome::Done);
        };
        let dependencies = self.interpret(&template)?;
        self.register(key, &dependencies);
        let mut kept = HashSet::new();
        for object in self.find(key, &dependencies).await? {
            kept.insert(self.attach(&object, &binding).await?);
        }
        self.release_others(key, &kept).await?;
        self.annotate(key, &binding, &dependencies).await?;
        Ok(Outcome::Done)
    }
}

impl Dependencies {
    fn interpret(&self, template: &Template) -> Result<Vec<DependentObjectReference>, Error> {
        let inspection =
            self.interpreter.inspect(&template.object, Ask::only(Operation::InterpretDependency));
        match inspection.dependencies.map(|answer| answer.result) {
            None => Ok(Vec::new()),
            Some(Ok(dependencies)) => Ok(dependencies),
            Some(Err(error)) => {
                let reason = "GetDependenciesFailed";
                self.events.warn(template.id(), template.uid(), reason, error.call, error.to_string());
                Err(error.into())
            }
        }
    }

    fn register(&self, key: &Key, dependencies: &[DependentObjectReference]) {
        let places =
            dependencies.iter().map(|dependency| (gvk(dependency), dependency.namespace.clone())).collect();
        self.registry.set(key, places);
        if dependencies.iter().any(|dependency| !self.index.templates.is_watched(&gvk(dependency))) {
            self.kinds.notify_one();
        }
    }

    /// The dependencies that exist. Those that come later bring the binding back here.
    async fn find(
        &self,
        key: &Key,
        dependencies: &[DependentObjectReference],
    ) -> Result<Vec<Arc<Template>>, Error> {
        let mut found: BTreeMap<ObjectId, Arc<Template>> = BTreeMap::new();
        for dependency in dependencies.iter().filter(|dependency| dependency.namespace == key.namespace) {
            for object in self.matching(dependency).await? {
                if is_propagated(object.id()) && !object.is_deleting() {
                    found.insert(object.id().clone(), object);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    async fn matching(&self, dependency: &DependentObjectReference) -> Result<Vec<Arc<Template>>, Error> {
        if !dependency.name.is_empty() {
            let (namespace, name) = (dependency.namespace.clone(), dependency.name.clone());
            return match self.index.templates.get(&ObjectId { gvk: gvk(dependency), namespace, name }).await {
                Ok(object) => Ok(object.into_iter().collect()),
                Err(Error::NotServed(_)) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let selector =
            dependency.label_selector.clone().and_then(|selector| Selector::try_from(selector).ok());
        let Some(selector) = selector else { return Ok(Vec::new()) };
        let none = BTreeMap::new();
        let mut objects = self.index.templates.all(&gvk(dependency));
        objects.retain(|object| {
            object.id().namespace == dependency.namespace
                && selector.matches(object.meta.labels.as_ref().unwrap_or(&none))
        });
        Ok(objects)
    }

    async fn attach(&self, object: &Template, by: &Binding) -> Result<Key, Error> {
        let id = object.id();
        let key = binding_key(&id.gvk.kind, &id.namespace, &id.name);
        match self.index.bindings.get(&key) {
            None => {
                let made = attached(object, by);
                let made = self.index.binding_api(&key).create(&PostParams::default(), &made).await?;
                self.index.bindings.offer(made);
            }
            Some(existing) => {
                let mut changed = Binding::clone(&existing);
                require(&mut changed, by);
                self.patch(&key, &existing, &changed).await?;
            }
        }
        Ok(key)
    }

    /// Releases what the binding `by` required once and is not among `kept`.
    async fn release_others(&self, by: &Key, kept: &HashSet<Key>) -> Result<(), Error> {
        for existing in self.index.bindings.by(&depended_by(by)) {
            let key = Key::of(&existing.metadata);
            if kept.contains(&key) || existing.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let mut changed = Binding::clone(&existing);
            release(&mut changed, by);
            if is_abandoned(&changed) {
                match self.index.binding_api(&key).delete(&key.name, &DeleteParams::background()).await {
                    Err(error) if !is_not_found(&error) => return Err(error.into()),
                    _ => {}
                }
            } else {
                self.patch(&key, &existing, &changed).await?;
            }
        }
        Ok(())
    }

    /// Records the dependencies where people look for them.
    async fn annotate(
        &self,
        key: &Key,
        binding: &Binding,
        dependencies: &[DependentObjectReference],
    ) -> Result<(), Error> {
        let text = serde_json::to_string(dependencies)?;
        let recorded = marks::annotation(&binding.metadata, RESOURCE_BINDING_DEPENDENCIES);
        if recorded == Some(text.as_str()) || (recorded.is_none() && dependencies.is_empty()) {
            return Ok(());
        }
        let patch = Patch::Merge(json!({"metadata": {"annotations": {RESOURCE_BINDING_DEPENDENCIES: text}}}));
        match self.index.binding_api(key).patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(patched) => self.index.bindings.offer(patched),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes a changed binding, if nobody changed it meanwhile: the list of dependents is shared.
    async fn patch(&self, key: &Key, existing: &Binding, changed: &Binding) -> Result<(), Error> {
        let Some(mut patch) = difference(&serde_json::to_value(existing)?, &serde_json::to_value(changed)?)
        else {
            return Ok(());
        };
        patch["metadata"]["resourceVersion"] = json!(existing.metadata.resource_version);
        let patch = Patch::Merge(patch);
        let patched = self.index.binding_api(key).patch(&key.name, &PatchParams::default(), &patch).await?;
        self.index.bindings.offer(patched);
        Ok(())
    }
}

fn gvk(dependency: &DependentObjectReference) -> Gvk {
    Gvk::new(&dependency.api_version, &dependency.kind)
}
