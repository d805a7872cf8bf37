//! PropagationPolicy and ClusterPropagationPolicy.

use serde_json::Value;
use windlass_api::labels;
use windlass_api::policy::{PreemptionBehavior, PropagationSpec};
use windlass_core::{AdmissionRequest, Verb};

use super::{placement, read};
use crate::causes::{Causes, quoted};
use crate::syntax::dns_subdomain;

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    marks(request, causes);
    let Some(spec) = read::<PropagationSpec>(&request.object, "spec", causes) else { return };
    placement::validate(&spec.placement, "spec.placement", causes);
    if let Some(failover) = &spec.failover {
        if failover.application.is_some() && !spec.propagate_deps {
            let why = "application failover is set, propagateDeps must be true";
            causes.invalid("spec.propagateDeps", spec.propagate_deps, why);
        }
        placement::failover(failover, "spec.failover", causes);
    }
    for (index, selector) in spec.resource_selectors.iter().enumerate() {
        if spec.preemption == Some(PreemptionBehavior::Always) && selector.name.is_empty() {
            let why = "name cannot be empty if preemption is Always, the empty name may cause unexpected resources \
                       preemption";
            causes.invalid(format!("spec.resourceSelectors[{index}].name"), "\"\"", why);
        }
    }
    if let Some(suspension) = &spec.suspension {
        let clusters = suspension.dispatching_on_clusters.as_ref().map_or(0, |on| on.cluster_names.len());
        placement::suspension(suspension.dispatching, clusters, "spec.suspension", causes);
    }
    if let Some(priority) = &spec.schedule_priority
        && let Some(why) = dns_subdomain(&priority.priority_class_name)
    {
        let field = "spec.schedulePriority.priorityClassName";
        causes.invalid(field, quoted(&priority.priority_class_name), why);
    }
}

/// What the system sets at creation, nobody changes.
fn marks(request: &AdmissionRequest, causes: &mut Causes) {
    let label = match request.resource.as_str() {
        "propagationpolicies" => labels::PROPAGATION_POLICY_PERMANENT_ID,
        _ => labels::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID,
    };
    let field = format!("metadata.labels[{label}]");
    let id = |object: &Value| object.pointer("/metadata/labels").and_then(|all| all.get(label)).cloned();
    let now = id(&request.object);
    if request.verb == Verb::Update {
        let before = id(&request.old_object);
        // A policy from before there was admission gets its id by an update.
        if before.is_some() && now != before {
            causes.forbidden(field, "is immutable, it can only be set by the system during creation");
        }
        let scheduler = |object: &Value| {
            let name =
                object.pointer("/spec/schedulerName").and_then(Value::as_str).filter(|name| !name.is_empty());
            name.unwrap_or(labels::DEFAULT_SCHEDULER).to_owned()
        };
        if scheduler(&request.object) != scheduler(&request.old_object) {
            causes.forbidden("spec.schedulerName", "the schedulerName should not be updated");
        }
    } else if now.is_none() {
        causes.required(field, "it is set by the system during creation");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create, random};
    use super::*;
    use crate::native::default;
    use serde_json::json;

    fn policy(spec: Value) -> AdmissionRequest {
        let mut object = json!({"metadata": {"name": "p"}, "spec": {"resourceSelectors": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]}});
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        let request = create("policy.karmada.io", "propagationpolicies", object);
        let object = default(&request, &random()).unwrap();
        AdmissionRequest { object, ..request }
    }

    #[test]
    fn contradictions_are_refused_by_field() {
        let by = |field: &str, min: i64, max: i64| json!({"spreadByField": field, "minGroups": min, "maxGroups": max});
        let overflowing = |mut scheduling: Value, names: &[&str]| {
            scheduling["replicaSchedulingType"] = json!("Divided");
            let groups: Vec<_> = names.iter().map(|name| json!({"affinityName": name})).collect();
            json!({"placement": {"replicaScheduling": scheduling, "clusterAffinities":
                [{"affinityName": "a", "clusterNames": ["m1"], "overflowAffinities": groups}]}})
        };
        let beside = |affinity: &str, anti: &str| {
            json!({"placement": {"workloadAffinity":
                {"affinity": {"groupByLabelKey": affinity}, "antiAffinity": {"groupByLabelKey": anti}}}})
        };
        let spread = |constraints: Value| json!({"placement": {"spreadConstraints": constraints}});
        for (spec, want) in [
            (json!({}), vec![]),
            (spread(json!([by("cluster", 1, 1)])), vec![]),
            (spread(json!([by("cluster", 2, 1)])), vec!["spec.placement.spreadConstraints[0].maxGroups"]),
            (spread(json!([by("cluster", -1, 0)])), vec!["spec.placement.spreadConstraints[0].minGroups"]),
            (spread(json!([by("region", 1, 1)])), vec!["spec.placement.spreadConstraints"]),
            (spread(json!([by("region", 1, 1), by("cluster", 1, 2)])), vec![]),
            (
                spread(json!([by("cluster", 1, 1), by("cluster", 1, 1)])),
                vec!["spec.placement.spreadConstraints[1].spreadByField"],
            ),
            (
                spread(json!([{"spreadByField": "cluster", "spreadByLabel": "a"}])),
                vec!["spec.placement.spreadConstraints[0].spreadByLabel"],
            ),
            (
                json!({"placement": {"clusterAffinity": {"clusterNames": ["a"]}, "clusterAffinities": [{"affinityName": "x"}]}}),
                vec!["spec.placement"],
            ),
            (
                json!({"placement": {"clusterAffinities": [{"affinityName": "x"}, {"affinityName": "x"}]}}),
                vec!["spec.placement.clusterAffinities[1].affinityName"],
            ),
            (
                json!({"placement": {"clusterAffinity": {"fieldSelector": {"matchExpressions":
                    [{"key": "size", "operator": "Exists"}]}}}}),
                vec![
                    "spec.placement.clusterAffinity.fieldSelector.matchExpressions[0].key",
                    "spec.placement.clusterAffinity.fieldSelector.matchExpressions[0].operator",
                ],
            ),
            (
                json!({"placement": {"replicaScheduling": {"weightPreference": {"staticWeightList":
                    [{"targetCluster": {}, "weight": 0}]}}}}),
                vec!["spec.placement.replicaScheduling.weightPreference.staticWeightList[0].weight"],
            ),
            (
                json!({"suspension": {"dispatching": true, "dispatchingOnClusters": {"clusterNames": ["a"]}}}),
                vec!["spec.suspension"],
            ),
            (
                json!({"preemption": "Always", "resourceSelectors": [{"apiVersion": "v1", "kind": "Secret"}]}),
                vec!["spec.resourceSelectors[0].name"],
            ),
            (
                json!({"failover": {"application": {"decisionConditions": {"tolerationSeconds": -1},
                    "purgeMode": "Directly", "gracePeriodSeconds": 5,
                    "statePreservation": {"rules": [{"aliasLabelName": "-", "jsonPath": "{.a}"}]}}}}),
                vec![
                    "spec.propagateDeps",
                    "spec.failover.application.decisionConditions.tolerationSeconds",
                    "spec.failover.application.gracePeriodSeconds",
                    "spec.failover.application.statePreservation.rules[0].aliasLabelName",
                ],
            ),
            (
                json!({"failover": {"cluster": {"purgeMode": "Directly", "statePreservation": {"rules": [
                    {"aliasLabelName": "a", "jsonPath": "{.jobStatus.jobId}"},
                    {"aliasLabelName": "b", "jsonPath": "{.jobs[?(@.a==1 && @.b==2)].id}"},
                    {"aliasLabelName": "c", "jsonPath": "{.jobs[\"a\"]}"}]}}}}),
                vec![
                    "spec.failover.cluster.statePreservation.rules[1].jsonPath",
                    "spec.failover.cluster.statePreservation.rules[2].jsonPath",
                ],
            ),
            (
                json!({"schedulePriority": {"priorityClassSource": "KubePriorityClass", "priorityClassName": ""}}),
                vec!["spec.schedulePriority.priorityClassName"],
            ),
            (overflowing(json!({"replicaDivisionPreference": "Aggregated"}), &["b"]), vec![]),
            (
                overflowing(json!({"replicaDivisionPreference": "Weighted"}), &["b", "a", "b", "-"]),
                vec![
                    "spec.placement.clusterAffinities[0].overflowAffinities",
                    "spec.placement.clusterAffinities[0].overflowAffinities[1].affinityName",
                    "spec.placement.clusterAffinities[0].overflowAffinities[2].affinityName",
                    "spec.placement.clusterAffinities[0].overflowAffinities[3].affinityName",
                ],
            ),
            (
                json!({"placement": {"replicaScheduling": {"replicaDivisionPreference": "Aggregated"},
                    "clusterAffinities": [{"affinityName": "a", "overflowAffinities": [{"affinityName": "b"}]}]}}),
                vec!["spec.placement.clusterAffinities[0].overflowAffinities"],
            ),
            (beside("app", "tier"), vec![]),
            (beside("app", "app"), vec!["spec.placement.workloadAffinity"]),
            (
                beside("", "/x"),
                vec![
                    "spec.placement.workloadAffinity.affinity.groupByLabelKey",
                    "spec.placement.workloadAffinity.antiAffinity.groupByLabelKey",
                ],
            ),
            (
                json!({"schedulePriority": {"priorityClassSource": "KubePriorityClass", "priorityClassName": "high",
                    "preemption": "Sometimes"}}),
                vec!["spec.schedulePriority.preemption"],
            ),
            (json!({"placement": 7}), vec!["spec.placement"]),
        ] {
            check(&policy(spec), &want);
        }
    }

    #[test]
    fn what_the_system_set_cannot_be_changed() {
        let created = policy(json!({}));
        let mut changed =
            AdmissionRequest { verb: Verb::Update, old_object: created.object.clone(), ..created.clone() };
        check(&changed, &[]);
        changed.object["spec"]["schedulerName"] = json!("mine");
        changed.object["metadata"]["labels"] = json!({});
        let label = format!("metadata.labels[{}]", labels::PROPAGATION_POLICY_PERMANENT_ID);
        check(&changed, &[&label, "spec.schedulerName"]);
    }
}
