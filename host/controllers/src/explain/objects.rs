//! A report without a scheduler: from what the API says of the binding and of the clusters.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::cluster::Cluster;
use windlass_api::work::ResourceBindingStatus;
use windlass_scheduler::{ClusterState, Context, Peers, Snapshot, explain};

use super::report::{Report, Source};
use crate::index::Binding;

/// What would be decided on a binding, given the clusters and the other bindings of its namespace.
///
/// # Errors
/// One of the objects is no binding.
pub fn from_objects(
    binding: Value,
    clusters: &[Cluster],
    others: Vec<Value>,
) -> Result<Report, serde_json::Error> {
    let binding: Binding = serde_json::from_value(binding)?;
    let others: Vec<Binding> = others.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    let others = others.iter().filter(|other| other.metadata.name != binding.metadata.name);
    let peers = Peers::of(&binding.spec, others.map(|other| &other.spec));
    let snapshot = Snapshot::new(clusters.iter().map(|cluster| Arc::new(ClusterState::new(cluster))));
    let none = ResourceBindingStatus::default();
    let explanation = explain(
        &snapshot,
        &binding.spec,
        binding.status.as_ref().unwrap_or(&none),
        &Context { peers, ..Context::default() },
    );
    Ok(Report::of(&binding, Source::Objects, explanation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(name: &str, cpu: &str) -> Cluster {
        serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name}, "spec": {"syncMode": "Push"}, "status": {
                "apiEnablements": [{"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]}],
                "nodeSummary": {"totalNum": 1, "readyNum": 1},
                "resourceSummary": {"allocatable": {"cpu": cpu, "pods": "100"}}}}))
        .unwrap()
    }

    fn binding(status: Value) -> Value {
        json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
            "metadata": {"namespace": "default", "name": "web-deployment", "generation": 3},
            "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "web"},
                "replicas": 4, "replicaRequirements": {"resourceRequest": {"cpu": "1"}},
                "clusters": [{"name": "m1", "replicas": 2}],
                "placement": {"replicaScheduling": {"replicaSchedulingType": "Divided",
                    "replicaDivisionPreference": "Aggregated"}}},
            "status": status})
    }

    #[test]
    fn without_a_scheduler_the_report_says_so_and_tells_of_each_cluster() {
        let condition = json!({"type": "Scheduled", "status": "False", "reason": "Unschedulable",
            "message": "no room", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let status = json!({"schedulerObservedGeneration": 2, "conditions": [condition]});
        let report =
            from_objects(binding(status), &[cluster("m1", "3"), cluster("m2", "9")], Vec::new()).unwrap();
        let text = report.to_string();
        for want in [
            "ResourceBinding default/web-deployment",
            "Of           Deployment default/web",
            "Assigned     m1 (2)",
            "Unscheduled  Unschedulable, since 2026-01-01T00:00:00Z: no room",
            "Decided on   generation 2, and there is 3",
            "Queue        not known",
            "If it were decided on now: Scheduled: m",
        ] {
            assert!(text.contains(want), "{want:?} is not in\n{text}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["source"], &json["clusters"][0]["replicas"]), (&json!("Objects"), &json!(2)));
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }

    #[test]
    fn what_is_no_binding_is_refused() {
        assert!(from_objects(json!({"kind": "Deployment"}), &[], Vec::new()).is_err());
        assert!(
            from_objects(json!({"metadata": {"name": "b"}, "spec": {"replicas": "many"}}), &[], Vec::new())
                .is_err()
        );
    }
}
