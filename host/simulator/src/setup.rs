//! Brings the nodes and quotas of a member's specification into being, once for each specification: what users change
//! afterwards, they keep over a restart.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, ResourceQuota};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::spec::{MemberSpec, NodePlan, QuotaSpec};

/// Where the specification that was carried out last is kept.
const RECORD_NAMESPACE: &str = "kube-system";
const RECORD_NAME: &str = "windlass-member";
const RECORD_KEY: &str = "spec";

/// Why a member could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("member {member}: {what} could not be written")]
pub struct SetupError {
    pub member: String,
    pub what: String,
    #[source]
    source: kube::Error,
}

/// Carries out `spec`, unless it is the one that was carried out last.
pub(crate) async fn set_up(client: &Client, spec: &MemberSpec) -> Result<(), SetupError> {
    let failed =
        |what: String| move |source: kube::Error| SetupError { member: spec.name.clone(), what, source };
    let text = serde_json::to_string(spec).expect("a specification has only string keys");
    let records: Api<ConfigMap> = Api::namespaced(client.clone(), RECORD_NAMESPACE);
    let record = || failed(format!("ConfigMap {RECORD_NAMESPACE}/{RECORD_NAME}"));
    let recorded = records.get_opt(RECORD_NAME).await.map_err(record())?;
    if recorded.is_some_and(|record| record.data.is_some_and(|data| data.get(RECORD_KEY) == Some(&text))) {
        return Ok(());
    }
    for plan in spec.node_plans() {
        write_node(client, &plan).await.map_err(failed(format!("Node {}", plan.name)))?;
    }
    for quota in &spec.resource_quotas {
        let what = format!("ResourceQuota {}/{}", quota.namespace, quota.name);
        write_quota(client, quota).await.map_err(failed(what))?;
    }
    let record_object = ConfigMap {
        metadata: ObjectMeta { name: Some(RECORD_NAME.to_owned()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([(RECORD_KEY.to_owned(), text.clone())])),
        ..ConfigMap::default()
    };
    ensure_namespace(client, RECORD_NAMESPACE).await.map_err(record())?;
    let patch = json!({"data": {RECORD_KEY: text}});
    create_or_patch(&records, RECORD_NAME, &record_object, &patch).await.map_err(record())
}

async fn write_node(client: &Client, plan: &NodePlan) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let spec = json!({"taints": plan.taints});
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": plan.name, "labels": plan.labels, "annotations": plan.annotations},
        "spec": spec, "status": {"capacity": plan.allocatable, "allocatable": plan.allocatable}});
    let object: Node = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    let patch = json!({"metadata": {"labels": plan.labels, "annotations": plan.annotations}, "spec": spec});
    create_or_patch(&nodes, &plan.name, &object, &patch).await?;
    // An API server need not take a status from the one who creates.
    let status = json!({"status": {"capacity": plan.allocatable, "allocatable": plan.allocatable}});
    nodes.patch_status(&plan.name, &PatchParams::default(), &Patch::Merge(&status)).await.map(drop)
}

async fn write_quota(client: &Client, quota: &QuotaSpec) -> Result<(), kube::Error> {
    ensure_namespace(client, &quota.namespace).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), &quota.namespace);
    let scopes = (!quota.scopes.is_empty()).then_some(&quota.scopes);
    let patch = json!({"spec": {"hard": quota.hard, "scopes": scopes}});
    let mut object = patch.clone();
    object["metadata"] = json!({"name": quota.name, "namespace": quota.namespace});
    let object: ResourceQuota = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    create_or_patch(&quotas, &quota.name, &object, &patch).await
}

async fn ensure_namespace(client: &Client, name: &str) -> Result<(), kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    match namespaces.create(&PostParams::default(), &object).await {
        Err(error) if !is_already_there(&error) => Err(error),
        _ => Ok(()),
    }
}

async fn create_or_patch<K>(api: &Api<K>, name: &str, object: &K, patch: &Value) -> Result<(), kube::Error>
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    match api.create(&PostParams::default(), object).await {
        Err(error) if is_already_there(&error) => {
            api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn is_already_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}
