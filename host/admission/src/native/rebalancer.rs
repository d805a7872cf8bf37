//! WorkloadRebalancer.

use windlass_api::apps::WorkloadRebalancerSpec;
use windlass_core::AdmissionRequest;

use super::read;
use crate::causes::{Causes, quoted};

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    let Some(spec) = read::<WorkloadRebalancerSpec>(&request.object, "spec", causes) else { return };
    if spec.workloads.is_empty() {
        causes.required("spec.workloads", "at least one workload is to be named");
    }
    for (index, workload) in spec.workloads.iter().enumerate() {
        let fields =
            [("apiVersion", &workload.api_version), ("kind", &workload.kind), ("name", &workload.name)];
        for (field, _) in fields.into_iter().filter(|(_, value)| value.is_empty()) {
            causes.required(
                format!("spec.workloads[{index}].{field}"),
                "a workload is found by its apiVersion, kind and name",
            );
        }
        for (field, value) in [("name", &workload.name), ("namespace", &workload.namespace)] {
            if let Some(why) = no_name(value) {
                causes.invalid(format!("spec.workloads[{index}].{field}"), quoted(value), why);
            }
        }
    }
    if let Some(seconds) = spec.ttl_seconds_after_finished.filter(|seconds| *seconds < 0) {
        causes.invalid("spec.ttlSecondsAfterFinished", seconds, "must be greater than or equal to 0");
    }
}

/// Why no object of whatever kind can have this name.
fn no_name(text: &str) -> Option<&'static str> {
    if matches!(text, "." | "..") || text.contains(['/', '%']) {
        return Some("may not be '.' or '..', nor contain '/' or '%'");
    }
    (text.len() > 253).then_some("must be no more than 253 characters")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use serde_json::json;

    #[test]
    fn a_rebalancer_names_what_it_is_about() {
        let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"});
        for (spec, want) in [
            (json!({"workloads": [web, web], "ttlSecondsAfterFinished": 0}), vec![]),
            (json!({"workloads": []}), vec!["spec.workloads"]),
            (json!({}), vec!["spec.workloads"]),
            (
                json!({"workloads": [web], "ttlSecondsAfterFinished": -1}),
                vec!["spec.ttlSecondsAfterFinished"],
            ),
            (
                json!({"workloads": [web, {"apiVersion": "apps/v1", "kind": "", "name": ""}]}),
                vec!["spec.workloads[1].kind", "spec.workloads[1].name"],
            ),
            (
                json!({"workloads": [{"apiVersion": "v1", "kind": "A", "name": "a/b", "namespace": ".."}]}),
                vec!["spec.workloads[0].name", "spec.workloads[0].namespace"],
            ),
        ] {
            check(&create("apps.karmada.io", "workloadrebalancers", json!({"spec": spec})), &want);
        }
    }
}
