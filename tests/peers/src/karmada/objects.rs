//! The objects of the scenario, and reading and writing them as whoever is asked to.

use anyhow::Context;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

const MANAGER: &str = "windlass-peers";

/// How many replicas the guest plugin finds in any Thing: no reading of its spec gives that.
pub(super) const REPLICAS_OF_A_THING: u32 = 20;
/// What the guest plugin revises them to, whatever was asked for.
pub(super) const REVISED: u32 = 7;

pub(super) const LEADER_WORKER_SET: [&str; 2] = ["leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"];
pub(super) const THING: [&str; 2] = ["example.io/v1", "Thing"];

/// The definitions of both kinds, with no word about what is in them.
pub(super) fn definitions() -> [Value; 2] {
    [
        definition("leaderworkerset.x-k8s.io", "leaderworkersets", "LeaderWorkerSet"),
        definition("example.io", "things", "Thing"),
    ]
}

fn definition(group: &str, plural: &str, kind: &str) -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}"),
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs"}},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open, "status": open}}}}]}})
}

pub(super) fn leader_worker_set() -> Value {
    let pod = |cpu: &str| {
        json!({"spec": {"containers": [{"name": "c", "image": "example.com/c:1",
        "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}})
    };
    json!({"apiVersion": LEADER_WORKER_SET[0], "kind": LEADER_WORKER_SET[1],
        "metadata": {"namespace": "default", "name": "llm"},
        "spec": {"replicas": 2, "leaderWorkerTemplate":
            {"size": 4, "leaderTemplate": pod("1"), "workerTemplate": pod("500m")}}})
}

/// As its operator writes it in the member, for `generation`.
pub(super) fn leader_worker_set_status(generation: &Value) -> Value {
    json!({"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": generation,
        "hpaPodSelector": "leaderworkerset.sigs.k8s.io/name=llm", "unheardOf": "not for the control plane",
        "conditions": [{"type": "Available", "status": "True", "reason": "AllGroupsReady",
            "message": "All replicas are ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

pub(super) fn thing() -> Value {
    json!({"apiVersion": THING[0], "kind": THING[1], "metadata": {"namespace": "default", "name": "t"},
        "spec": {"size": "large"}})
}

/// Both kinds to the one member; a Thing's replicas are divided.
pub(super) fn policy() -> Value {
    let selector = |[version, kind]: [&str; 2]| json!({"apiVersion": version, "kind": kind});
    json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"namespace": "default", "name": "all"},
        "spec": {"resourceSelectors": [selector(LEADER_WORKER_SET), selector(THING)],
            "placement": {
                "clusterAffinity": {"clusterNames": [super::member::NAME]},
                "spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}],
                "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}}}})
}

fn api(client: &kube::Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let client = client.clone();
    if namespace.is_empty() {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, namespace, &resource)
    }
}

struct Id<'a> {
    version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

fn id(object: &Value) -> anyhow::Result<Id<'_>> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    Ok(Id {
        version: text("/apiVersion").context("apiVersion")?,
        kind: text("/kind").context("kind")?,
        namespace: text("/metadata/namespace").unwrap_or_default(),
        name: text("/metadata/name").context("metadata.name")?,
    })
}

pub(crate) async fn apply(client: &kube::Client, object: &Value) -> anyhow::Result<()> {
    let Id { version, kind, namespace, name } = id(object)?;
    api(client, version, kind, namespace)
        .patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))
        .await
        .with_context(|| format!("{kind} {name}"))?;
    Ok(())
}

/// Changes what the object says, as anybody else would.
pub(crate) async fn merge(client: &kube::Client, object: &Value) -> anyhow::Result<()> {
    let Id { version, kind, namespace, name } = id(object)?;
    api(client, version, kind, namespace)
        .patch(name, &PatchParams::default(), &Patch::Merge(object))
        .await
        .with_context(|| format!("{kind} {name}"))?;
    Ok(())
}

pub(crate) async fn apply_status(client: &kube::Client, object: &Value) -> anyhow::Result<()> {
    let Id { version, kind, namespace, name } = id(object)?;
    let status = json!({"status": object["status"]});
    api(client, version, kind, namespace)
        .patch_status(name, &PatchParams::default(), &Patch::Merge(&status))
        .await
        .with_context(|| format!("the status of {kind} {name}"))?;
    Ok(())
}

pub(crate) async fn list(
    client: &kube::Client,
    version: &str,
    kind: &str,
    namespace: &str,
) -> anyhow::Result<Vec<Value>> {
    let objects = api(client, version, kind, namespace).list(&ListParams::default()).await?;
    Ok(objects.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

pub(crate) async fn get(
    client: &kube::Client,
    version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> anyhow::Result<Value> {
    let object = api(client, version, kind, namespace).get(name).await?;
    Ok(serde_json::to_value(object)?)
}

pub(crate) async fn delete(
    client: &kube::Client,
    version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> anyhow::Result<()> {
    let deleted = api(client, version, kind, namespace).delete(name, &DeleteParams::default()).await;
    deleted.with_context(|| format!("{kind} {name}"))?;
    Ok(())
}
