//! A quota's parts for single clusters: each is a ResourceQuota in its member, by a Work, whose status comes back.
//! Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::json;
use windlass_api::conditions::WORK_APPLIED;
use windlass_api::labels::{
    EXECUTION_FINALIZER, FEDERATED_RESOURCE_QUOTA_NAME, FEDERATED_RESOURCE_QUOTA_NAMESPACE, MANAGED,
    MANAGED_TRUE, TEMPLATE_UID, WORK_NAME, WORK_NAMESPACE, WORK_PERMANENT_ID,
};
use windlass_api::names;
use windlass_api::policy::{
    ClusterQuotaStatus, FederatedResourceQuota, FederatedResourceQuotaSpec, StaticClusterAssignment,
};
use windlass_api::work::{Work, WorkSpec, WorkloadTemplate};

use crate::binding::mark;
use crate::index::Key;
use crate::marks::{self, permanent_id};

const KIND: &str = "ResourceQuota";

/// The key of a quota's Work for one cluster.
pub(super) fn work_key(quota: &Key, cluster: &str) -> Key {
    let name = names::work(KIND, &quota.name, &quota.namespace);
    Key { namespace: names::execution_namespace(cluster), name }
}

/// The quota that a Work comes from.
pub(super) fn quota_of(work: &ObjectMeta) -> Option<Key> {
    let namespace = marks::label(work, FEDERATED_RESOURCE_QUOTA_NAMESPACE)?;
    Some(Key::new(namespace, marks::label(work, FEDERATED_RESOURCE_QUOTA_NAME)?))
}

/// What is assigned to a cluster: by the first assignment that names it.
pub(super) fn assigned<'a>(
    spec: &'a FederatedResourceQuotaSpec,
    cluster: &str,
) -> Option<&'a StaticClusterAssignment> {
    spec.static_assignments.iter().find(|assignment| assignment.cluster_name == cluster)
}

/// The assignments to clusters that aren't there, with their places in the list.
pub(super) fn unknown(
    spec: &FederatedResourceQuotaSpec,
    is_known: impl Fn(&str) -> bool,
) -> Vec<(usize, &str)> {
    let assignments = spec.static_assignments.iter().map(|assignment| assignment.cluster_name.as_str());
    assignments.enumerate().filter(|(_, cluster)| !is_known(cluster)).collect()
}

/// The Work that brings an assignment to its cluster.
pub(super) fn work(quota: &FederatedResourceQuota, assignment: &StaticClusterAssignment) -> Work {
    let of = Key::of(&quota.metadata);
    let uid = quota.metadata.uid.as_deref().unwrap_or_default();
    let key = work_key(&of, &assignment.cluster_name);
    let id = permanent_id(&[&key.namespace, &key.name, uid]);
    let mut manifest = json!({
        "apiVersion": "v1",
        "kind": KIND,
        "metadata": {"name": of.name, "namespace": of.namespace},
        "spec": {"hard": assignment.hard},
    });
    let text = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    mark(
        &mut manifest,
        text(&[(MANAGED, MANAGED_TRUE), (WORK_PERMANENT_ID, &id)]),
        text(&[(TEMPLATE_UID, uid), (WORK_NAME, &key.name), (WORK_NAMESPACE, &key.namespace)]),
    );
    Work {
        metadata: ObjectMeta {
            name: Some(key.name),
            namespace: Some(key.namespace),
            labels: Some(text(&[
                (FEDERATED_RESOURCE_QUOTA_NAMESPACE, &of.namespace),
                (FEDERATED_RESOURCE_QUOTA_NAME, &of.name),
                (WORK_PERMANENT_ID, &id),
            ])),
            finalizers: Some(vec![EXECUTION_FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: WorkSpec { workload: WorkloadTemplate { manifests: vec![manifest] }, ..WorkSpec::default() },
        status: None,
    }
}

/// What a cluster says of its part; `None` while it has not taken it, or has said nothing that can be read.
pub(super) fn status(work: &Work) -> Option<ClusterQuotaStatus> {
    let cluster = names::cluster_of_execution_namespace(work.metadata.namespace.as_deref()?)?;
    let status = work.status.as_ref()?;
    let applied = |condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        condition.type_ == WORK_APPLIED && condition.status == "True"
    };
    if work.metadata.deletion_timestamp.is_some() || !status.conditions.iter().any(applied) {
        return None;
    }
    let reported = status.manifest_statuses.first()?.status.as_ref()?;
    let list = |name: &str| reported.get(name).map_or(Ok(Default::default()), Deserialize::deserialize);
    Some(ClusterQuotaStatus {
        cluster_name: cluster.to_owned(),
        hard: list("hard").ok()?,
        used: list("used").ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn quota(assignments: Value) -> FederatedResourceQuota {
        serde_json::from_value(
            json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "FederatedResourceQuota",
            "metadata": {"name": "team", "namespace": "shop", "uid": "u"},
            "spec": {"overall": {"cpu": "10"}, "staticAssignments": assignments}}),
        )
        .unwrap()
    }

    fn to(cluster: &str, cpu: &str) -> Value {
        json!({"clusterName": cluster, "hard": {"cpu": cpu}})
    }

    #[test]
    fn an_assignment_is_a_resource_quota_by_a_work_that_is_found_by_its_labels() {
        let quota = quota(json!([to("m1", "1"), to("m2", "2"), to("m1", "3")]));
        let work = work(&quota, assigned(&quota.spec, "m1").unwrap());
        let key = Key::of(&work.metadata);
        assert_eq!(key, work_key(&Key::new("shop", "team"), "m1"));
        assert_eq!(key.namespace, "karmada-es-m1");
        assert_eq!(quota_of(&work.metadata), Some(Key::new("shop", "team")));
        let manifest = &work.spec.workload.manifests[0];
        assert_eq!((&manifest["kind"], &manifest["spec"]), (&json!(KIND), &json!({"hard": {"cpu": "1"}})));
        assert_eq!(manifest["metadata"]["annotations"]["work.karmada.io/name"], key.name);
        assert_eq!(manifest["metadata"]["labels"]["karmada.io/managed"], "true");
        assert!(assigned(&quota.spec, "m3").is_none());
        assert_eq!(unknown(&quota.spec, |name| name == "m1"), [(1, "m2")]);
    }

    #[test]
    fn a_part_is_reported_once_it_is_applied() {
        let quota = quota(json!([to("m1", "1")]));
        let mut work = work(&quota, &quota.spec.static_assignments[0]);
        assert_eq!(status(&work), None);
        let mut report = |applied: &str, reported: Value| {
            work.status = serde_json::from_value(json!({
                "conditions": [{"type": "Applied", "status": applied, "reason": "R", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "manifestStatuses": [{"identifier": {"ordinal": 0, "version": "v1", "kind": KIND,
                    "resource": "resourcequotas", "namespace": "shop", "name": "team"},
                    "status": reported}]}))
            .unwrap();
            status(&work)
        };
        let full = json!({"hard": {"cpu": "1"}, "used": {"cpu": "500m"}});
        assert_eq!(report("False", full.clone()), None);
        let reported = report("True", full).unwrap();
        assert_eq!(
            serde_json::to_value(reported).unwrap(),
            json!({"clusterName": "m1", "hard": {"cpu": "1"}, "used": {"cpu": "500m"}})
        );
        assert_eq!(report("True", json!({"hard": 7})), None);
        assert_eq!(report("True", Value::Null), None);
    }
}
