//! A simulated member's Cluster object, with the Secret by which anybody reaches it, as `karmadactl join` leaves them.

use anyhow::Context as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::{Value, json};
use windlass_simulator::MemberSpec;

/// Where the Secrets of clusters are.
const NAMESPACE: &str = "karmada-cluster";
const MANAGER: &str = "windlass-up";

/// How a member is reached.
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) authority: String,
    pub(super) token: String,
}

/// Creates or updates what makes `spec` a member of the control plane behind `client`; `member` is a client of it.
pub(super) async fn register(
    client: &kube::Client,
    member: &kube::Client,
    spec: &MemberSpec,
    endpoint: &Endpoint,
) -> anyhow::Result<()> {
    let MemberSpec { name, labels, region, zone, provider, taints, .. } = spec;
    let apply = PatchParams::apply(MANAGER).force();
    let what = || format!("cannot register member {name}");

    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    Api::<Namespace>::all(client.clone())
        .patch(NAMESPACE, &apply, &Patch::Apply(&namespace))
        .await
        .with_context(what)?;

    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let data = [("token", &endpoint.token), ("caBundle", &endpoint.authority)];
    let secret = Secret {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        data: Some(data.into_iter().map(|(key, text)| (key.to_owned(), bytes(text))).collect()),
        ..Secret::default()
    };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    secrets.patch(name, &apply, &Patch::Apply(&secret)).await.with_context(what)?;

    // The UID of a cluster's kube-system tells it from every other.
    let system = Api::<Namespace>::all(member.clone()).get("kube-system").await.with_context(what)?;
    let reference = json!({"namespace": NAMESPACE, "name": name});
    let mut cluster = json!({
        "apiVersion": "cluster.karmada.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "id": system.metadata.uid,
            "syncMode": "Push",
            "apiEndpoint": endpoint.url,
            "secretRef": reference,
            "impersonatorSecretRef": reference,
        }
    });
    for (field, value) in [("region", region), ("zone", zone), ("provider", provider)] {
        if let Some(value) = value {
            cluster["spec"][field] = Value::from(value.clone());
        }
    }
    if !taints.is_empty() {
        cluster["spec"]["taints"] = serde_json::to_value(taints)?;
    }
    let resource = kube::core::ApiResource::erase::<windlass_api::cluster::Cluster>(&());
    let clusters: Api<kube::api::DynamicObject> = Api::all_with(client.clone(), &resource);
    clusters.patch(name, &apply, &Patch::Apply(&cluster)).await.with_context(what)?;
    Ok(())
}
