//! A member: a kube-apiserver with one node, and the definitions of the kinds that are sent there.

use serde_json::json;

use super::objects::{self, apply};
use crate::servers::{Durability, Kubernetes, Programs};

pub(crate) const NAME: &str = "member1";

pub(crate) async fn start(programs: &Programs) -> anyhow::Result<Kubernetes> {
    let member = Kubernetes::start(programs, Durability::Waived).await?;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node1"}});
    apply(&member.client, &node).await?;
    let room = json!({"cpu": "32", "memory": "128Gi", "pods": "110"});
    let status = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node1"}, "status": {
        "capacity": room, "allocatable": room,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}]}});
    objects::apply_status(&member.client, &status).await?;
    for definition in objects::definitions() {
        apply(&member.client, &definition).await?;
    }
    Ok(member)
}

/// What makes the member one of the control plane's.
pub(crate) async fn join(control_plane: &kube::Client, member: &Kubernetes) -> anyhow::Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karmada-cluster"}});
    apply(control_plane, &namespace).await?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": "karmada-cluster", "name": NAME}, "stringData": {"token": Kubernetes::token()}});
    apply(control_plane, &secret).await?;
    let system = objects::get(&member.client, "v1", "Namespace", "", "kube-system").await?;
    let reference = json!({"namespace": "karmada-cluster", "name": NAME});
    let cluster = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": NAME},
        "spec": {"id": system["metadata"]["uid"], "syncMode": "Push", "apiEndpoint": member.url(),
            "insecureSkipTLSVerification": true, "secretRef": reference, "impersonatorSecretRef": reference}});
    apply(control_plane, &cluster).await
}
