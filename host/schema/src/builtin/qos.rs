//! The quality of service that a pod gets by the requests and limits of its containers.

use serde_json::Value;

use super::quantity;
use super::walk::at;

/// The resources that decide.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`, of a PodSpec.
pub(super) fn class(spec: &Value) -> &'static str {
    // What is said of the pod as a whole goes before what its containers say.
    if !at(spec, "resources").is_null() {
        return of(&[&spec["resources"]]);
    }
    let containers = ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| spec[list].as_array().into_iter().flatten())
        .map(|container| &container["resources"]);
    of(&containers.collect::<Vec<_>>())
}

fn of(resources: &[&Value]) -> &'static str {
    let amount = |resources: &Value, part: &str, name: &str| {
        quantity::milli_of(resources[part][name].as_str().unwrap_or_default()).filter(|milli| *milli > 0)
    };
    let says = |resources: &&&Value| {
        let parts = ["requests", "limits"].into_iter();
        parts.flat_map(|part| COUNTED.map(|name| amount(resources, part, name))).any(|found| found.is_some())
    };
    if !resources.iter().any(|one| says(&one)) {
        return "BestEffort";
    }
    let guaranteed = resources.iter().all(|one| {
        COUNTED.iter().all(|name| {
            let limit = amount(one, "limits", name);
            limit.is_some() && amount(one, "requests", name).is_none_or(|request| Some(request) == limit)
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_of_everything_guarantee() {
        let check = |resources: Value, expected: &str| {
            assert_eq!(class(&json!({"containers": [{"resources": resources}]})), expected, "{resources}");
        };
        check(json!({}), "BestEffort");
        check(json!({"requests": {"example.com/gpu": "1"}}), "BestEffort");
        check(json!({"requests": {"cpu": "1"}}), "Burstable");
        check(json!({"limits": {"cpu": "1"}}), "Burstable");
        check(json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed");
        check(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}), "Burstable");
        check(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}), "Guaranteed");
    }
}
