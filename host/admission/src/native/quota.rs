//! FederatedResourceQuota.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::Value;
use windlass_api::policy::FederatedResourceQuotaSpec;
use windlass_api::quantity::Quantity;
use windlass_core::AdmissionRequest;

use super::read;
use crate::causes::{Causes, quoted};
use crate::syntax::{cluster_name, qualified_name};

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    // The name goes into labels of the quotas' Works.
    let name = request.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if name.len() > 63 {
        causes.invalid("metadata.name", quoted(name), "must be no more than 63 characters");
    }
    let Some(spec) = read::<FederatedResourceQuotaSpec>(&request.object, "spec", causes) else { return };
    let overall = amounts(&spec.overall, "spec.overall", causes);
    let mut clusters = BTreeSet::new();
    let mut assigned: BTreeMap<&str, Quantity> = BTreeMap::new();
    for (index, assignment) in spec.static_assignments.iter().enumerate() {
        let at = format!("spec.staticAssignments[{index}]");
        if let Some(why) = cluster_name(&assignment.cluster_name) {
            causes.invalid(format!("{at}.clusterName"), quoted(&assignment.cluster_name), why);
        }
        if !clusters.insert(assignment.cluster_name.as_str()) {
            // Only one of them could become the cluster's ResourceQuota.
            causes.duplicate(format!("{at}.clusterName"), quoted(&assignment.cluster_name));
        }
        for (resource, amount) in amounts(&assignment.hard, &format!("{at}.hard"), causes) {
            if !overall.contains_key(resource) {
                let why = "assignment resourceName is not exist in overall";
                causes.invalid(format!("{at}.hard[{resource}]"), quoted(resource), why);
            }
            let sum = assigned.entry(resource).or_insert(Quantity::ZERO);
            *sum = sum.plus(amount);
        }
    }
    for (resource, limit) in overall {
        if assigned.get(resource).is_some_and(|sum| limit < *sum) {
            let why = "overall is less than assignments";
            causes.invalid(format!("spec.overall[{resource}]"), quoted(&limit.to_string()), why);
        }
    }
}

/// The amounts that are in order; the others are causes.
fn amounts<'a>(
    texts: &'a BTreeMap<String, Text>,
    at: &str,
    causes: &mut Causes,
) -> BTreeMap<&'a str, Quantity> {
    let mut amounts = BTreeMap::new();
    for (resource, text) in texts {
        let field = format!("{at}[{resource}]");
        if let Some(why) = qualified_name(resource) {
            causes.invalid(field.clone(), quoted(resource), why);
        }
        match Quantity::try_from(text) {
            Ok(amount) if amount >= Quantity::ZERO => {
                amounts.insert(resource.as_str(), amount);
            }
            Ok(_) => causes.invalid(field, quoted(&text.0), "must be greater than or equal to 0"),
            Err(error) => causes.invalid(field, quoted(&text.0), error),
        }
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use serde_json::json;

    #[test]
    fn a_quota_has_to_add_up() {
        for (spec, want) in [
            (json!({"overall": {"cpu": "3", "requests.memory": "1Gi"}}), vec![]),
            (json!({"overall": {"cpu": "-1"}}), vec!["spec.overall[cpu]"]),
            (json!({"overall": {"cpu": "many"}}), vec!["spec.overall[cpu]"]),
            (
                json!({"overall": {"cpu": "3"}, "staticAssignments": [
                    {"clusterName": "m1", "hard": {"cpu": "2"}}, {"clusterName": "M2", "hard": {"cpu": "2", "pods": "1"}}]}),
                vec![
                    "spec.staticAssignments[1].clusterName",
                    "spec.staticAssignments[1].hard[pods]",
                    "spec.overall[cpu]",
                ],
            ),
            (
                json!({"overall": {"cpu": "9"}, "staticAssignments": [
                    {"clusterName": "m1", "hard": {"cpu": "1"}}, {"clusterName": "m1", "hard": {"cpu": "2"}}]}),
                vec!["spec.staticAssignments[1].clusterName"],
            ),
        ] {
            let object = json!({"metadata": {"name": "q"}, "spec": spec});
            check(&create("policy.karmada.io", "federatedresourcequotas", object), &want);
        }
        let long = json!({"metadata": {"name": "q".repeat(64)}, "spec": {"overall": {}}});
        check(&create("policy.karmada.io", "federatedresourcequotas", long), &["metadata.name"]);
    }
}
