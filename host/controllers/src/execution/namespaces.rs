//! Namespaces of templates exist in every member: one Work for each namespace and cluster.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;
use windlass_api::labels::{
    EXECUTION_FINALIZER, MANAGED, MANAGED_TRUE, NAMESPACE_SKIP_AUTO_PROPAGATION, TEMPLATE_UID, WORK_NAME,
    WORK_NAMESPACE, WORK_PERMANENT_ID,
};
use windlass_api::names;
use windlass_api::work::{Work, WorkSpec, WorkloadTemplate};

use crate::binding::{mark, prune};
use crate::error::Error;
use crate::index::{Index, Key};
use crate::marks::{self, permanent_id};
use crate::runner::{Outcome, Reconcile};
use crate::works;

/// Reconciles one namespace with its Works in all clusters.
pub(crate) struct Namespaces {
    pub(crate) index: Arc<Index>,
}

impl Reconcile for Namespaces {
    type Key = Key;
    const NAME: &'static str = "namespaces";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        if !is_synced_by_default(&key.name) {
            return Ok(Outcome::Done);
        }
        let namespace = self.index.namespaces.get(key);
        let clusters = self.index.clusters.all();
        let clusters = clusters
            .iter()
            .filter(|cluster| cluster.metadata.deletion_timestamp.is_none())
            .filter_map(|cluster| cluster.metadata.name.as_deref());
        match namespace {
            Some(namespace) if wants_sync(&namespace) => {
                let written = clusters.map(|cluster| works::put(&self.index, work(&namespace, cluster)));
                join_all(written).await.into_iter().collect::<Result<(), Error>>()?;
            }
            Some(_) => {}
            None => {
                let keys: Vec<_> = clusters.map(|cluster| key_of(&key.name, cluster)).collect();
                join_all(keys.iter().map(|key| works::remove(&self.index, key)))
                    .await
                    .into_iter()
                    .collect::<Result<(), Error>>()?;
            }
        }
        Ok(Outcome::Done)
    }
}

const KIND: &str = "Namespace";

fn key_of(namespace: &str, cluster: &str) -> Key {
    Key { namespace: names::execution_namespace(cluster), name: names::work(KIND, namespace, "") }
}

/// Every cluster has these by itself, or has no use for them.
fn is_synced_by_default(namespace: &str) -> bool {
    namespace != "default" && !namespace.starts_with("kube-") && !names::is_reserved_namespace(namespace)
}

fn wants_sync(namespace: &Namespace) -> bool {
    let skip = marks::label(&namespace.metadata, NAMESPACE_SKIP_AUTO_PROPAGATION);
    namespace.metadata.deletion_timestamp.is_none()
        && !skip.is_some_and(|skip| skip.eq_ignore_ascii_case("true"))
}

fn work(namespace: &Namespace, cluster: &str) -> Work {
    let meta = &namespace.metadata;
    let name = meta.name.as_deref().unwrap_or_default();
    let uid = meta.uid.clone().unwrap_or_default();
    let key = key_of(name, cluster);
    let id = permanent_id(&[&key.namespace, &key.name, &uid]);
    let mut manifest = json!({"apiVersion": "v1", "kind": KIND, "metadata": meta});
    prune(&mut manifest);
    let text = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    mark(
        &mut manifest,
        text(&[(MANAGED, MANAGED_TRUE), (WORK_PERMANENT_ID, &id)]),
        text(&[(TEMPLATE_UID, &uid), (WORK_NAME, &key.name), (WORK_NAMESPACE, &key.namespace)]),
    );
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: KIND.to_owned(),
        name: name.to_owned(),
        uid,
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    Work {
        metadata: ObjectMeta {
            name: Some(key.name),
            namespace: Some(key.namespace),
            labels: Some([(WORK_PERMANENT_ID.to_owned(), id)].into()),
            finalizers: Some(vec![EXECUTION_FINALIZER.to_owned()]),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: WorkSpec { workload: WorkloadTemplate { manifests: vec![manifest] }, ..WorkSpec::default() },
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_namespaces_are_each_clusters_own() {
        for namespace in ["default", "kube-system", "karmada-es-m1", "karmada-cluster"] {
            assert!(!is_synced_by_default(namespace), "{namespace}");
        }
        assert!(is_synced_by_default("shop"));
    }

    #[test]
    fn a_label_keeps_a_namespace_at_home() {
        let labelled = |value: &str| Namespace {
            metadata: ObjectMeta {
                labels: Some([(NAMESPACE_SKIP_AUTO_PROPAGATION.to_owned(), value.to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        assert!(!wants_sync(&labelled("True")));
        assert!(wants_sync(&labelled("false")));
    }

    #[test]
    fn a_namespaces_work_carries_its_labels_and_nothing_of_the_server() {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some("shop".to_owned()),
                uid: Some("u".to_owned()),
                labels: Some([("team".to_owned(), "a".to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let work = work(&namespace, "m1");
        let manifest = &work.spec.workload.manifests[0];
        assert_eq!(manifest["metadata"]["labels"]["team"], "a");
        assert!(manifest["metadata"].get("uid").is_none() && manifest.get("spec").is_none());
        assert_eq!(work.metadata.namespace.as_deref(), Some("karmada-es-m1"));
    }
}
