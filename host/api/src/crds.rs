//! The CustomResourceDefinitions of all kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;
use serde_json::{Value, json};

use crate::{apps, cluster, config, plugin, policy, work};

/// The definitions of all kinds of the API, in the form in which an API server takes them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [
        policy::PropagationPolicy::crd(),
        policy::ClusterPropagationPolicy::crd(),
        policy::OverridePolicy::crd(),
        policy::ClusterOverridePolicy::crd(),
        policy::FederatedResourceQuota::crd(),
        work::Work::crd(),
        work::ResourceBinding::crd(),
        work::ClusterResourceBinding::crd(),
        cluster::Cluster::crd(),
        apps::WorkloadRebalancer::crd(),
        config::ResourceInterpreterCustomization::crd(),
        config::ResourceInterpreterWebhookConfiguration::crd(),
        plugin::Plugin::crd(),
    ]
    .into_iter()
    .map(as_kubernetes_writes_it)
    .collect()
}

/// Aligns what kube derives with what Kubernetes' own generator writes: the object's head is declared, and an absent
/// field and `null` are two things, of which only the first is allowed.
fn as_kubernetes_writes_it(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.spec.names.list_kind.get_or_insert_with(|| format!("{}List", crd.spec.names.kind));
    let mut json = serde_json::to_value(crd).expect("a definition is JSON");
    for version in json.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::Object(schema)) = version.pointer_mut("/schema/openAPIV3Schema") {
            schema.remove("title");
            if let Some(properties) = schema.get_mut("properties") {
                properties["apiVersion"] = json!({"type": "string", "description": "The group and version of this form of the object."});
                properties["kind"] = json!({"type": "string", "description": "The kind of the object."});
                properties["metadata"] = json!({"type": "object"});
            }
            schema.values_mut().for_each(remove_nullable);
        }
    }
    serde_json::from_value(json).expect("the definition is still one")
}

fn remove_nullable(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A property may be called `nullable`; the keyword is a boolean, a property an object.
            if fields.get("nullable").is_some_and(Value::is_boolean) {
                fields.remove("nullable");
            }
            fields.values_mut().for_each(remove_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nullable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema_of(name: &str) -> Value {
        let crd = crds().into_iter().find(|crd| crd.metadata.name.as_deref() == Some(name)).unwrap();
        serde_json::to_value(&crd.spec.versions[0].schema).unwrap()["openAPIV3Schema"].take()
    }

    #[test]
    fn every_definition_is_structural_and_names_itself() {
        for crd in crds() {
            let name = crd.metadata.name.clone().unwrap();
            assert_eq!(name, format!("{}.{}", crd.spec.names.plural, crd.spec.group));
            assert_eq!(crd.spec.versions.len(), 1);
            let text = serde_json::to_string(&crd).unwrap();
            for keyword in ["\"$ref\"", "\"nullable\"", "\"oneOf\"", "\"definitions\""] {
                assert!(!text.contains(keyword), "{name} has {keyword}");
            }
        }
    }

    #[test]
    fn cluster_scoped_twins_differ_only_in_name_and_scope() {
        let crds = crds();
        let of = |kind: &str| crds.iter().find(|crd| crd.spec.names.kind == kind).unwrap();
        for kind in ["PropagationPolicy", "OverridePolicy", "ResourceBinding"] {
            let (one, twin) = (of(kind), of(&format!("Cluster{kind}")));
            assert_eq!((one.spec.scope.as_str(), twin.spec.scope.as_str()), ("Namespaced", "Cluster"));
            assert_eq!(twin.spec.names.short_names.as_deref().unwrap()[0].chars().next(), Some('c'));
            let fields = |crd: &CustomResourceDefinition| {
                serde_json::to_value(&crd.spec.versions[0].schema).unwrap()["openAPIV3Schema"]["properties"]["spec"].take()
            };
            assert_eq!(fields(one), fields(twin));
        }
    }

    #[test]
    fn validation_and_defaults_are_karmadas() {
        let policy = schema_of("propagationpolicies.policy.karmada.io");
        let spec = &policy["properties"]["spec"];
        assert_eq!(spec["required"], json!(["resourceSelectors"]));
        assert_eq!(spec["properties"]["resourceSelectors"]["minItems"], 1);
        let conflict = &spec["properties"]["conflictResolution"];
        assert_eq!(
            (&conflict["default"], &conflict["enum"]),
            (&json!("Abort"), &json!(["Abort", "Overwrite"]))
        );
        let placement = &spec["properties"]["placement"]["properties"];
        let weight = &placement["replicaScheduling"]["properties"]["weightPreference"]["properties"]["staticWeightList"];
        assert_eq!(weight["items"]["properties"]["weight"]["minimum"].as_f64(), Some(1.0));
        let term = &placement["clusterAffinities"]["items"]["properties"];
        let overflow = &term["overflowAffinities"]["items"];
        assert_eq!(overflow["required"], json!(["affinityName"]));
        assert_eq!(
            overflow["properties"]["affinityName"],
            json!({"type": "string", "minLength": 1, "maxLength": 32,
            "description": overflow["properties"]["affinityName"]["description"]})
        );
        assert_eq!(overflow["properties"]["labelSelector"], term["labelSelector"]);
        let beside = &placement["workloadAffinity"]["properties"]["antiAffinity"];
        assert_eq!(beside["required"], json!(["groupByLabelKey"]));
        let preemption = &spec["properties"]["schedulePriority"]["properties"]["preemption"];
        assert_eq!(preemption["enum"], json!(["PreemptLowerPriority", "Never"]));

        let binding = schema_of("resourcebindings.work.karmada.io");
        let request = &binding["properties"]["spec"]["properties"]["replicaRequirements"]["properties"]["resourceRequest"];
        assert_eq!(request["additionalProperties"]["x-kubernetes-int-or-string"], true);
        let status = &binding["properties"]["status"]["properties"]["aggregatedStatus"]["items"]["properties"]
            ["status"];
        assert_eq!(status["x-kubernetes-preserve-unknown-fields"], true);
    }
}
