//! ResourceBinding and ClusterResourceBinding.

use std::collections::BTreeSet;

use serde_json::Value;
use windlass_api::config::DependentObjectReference;
use windlass_api::labels;
use windlass_api::work::ResourceBindingSpec;
use windlass_core::AdmissionRequest;

use super::{placement, read};
use crate::causes::{Causes, quoted};

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    let key = labels::RESOURCE_BINDING_DEPENDENCIES;
    let dependencies = request.object.pointer("/metadata/annotations").and_then(|all| all.get(key));
    if let Some(text) = dependencies.and_then(Value::as_str)
        && serde_json::from_str::<Vec<DependentObjectReference>>(text).is_err()
    {
        causes.invalid(
            format!("metadata.annotations[{key}]"),
            quoted(text),
            "annotation value must be a valid JSON",
        );
    }
    let Some(spec) = read::<ResourceBindingSpec>(&request.object, "spec", causes) else { return };
    let mut names = BTreeSet::new();
    for (index, component) in spec.components.iter().enumerate() {
        let at = format!("spec.components[{index}]");
        if component.name.is_empty() {
            causes.invalid(format!("{at}.name"), "\"\"", "component names must be non-empty");
        } else if !names.insert(component.name.as_str()) {
            causes.invalid(format!("{at}.name"), quoted(&component.name), "component names must be unique");
        }
        if component.replicas < 0 {
            causes.invalid(
                format!("{at}.replicas"),
                component.replicas,
                "must be greater than or equal to 0",
            );
        }
    }
    let mut clusters = BTreeSet::new();
    for (index, cluster) in spec.clusters.iter().enumerate() {
        if !clusters.insert(cluster.name.as_str()) {
            causes.duplicate(format!("spec.clusters[{index}].name"), quoted(&cluster.name));
        }
        if cluster.replicas < 0 {
            let field = format!("spec.clusters[{index}].replicas");
            causes.invalid(field, cluster.replicas, "must be greater than or equal to 0");
        }
    }
    if let Some(wanted) = &spec.placement {
        placement::validate(wanted, "spec.placement", causes);
    }
    if let Some(failover) = &spec.failover {
        placement::failover(failover, "spec.failover", causes);
    }
    if let Some(suspension) = &spec.suspension {
        let clusters = suspension.dispatching_on_clusters.as_ref().map_or(0, |on| on.cluster_names.len());
        placement::suspension(suspension.dispatching, clusters, "spec.suspension", causes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use super::*;
    use serde_json::json;

    #[test]
    fn bindings_are_refused_by_field() {
        let component = |name: &str, replicas: i32| json!({"name": name, "replicas": replicas});
        for (spec, annotation, want) in [
            (json!({}), "[]", vec![]),
            (json!({}), "{", vec!["metadata.annotations[resourcebinding.karmada.io/dependencies]"]),
            (
                json!({"components": [component("a", 1), component("a", 1), component("", -1)]}),
                "[]",
                vec!["spec.components[1].name", "spec.components[2].name", "spec.components[2].replicas"],
            ),
            (
                json!({"clusters": [{"name": "m1"}, {"name": "m1", "replicas": -2}]}),
                "[]",
                vec!["spec.clusters[1].name", "spec.clusters[1].replicas"],
            ),
            (
                json!({"placement": {"spreadConstraints": [{"spreadByField": "zone", "minGroups": 1}]}}),
                "[]",
                vec!["spec.placement.spreadConstraints"],
            ),
        ] {
            let mut object = json!({"metadata": {"annotations": {labels::RESOURCE_BINDING_DEPENDENCIES: annotation}},
                "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
            for (key, value) in spec.as_object().unwrap() {
                object["spec"][key] = value.clone();
            }
            check(&create("work.karmada.io", "resourcebindings", object), &want);
        }
    }
}
