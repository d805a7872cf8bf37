//! A batch workload's completions, divided like its replicas. Where replicas are divided and completions are not,
//! every member would complete the whole.

use serde_json::Value;
use windlass_api::policy::ReplicaSchedulingType;
use windlass_api::work::TargetCluster;
use windlass_scheduler::{Party, TieOrder, allocate};

use crate::index::{Binding, Template};

/// The share of each target, in their order; `None` where there is nothing to divide.
pub(super) fn divided(binding: &Binding, template: &Template, targets: &[TargetCluster]) -> Option<Vec<i64>> {
    let scheduling = binding.spec.placement.as_ref()?.replica_scheduling.as_ref()?;
    let is_divided = scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Divided);
    if !is_divided || binding.spec.replicas <= 0 || template.id().gvk.group != "batch" {
        return None;
    }
    let completions = template.object.to_value().pointer("/spec/completions").and_then(Value::as_i64)?;
    let parties: Vec<_> = targets
        .iter()
        .map(|target| Party { name: &target.name, votes: target.replicas.into(), present: 0 })
        .collect();
    let seats = i32::try_from(completions).unwrap_or(i32::MAX);
    Some(allocate(seats, &parties, TieOrder::of_uid(template.uid())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_core::Gvk;

    fn check(scheduling: &str, spec: &Value, expect: Option<Vec<i64>>) {
        let object =
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec});
        let template =
            Template::new(&Gvk::new("batch/v1", "Job"), serde_json::from_value(object).unwrap()).unwrap();
        let binding = serde_json::from_value(json!({"metadata": {}, "spec": {"replicas": 3,
            "resource": {"apiVersion": "batch/v1", "kind": "Job", "name": "j"},
            "placement": {"replicaScheduling": {"replicaSchedulingType": scheduling}}}}))
        .unwrap();
        let targets: Vec<TargetCluster> =
            serde_json::from_value(json!([{"name": "m1", "replicas": 2}, {"name": "m2", "replicas": 1}]))
                .unwrap();
        assert_eq!(divided(&binding, &template, &targets), expect);
    }

    #[test]
    fn completions_follow_divided_replicas() {
        check("Divided", &json!({"completions": 6}), Some(vec![4, 2]));
        check("Duplicated", &json!({"completions": 6}), None);
        check("Divided", &json!({}), None);
    }
}
