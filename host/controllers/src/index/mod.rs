//! What the control loops know: caches of the API's own kinds, of the templates that policies name, and of how
//! kinds are served. Nothing here decides anything.

pub(crate) mod cache;
mod feed;
mod members;
mod resources;
mod template;
mod templates;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, NotUsed, Object};
use kube::runtime::watcher;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::apps::WorkloadRebalancer;
use windlass_api::cluster::Cluster;
use windlass_api::policy::{FederatedResourceQuota, PropagationSpec};
use windlass_api::work::Work;

pub(crate) use cache::{Cache, Change, slim, version};
pub(crate) use feed::{feed, follow};
pub(crate) use members::{MemberObjectId, MemberObjects, Observed};
pub(crate) use resources::{Resources, Served};
pub(crate) use template::Template;
pub(crate) use templates::Templates;
pub(crate) use windlass_api::Key;
pub(crate) use windlass_api::work::Binding;

use crate::marks;

/// A PropagationPolicy, or, without a namespace, a ClusterPropagationPolicy.
pub(crate) type Policy = Object<PropagationSpec, NotUsed>;

/// Gives back the memory that lists took ahead while they were read: there are many bindings, and they change seldom.
pub(crate) fn compact(mut binding: Binding) -> Binding {
    binding.spec.clusters.shrink_to_fit();
    binding.spec.components.shrink_to_fit();
    binding.spec.required_by.shrink_to_fit();
    if let Some(status) = &mut binding.status {
        status.conditions.shrink_to_fit();
        status.aggregated_status.shrink_to_fit();
    }
    slim(binding)
}

/// All caches of the control plane.
pub(crate) struct Index {
    /// By namespace.
    pub(crate) policies: Arc<Cache<Policy>>,
    pub(crate) cluster_policies: Arc<Cache<Policy>>,
    /// By the labels that name the bindings they are required by.
    pub(crate) bindings: Arc<Cache<Binding>>,
    pub(crate) cluster_bindings: Arc<Cache<Binding>>,
    /// By the permanent id of their binding.
    pub(crate) works: Arc<Cache<Work>>,
    pub(crate) clusters: Arc<Cache<Cluster>>,
    pub(crate) namespaces: Arc<Cache<Namespace>>,
    pub(crate) priority_classes: Arc<Cache<PriorityClass>>,
    /// By namespace.
    pub(crate) quotas: Arc<Cache<FederatedResourceQuota>>,
    pub(crate) rebalancers: Arc<Cache<WorkloadRebalancer>>,
    pub(crate) resources: Arc<Resources>,
    pub(crate) templates: Arc<Templates>,
    definitions: Arc<Cache<DynamicObject>>,
    client: kube::Client,
}

impl Index {
    pub(crate) fn new(client: kube::Client, shutdown: CancellationToken) -> Index {
        let resources = Arc::new(Resources::default());
        let templates = Arc::new(Templates::new(client.clone(), resources.clone(), shutdown));
        let definitions: Arc<Cache<DynamicObject>> = Arc::default();
        let changed = templates.clone();
        definitions.listen(move |change| {
            if let Some(group) = change.object().data.pointer("/spec/group").and_then(|group| group.as_str())
            {
                changed.api_changed(group);
            }
        });
        Index {
            policies: Arc::new(Cache::indexed_by(|policy: &Policy| {
                policy.metadata.namespace.as_deref().into_iter().collect()
            })),
            cluster_policies: Arc::default(),
            bindings: Arc::new(Cache::indexed_by(|binding: &Binding| marks::dependents(&binding.metadata))),
            cluster_bindings: Arc::default(),
            works: Arc::new(Cache::indexed_by(|work: &Work| {
                marks::binding_id(&work.metadata).into_iter().collect()
            })),
            clusters: Arc::default(),
            namespaces: Arc::default(),
            priority_classes: Arc::default(),
            quotas: Arc::new(Cache::indexed_by(|quota: &FederatedResourceQuota| {
                quota.metadata.namespace.as_deref().into_iter().collect()
            })),
            rebalancers: Arc::default(),
            resources,
            templates,
            definitions,
            client,
        }
    }

    /// Starts the watches. Listeners have to be registered before, or they miss what comes first.
    pub(crate) fn start(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        macro_rules! watch {
            ($api:expr, $cache:ident) => {
                tasks.spawn(
                    feed($api, watcher::Config::default(), self.$cache.clone(), Some, shutdown.clone())
                        .instrument(tracing::info_span!("watch", cache = stringify!($cache))),
                );
            };
        }
        let dynamic = |resource: &ApiResource| Api::all_with(self.client.clone(), resource);
        watch!(Api::<Policy>::all_with(self.client.clone(), &policy_resource(true)), policies);
        watch!(Api::<Policy>::all_with(self.client.clone(), &policy_resource(false)), cluster_policies);
        watch!(Api::<Binding>::all_with(self.client.clone(), &binding_resource(true)), bindings);
        watch!(Api::<Binding>::all_with(self.client.clone(), &binding_resource(false)), cluster_bindings);
        watch!(Api::<Work>::all(self.client.clone()), works);
        watch!(Api::<Cluster>::all(self.client.clone()), clusters);
        watch!(Api::<Namespace>::all(self.client.clone()), namespaces);
        watch!(Api::<PriorityClass>::all(self.client.clone()), priority_classes);
        watch!(Api::<FederatedResourceQuota>::all(self.client.clone()), quotas);
        watch!(Api::<WorkloadRebalancer>::all(self.client.clone()), rebalancers);
        watch!(dynamic(&definition_resource()), definitions);
    }

    /// Waits until every cache has its first list.
    pub(crate) async fn synced(&self) {
        self.policies.synced().await;
        self.cluster_policies.synced().await;
        self.bindings.synced().await;
        self.cluster_bindings.synced().await;
        self.works.synced().await;
        self.clusters.synced().await;
        self.namespaces.synced().await;
        self.priority_classes.synced().await;
        self.quotas.synced().await;
        self.rebalancers.synced().await;
        self.definitions.synced().await;
    }

    /// The cache that holds the binding of this key, by whether it has a namespace.
    pub(crate) fn bindings_for(&self, key: &Key) -> &Cache<Binding> {
        if key.namespace.is_empty() { &self.cluster_bindings } else { &self.bindings }
    }

    pub(crate) fn binding(&self, key: &Key) -> Option<Arc<Binding>> {
        self.bindings_for(key).get(key)
    }

    /// The bindings of both kinds.
    pub(crate) fn all_bindings(&self) -> impl Iterator<Item = Arc<Binding>> {
        self.bindings.all().into_iter().chain(self.cluster_bindings.all())
    }

    pub(crate) fn policy(&self, key: &Key) -> Option<Arc<Policy>> {
        if key.namespace.is_empty() { self.cluster_policies.get(key) } else { self.policies.get(key) }
    }

    pub(crate) fn cluster(&self, name: &str) -> Option<Arc<Cluster>> {
        self.clusters.get(&Key::new("", name))
    }

    /// The API for the binding of this key.
    pub(crate) fn binding_api(&self, key: &Key) -> Api<Binding> {
        let resource = binding_resource(!key.namespace.is_empty());
        if key.namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &key.namespace, &resource)
        }
    }

    /// The API for the policy of this key.
    pub(crate) fn policy_api(&self, key: &Key) -> Api<Policy> {
        let resource = policy_resource(!key.namespace.is_empty());
        if key.namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &key.namespace, &resource)
        }
    }

    /// The API for Works in an execution namespace.
    pub(crate) fn work_api(&self, namespace: &str) -> Api<Work> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// How policies are served, with or without a namespace.
pub(crate) fn policy_resource(namespaced: bool) -> ApiResource {
    let (kind, plural) = if namespaced {
        ("PropagationPolicy", "propagationpolicies")
    } else {
        ("ClusterPropagationPolicy", "clusterpropagationpolicies")
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("policy.karmada.io", "v1alpha1", kind), plural)
}

/// How bindings are served, with or without a namespace.
pub(crate) fn binding_resource(namespaced: bool) -> ApiResource {
    let (kind, plural) = if namespaced {
        ("ResourceBinding", "resourcebindings")
    } else {
        ("ClusterResourceBinding", "clusterresourcebindings")
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("work.karmada.io", "v1alpha2", kind), plural)
}

fn definition_resource() -> ApiResource {
    let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    ApiResource::from_gvk_with_plural(&gvk, "customresourcedefinitions")
}
