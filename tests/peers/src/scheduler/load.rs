//! Many bindings: what is in them, making them, and counting those that are scheduled.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt as _;
use futures::stream;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams, WatchEvent, WatchParams,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Bare clients, and requests of whoever prepares.
pub(super) const CLIENTS: usize = 32;
pub(super) const NAMESPACE: &str = "default";
const PATIENCE: Duration = Duration::from_secs(120);

/// How bindings are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    Dynamic,
    Aggregated,
    Components,
}

pub(super) fn bindings(client: &kube::Client) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("work.karmada.io", "v1alpha2", "ResourceBinding");
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
}

/// Creates so many bindings, named `PREFIX-0` and so on, for the scheduler of that name.
pub(super) async fn create(
    client: &kube::Client,
    kind: Kind,
    prefix: &str,
    count: usize,
    scheduler: &str,
) -> anyhow::Result<()> {
    create_each(client, kind, prefix, count, scheduler, |_, _| {}).await
}

/// Creates so many bindings, and lets each differ from the others.
pub(super) async fn create_each(
    client: &kube::Client,
    kind: Kind,
    prefix: &str,
    count: usize,
    scheduler: &str,
    change: impl Fn(usize, &mut Value),
) -> anyhow::Result<()> {
    let api = bindings(client);
    let creating = stream::iter(0..count).map(|number| {
        let (api, mut object) = (api.clone(), binding(kind, &format!("{prefix}-{number}"), scheduler));
        change(number, &mut object);
        async move { anyhow::Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?) }
    });
    let mut creating = creating.buffer_unordered(CLIENTS);
    while let Some(created) = creating.next().await {
        created?;
    }
    Ok(())
}

/// A count under way of bindings that are scheduled.
pub(super) struct Counting {
    seen: JoinHandle<anyhow::Result<Seen>>,
    count: usize,
}

/// When all was done.
pub(super) struct Seen {
    /// When the first of them was changed.
    began: Instant,
    /// When each was done; in order.
    pub(super) done: Vec<Instant>,
}

impl Counting {
    /// Watches those of the prefix from now on.
    pub(super) async fn start(client: kube::Client, prefix: &str, count: usize) -> anyhow::Result<Counting> {
        let (api, prefix) = (bindings(&client), format!("{prefix}-"));
        let version = api.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
        let seen = tokio::spawn(async move {
            let params = WatchParams::default().timeout(290);
            let mut version = version.unwrap_or_default();
            let mut began = None;
            let mut done: HashMap<String, Instant> = HashMap::new();
            while done.len() < count {
                let mut events = api.watch(&params, &version).await?.boxed();
                while let Some(event) = events.next().await {
                    let WatchEvent::Modified(binding) = event? else { continue };
                    version = binding.metadata.resource_version.clone().unwrap_or_default();
                    let name = binding.metadata.name.as_deref().unwrap_or_default();
                    if !name.starts_with(&prefix) {
                        continue;
                    }
                    began.get_or_insert_with(Instant::now);
                    if is_done(&binding) && !done.contains_key(name) {
                        done.insert(name.to_owned(), Instant::now());
                        if done.len() == count {
                            break;
                        }
                    }
                }
            }
            let mut done: Vec<Instant> = done.into_values().collect();
            done.sort_unstable();
            Ok(Seen { began: began.unwrap_or_else(Instant::now), done })
        });
        Ok(Counting { seen, count })
    }

    /// Whether all are done.
    pub(super) fn is_over(&self) -> bool {
        self.seen.is_finished()
    }

    /// When each was done, once all are.
    pub(super) async fn seen(self) -> anyhow::Result<Seen> {
        let patience = PATIENCE + Duration::from_millis(200) * u32::try_from(self.count)?;
        tokio::time::timeout(patience, self.seen)
            .await
            .with_context(|| format!("{} bindings are not done in {} s", self.count, patience.as_secs()))??
    }

    /// How many were done in how long, from the first change of one of them to the last that is done. Who writes twice
    /// what one write would do, or comes back to a binding later, is not done before.
    pub(super) async fn pace(self) -> anyhow::Result<Pace> {
        let Seen { began, done } = self.seen().await?;
        let took = done.last().map(|last| last.duration_since(began)).unwrap_or_default();
        Ok(Pace { done: done.len(), took })
    }
}

/// How many in how long.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    pub(super) done: usize,
    took: Duration,
}

impl Pace {
    pub(super) fn per_second(self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

impl std::ops::AddAssign for Pace {
    fn add_assign(&mut self, other: Pace) {
        self.done += other.done;
        self.took += other.took;
    }
}

/// Whether both its spec and its status say that it is scheduled.
pub(super) fn is_done(binding: &DynamicObject) -> bool {
    binding.metadata.generation.is_some()
        && binding.data["status"]["schedulerObservedGeneration"].as_i64() == binding.metadata.generation
        && is_placed(binding)
        && binding.data["status"]["conditions"].is_array()
}

/// Whether its spec says where it goes.
pub(super) fn is_placed(binding: &DynamicObject) -> bool {
    binding.data["spec"]["clusters"].as_array().is_some_and(|clusters| !clusters.is_empty())
}

pub(super) fn placement(kind: Kind) -> Value {
    let divided = |preference: &str| json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
    match kind {
        Kind::Dynamic => {
            let mut scheduling = divided("Weighted");
            scheduling["weightPreference"] = json!({"dynamicWeight": "AvailableReplicas"});
            json!({"clusterAffinity": {}, "replicaScheduling": scheduling})
        }
        Kind::Aggregated => json!({"clusterAffinity": {}, "replicaScheduling": divided("Aggregated")}),
        Kind::Components => json!({"clusterAffinity": {}, "replicaScheduling": divided("Aggregated"),
            "spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}),
    }
}

pub(super) fn binding(kind: Kind, name: &str, scheduler: &str) -> Value {
    let request = json!({"resourceRequest": {"cpu": "100m", "memory": "128Mi"}});
    let mut spec = json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": NAMESPACE, "name": name,
            "uid": format!("uid-of-{name}"), "resourceVersion": "1"},
        "schedulerName": scheduler, "conflictResolution": "Abort", "placement": placement(kind)});
    if kind == Kind::Components {
        let component = |name: &str, replicas: u32| json!({"name": name, "replicas": replicas, "replicaRequirements": request});
        spec["components"] = json!([component("jobmanager", 1), component("taskmanager", 2)]);
    } else {
        spec["replicas"] = json!(40);
        spec["replicaRequirements"] = request;
    }
    let id = "e8bdc2ac-3f0c-4b0a-9a0e-0d6a5b1f6b0c";
    json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"namespace": NAMESPACE, "name": name,
            "labels": {"propagationpolicy.karmada.io/permanent-id": id, "resourcebinding.karmada.io/permanent-id": id},
            "annotations": {"propagationpolicy.karmada.io/name": "p",
                "propagationpolicy.karmada.io/namespace": NAMESPACE},
            "finalizers": ["karmada.io/binding-controller"]},
        "spec": spec})
}
