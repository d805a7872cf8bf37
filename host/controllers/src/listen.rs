//! Which change concerns which controller: the caches' listeners, and nothing else. A listener only adds keys.

use std::sync::Arc;

use tokio::sync::Notify;
use windlass_api::labels::RESOURCE_BINDING_DEPENDENCIES;
use windlass_api::names;
use windlass_api::work::Work;
use windlass_core::{Gvk, ObjectId};

use crate::dependencies::Registry;
use crate::detector::{binding_key, is_propagated};
use crate::execution::is_ready;
use crate::index::{Binding, Change, Index, Key, MemberObjectId, MemberObjects};
use crate::marks;
use crate::queue::{Priority, Queue};
use crate::scheduling::Intake;
use crate::status::{Notes, work_of};

/// The queues of all controllers.
#[derive(Default)]
pub(crate) struct Queues {
    pub(crate) templates: Arc<Queue<ObjectId>>,
    pub(crate) dependencies: Arc<Queue<Key>>,
    pub(crate) scheduling: Arc<Intake>,
    pub(crate) policies: Arc<Queue<Key>>,
    pub(crate) bindings: Arc<Queue<Key>>,
    pub(crate) works: Arc<Queue<Key>>,
    pub(crate) namespaces: Arc<Queue<Key>>,
    pub(crate) quotas: Arc<Queue<Key>>,
    pub(crate) rebalancers: Arc<Queue<Key>>,
    pub(crate) member_objects: Arc<Queue<MemberObjectId>>,
    pub(crate) work_statuses: Arc<Queue<Key>>,
    pub(crate) binding_statuses: Arc<Queue<Key>>,
    pub(crate) template_statuses: Arc<Queue<ObjectId>>,
}

/// Told when the set of kinds to watch may have changed.
pub(crate) type Kinds = Arc<Notify>;

/// Registers all listeners.
pub(crate) fn register(
    index: &Arc<Index>,
    objects: &MemberObjects,
    registry: &Arc<Registry>,
    queues: &Arc<Queues>,
    notes: &Arc<Notes>,
    kinds: &Kinds,
) {
    templates(index, registry, queues);
    policies(index, queues, kinds);
    bindings(index, queues, notes, kinds);
    works(index, queues, notes);
    clusters(index, queues);
    namespaces(index, queues);
    member_objects(objects, queues);
}

fn templates(index: &Index, registry: &Arc<Registry>, queues: &Arc<Queues>) {
    let (queues, registry) = (queues.clone(), registry.clone());
    index.templates.listen(move |gvk, change| {
        let id = change.object().id();
        let unchanged = matches!(change, Change::Applied { old: Some(old), new, .. }
            if old.content == new.content && old.uid() == new.uid());
        if unchanged || !is_propagated(id) {
            return;
        }
        let binding = binding_key(&id.gvk.kind, &id.namespace, &id.name);
        queues.templates.add_with(id.clone(), change.priority());
        // Its Works are made from it; where there is no binding yet, this is over at once.
        queues.bindings.add_with(binding.clone(), change.priority());
        queues.dependencies.add_with(binding, change.priority());
        for dependent in registry.dependents(gvk, &id.namespace) {
            queues.dependencies.add_with(dependent, change.priority());
        }
    });
}

fn policies(index: &Arc<Index>, queues: &Arc<Queues>, kinds: &Kinds) {
    for cache in [&index.policies, &index.cluster_policies] {
        let (queues, kinds) = (queues.clone(), kinds.clone());
        cache.listen(move |change| {
            queues.policies.add_with(Key::of(&change.object().metadata), change.priority());
            kinds.notify_one();
        });
    }
    let (queues, of) = (queues.clone(), Arc::downgrade(index));
    index.priority_classes.listen(move |change| {
        let Some(index) = of.upgrade() else { return };
        let name = &change.object().metadata.name;
        for policy in index.policies.all().into_iter().chain(index.cluster_policies.all()) {
            let class = policy.spec.schedule_priority.as_ref().map(|priority| &priority.priority_class_name);
            if class.is_some() && class == name.as_ref() {
                queues.policies.add_with(Key::of(&policy.metadata), change.priority());
            }
        }
    });
}

fn bindings(index: &Arc<Index>, queues: &Arc<Queues>, notes: &Arc<Notes>, kinds: &Kinds) {
    for cache in [&index.bindings, &index.cluster_bindings] {
        let (queues, notes, kinds) = (queues.clone(), notes.clone(), kinds.clone());
        let templates = index.templates.clone();
        cache.listen(move |change| {
            let binding = change.object();
            let key = Key::of(&binding.metadata);
            let template = template_of(binding);
            match change {
                Change::Deleted { old } => {
                    queues.templates.add(template);
                    queues.scheduling.binding(key.clone());
                    dependencies(&queues, &key, old, Priority::Fresh);
                }
                Change::Applied { old, new, priority } => {
                    let old = old.as_deref();
                    // What is decided is written on condition that nothing has changed, be it the status.
                    queues.scheduling.binding(key.clone());
                    if old.is_none_or(|old| differs(old, new)) {
                        queues.bindings.add_with(key.clone(), *priority);
                        dependencies(&queues, &key, new, *priority);
                        notes.touch(&key);
                    }
                    let items = |binding: &Binding| {
                        binding.status.as_ref().map(|status| status.aggregated_status.clone())
                    };
                    if old.and_then(items) != items(new) {
                        queues.template_statuses.add_with(template.clone(), *priority);
                    }
                    if !templates.is_watched(&template.gvk) {
                        kinds.notify_one();
                    }
                }
            }
        });
    }
}

/// Sends what a binding may have to do with dependencies to who looks after them.
fn dependencies(queues: &Queues, key: &Key, binding: &Binding, priority: Priority) {
    if binding.spec.propagate_deps
        || marks::annotation(&binding.metadata, RESOURCE_BINDING_DEPENDENCIES).is_some()
    {
        queues.dependencies.add_with(key.clone(), priority);
    }
    // After a restart: those that require it may be gone.
    if priority == Priority::Replay {
        for by in &binding.spec.required_by {
            queues.dependencies.add_with(Key::new(&by.namespace, &by.name), priority);
        }
    }
}

pub(crate) fn differs(old: &Binding, new: &Binding) -> bool {
    old.spec != new.spec
        || old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        || old.metadata.labels != new.metadata.labels
        || old.metadata.annotations != new.metadata.annotations
}

/// The template that a binding is of.
pub(crate) fn template_of(binding: &Binding) -> ObjectId {
    let resource = &binding.spec.resource;
    ObjectId {
        gvk: Gvk::new(&resource.api_version, &resource.kind),
        namespace: resource.namespace.clone(),
        name: resource.name.clone(),
    }
}

fn works(index: &Index, queues: &Arc<Queues>, notes: &Arc<Notes>) {
    let (queues, notes) = (queues.clone(), notes.clone());
    index.works.listen(move |change| {
        let work = change.object();
        let key = Key::of(&work.metadata);
        let binding = marks::binding_key(&work.metadata);
        let touch = || binding.iter().for_each(|binding| notes.touch(binding));
        match change {
            Change::Deleted { .. } => {
                queues.works.add(key);
                touch();
                if let Some(binding) = &binding {
                    queues.bindings.add(binding.clone());
                }
            }
            Change::Applied { old, new, priority } => {
                let old = old.as_deref();
                if old.is_none_or(|old| is_other_work(old, new)) {
                    queues.works.add_with(key, *priority);
                }
                if old.is_none_or(|old| old.status != new.status) {
                    touch();
                }
            }
        }
    });
}

fn is_other_work(old: &Work, new: &Work) -> bool {
    old.spec != new.spec
        || old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        || old.metadata.uid != new.metadata.uid
}

fn clusters(index: &Arc<Index>, queues: &Arc<Queues>) {
    let (queues, of) = (queues.clone(), Arc::downgrade(index));
    index.clusters.listen(move |change| {
        let Some(index) = of.upgrade() else { return };
        let Some(name) = change.object().metadata.name.as_deref() else { return };
        queues.scheduling.cluster(name);
        let (is_new, is_news) = match change {
            Change::Deleted { .. } => (false, true),
            Change::Applied { old, new, .. } => {
                let deleting =
                    |cluster: &windlass_api::cluster::Cluster| cluster.metadata.deletion_timestamp.is_some();
                let differs = |old: &windlass_api::cluster::Cluster| {
                    is_ready(old) != is_ready(new) || deleting(old) != deleting(new)
                };
                (old.is_none(), old.as_deref().is_none_or(differs))
            }
        };
        if is_news {
            requeue_works(&index, &queues, name, change.priority());
        }
        if is_new {
            for namespace in index.namespaces.all() {
                queues.namespaces.add_with(Key::of(&namespace.metadata), change.priority());
            }
        }
    });
}

/// Sends the Works of one cluster to be executed.
pub(crate) fn requeue_works(index: &Index, queues: &Queues, cluster: &str, priority: Priority) {
    let namespace = names::execution_namespace(cluster);
    for work in index.works.all() {
        if work.metadata.namespace.as_deref() == Some(namespace.as_str()) {
            queues.works.add_with(Key::of(&work.metadata), priority);
        }
    }
}

fn namespaces(index: &Index, queues: &Arc<Queues>) {
    let queues = queues.clone();
    index.namespaces.listen(move |change| {
        queues.namespaces.add_with(Key::of(&change.object().metadata), change.priority());
    });
}

fn member_objects(objects: &MemberObjects, queues: &Arc<Queues>) {
    let queues = queues.clone();
    objects.listen(move |cluster, change| {
        let object = change.object();
        let drifted = match change {
            Change::Deleted { .. } => true,
            Change::Applied { old, new, .. } => old.as_ref().is_none_or(|old| old.content != new.content),
        };
        if drifted && let Some(work) = work_of(object) {
            queues.works.add_with(work, change.priority());
        }
        if matches!(change, Change::Applied { .. }) {
            let id = MemberObjectId { cluster: cluster.to_owned(), object: object.id().clone() };
            queues.member_objects.add_with(id, change.priority());
        }
    });
}
