//! Carries out what the state decided, and says how it ended.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Taint};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::feed::{Key, key_of};
use crate::state::{Action, KindAccess, Outcome, WorkloadKey};

/// Writes under way at once: enough to fill the API server's groups of writes, few enough to be fair to others.
const CONCURRENT: usize = 64;

/// How long a node's first status waits for another try.
const RETRY: Duration = Duration::from_secs(1);

/// Writes to one member's API server.
#[derive(Clone)]
pub(crate) struct Writer {
    client: Client,
    slots: Arc<Semaphore>,
}

impl Writer {
    pub(crate) fn new(client: Client) -> Writer {
        Writer { client, slots: Arc::new(Semaphore::new(CONCURRENT)) }
    }

    pub(crate) async fn carry_out(self, action: Action) -> Outcome {
        let Ok(_slot) = self.slots.acquire().await else { return Outcome::Done };
        match action {
            Action::CreatePod(pod) => self.create_pod(&pod).await,
            Action::DeletePod { key, uid } => self.delete_pod(key, uid).await,
            Action::BindPod { key, uid, node } => self.bind_pod(key, &uid, &node).await,
            Action::PodStatus { key, uid, status } => self.pod_status(key, &uid, &status).await,
            Action::NodeStatus { name, status } => self.node_status(name, &status).await,
            Action::NodeTaints { name, version, taints } => self.node_taints(&name, version, &taints).await,
            Action::QuotaStatus { key, status } => self.quota_status(key, status).await,
            Action::WorkloadStatus { key, access, patch } => self.workload_status(key, &access, &patch).await,
            Action::DeleteWorkload { key, access, uid } => self.delete_workload(key, &access, uid).await,
        }
    }

    fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn create_pod(&self, pod: &Pod) -> Outcome {
        let key = key_of(pod);
        match self.pods(&key.0).create(&PostParams::default(), pod).await {
            Ok(created) => Outcome::PodCreated(Box::new(created)),
            // The one that is there shows in the watch, and takes the place of the one that was booked.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Outcome::Done,
            Err(error) => {
                tracing::debug!(namespace = key.0, pod = key.1, %error, "the pod could not be created");
                Outcome::PodRefused(key)
            }
        }
    }

    async fn delete_pod(&self, key: Key, uid: String) -> Outcome {
        let preconditions = Preconditions { uid: Some(uid), resource_version: None };
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        pod_outcome(key.clone(), self.pods(&key.0).delete(&key.1, &params).await)
    }

    async fn bind_pod(&self, key: Key, uid: &str, node: &str) -> Outcome {
        let binding = json!({"apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": key.1, "namespace": key.0, "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
        let (pods, params) = (self.pods(&key.0), PostParams::default());
        let bound = pods.create_subresource::<_, Value>("binding", &key.1, &params, &binding).await;
        pod_outcome(key, bound)
    }

    async fn pod_status(&self, key: Key, uid: &str, status: &Value) -> Outcome {
        let patch = json!({"metadata": {"uid": uid}, "status": status});
        let written =
            self.pods(&key.0).patch_status(&key.1, &PatchParams::default(), &Patch::Merge(&patch)).await;
        match written {
            Ok(pod) => Outcome::PodWritten(Box::new(pod)),
            failed => pod_outcome(key, failed),
        }
    }

    async fn node_status(&self, name: String, status: &Value) -> Outcome {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let patch = json!({"status": status});
        loop {
            match nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
                Ok(_) => return Outcome::Done,
                Err(error) if is_gone(&error) => return Outcome::Done,
                Err(error) => tracing::debug!(node = name, %error, "the node's status could not be written"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn node_taints(&self, name: &str, version: Option<String>, taints: &[Taint]) -> Outcome {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}});
        // If the node has changed meanwhile, the watch brings it, and the taints are decided on anew.
        if let Err(error) = nodes.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            tracing::debug!(node = name, %error, "the node's taints could not be written");
        }
        Outcome::Done
    }

    async fn quota_status(&self, key: Key, status: Value) -> Outcome {
        let quotas: Api<ResourceQuota> = Api::namespaced(self.client.clone(), &key.0);
        let patch = json!([{"op": "add", "path": "/status", "value": status}]);
        let Ok(patch) = serde_json::from_value(patch) else { return Outcome::Done };
        match quotas.patch_status(&key.1, &PatchParams::default(), &Patch::<Value>::Json(patch)).await {
            Ok(_) => Outcome::Done,
            Err(error) if is_gone(&error) => Outcome::Done,
            Err(error) => {
                tracing::debug!(namespace = key.0, quota = key.1, %error, "the quota's status could not be written");
                Outcome::QuotaFailed(key)
            }
        }
    }

    async fn delete_workload(&self, key: WorkloadKey, access: &KindAccess, uid: String) -> Outcome {
        let (_, (namespace, name)) = &key;
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &access.resource);
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
            ..DeleteParams::background()
        };
        match objects.delete(name, &params).await {
            Err(error) if !is_gone(&error) => {
                tracing::debug!(kind = access.resource.kind, namespace, name, %error, "the workload could not be deleted");
                Outcome::WorkloadFailed(key)
            }
            _ => Outcome::Done,
        }
    }

    async fn workload_status(&self, key: WorkloadKey, access: &KindAccess, patch: &Value) -> Outcome {
        let (_, (namespace, name)) = &key;
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &access.resource);
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let written = if access.status_subresource {
            objects.patch_status(name, &params, &patch).await
        } else {
            objects.patch(name, &params, &patch).await
        };
        match written {
            Ok(object) => Outcome::WorkloadWritten(key, Box::new(object.data)),
            Err(error) => {
                if !is_gone(&error) {
                    tracing::debug!(kind = access.resource.kind, namespace, name, %error, "the status could not be written");
                }
                Outcome::WorkloadFailed(key)
            }
        }
    }
}

fn pod_outcome<T>(key: Key, written: Result<T, kube::Error>) -> Outcome {
    match written {
        Ok(_) => Outcome::Done,
        Err(error) if is_gone(&error) => Outcome::Done,
        Err(error) => {
            tracing::debug!(namespace = key.0, pod = key.1, %error, "a write on the pod failed");
            Outcome::PodFailed(key)
        }
    }
}

/// Whether the object is gone, or another one has its name: the watch tells what to do now.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || (status.code == 409 && status.message.contains("UID")))
}
