//! Amounts of resources by name, and what a pod requests of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use windlass_api::quantity::Quantity;

pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// The amounts that are quantities; the API server lets no others in.
pub(crate) fn parse(texts: &BTreeMap<String, Text>) -> Amounts {
    texts.iter().filter_map(|(name, text)| Some((name.clone(), Quantity::try_from(text).ok()?))).collect()
}

pub(crate) fn get(amounts: &Amounts, name: &str) -> Quantity {
    amounts.get(name).copied().unwrap_or(Quantity::ZERO)
}

pub(crate) fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = get(to, name).plus(*amount);
        to.insert(name.clone(), sum);
    }
}

pub(crate) fn subtract(from: &mut Amounts, less: &Amounts) {
    for (name, amount) in less {
        let rest = get(from, name).minus(*amount);
        from.insert(name.clone(), rest);
    }
}

/// What a pod requests: its containers and sidecars together, or the most that starting it needs at once where that
/// is more, and its overhead. A limit without a request is a request.
pub(crate) fn pod_requests(spec: &PodSpec) -> Amounts {
    let of = |resources: &ResourceRequirements| {
        let mut requests = resources.limits.as_ref().map(parse).unwrap_or_default();
        requests.extend(resources.requests.as_ref().map(parse).unwrap_or_default());
        requests
    };
    let mut total = pod_total(spec, of);
    if let Some(overhead) = &spec.overhead {
        add(&mut total, &parse(overhead));
    }
    total
}

/// What a pod is limited to, reckoned as its requests are.
pub(crate) fn pod_limits(spec: &PodSpec) -> Amounts {
    pod_total(spec, |resources| resources.limits.as_ref().map(parse).unwrap_or_default())
}

fn pod_total(spec: &PodSpec, of: impl Fn(&ResourceRequirements) -> Amounts) -> Amounts {
    let of = |container: &Container| container.resources.as_ref().map(&of).unwrap_or_default();
    let mut total = Amounts::new();
    for container in &spec.containers {
        add(&mut total, &of(container));
    }
    let mut sidecars = Amounts::new();
    let mut starting = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let mut need = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut total, &need);
            add(&mut sidecars, &need);
            need.clone_from(&sidecars);
        } else {
            add(&mut need, &sidecars);
        }
        raise(&mut starting, &need);
    }
    raise(&mut total, &starting);
    total
}

fn raise(to: &mut Amounts, at_least: &Amounts) {
    for (name, amount) in at_least {
        if *amount > get(to, name) {
            to.insert(name.clone(), *amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cpu(spec: Value) -> String {
        get(&pod_requests(&serde_json::from_value(spec).unwrap()), "cpu").to_string()
    }

    fn container(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn containers_add_up_and_starting_counts_at_its_peak() {
        assert_eq!(cpu(json!({"containers": [container("1"), container("500m")]})), "1500m");
        assert_eq!(
            cpu(json!({"containers": [container("1")], "initContainers": [container("3"), container("2")]})),
            "3"
        );
        let mut sidecar = container("1");
        sidecar["restartPolicy"] = json!("Always");
        assert_eq!(
            cpu(json!({"containers": [container("1")], "initContainers": [sidecar, container("3")]})),
            "4"
        );
        assert_eq!(cpu(json!({"containers": [container("1")], "overhead": {"cpu": "250m"}})), "1250m");
    }

    #[test]
    fn a_limit_alone_is_a_request() {
        let spec = json!({"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]});
        assert_eq!(cpu(spec), "2");
    }
}
