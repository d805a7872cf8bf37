//! What a pod requires of a node, as Karmada counts it.

use std::collections::BTreeMap;

use super::pod::{Container, PodSpec, PodTemplate};
use super::resources::ResourceList;
use super::scheduling::NodeClaim;
use crate::answer::Requirements;
use crate::quantity::{Notation, Quantity};

/// What each pod of `template` requires; `None` where it is nothing in particular.
pub fn pod_requirements<'a>(template: &PodTemplate<'a>) -> Option<Requirements<'a>> {
    let node_claim = node_claim(&template.spec);
    let resource_request = pod_resources(&template.spec);
    (node_claim.is_some() || !resource_request.is_empty()).then(|| Requirements {
        node_claim,
        resource_request,
        namespace: template.metadata.namespace.clone(),
        priority_class_name: template.spec.priority_class_name.clone(),
    })
}

/// Which nodes the pod may run on; `None` where it may run on any.
pub fn node_claim<'a>(spec: &PodSpec<'a>) -> Option<NodeClaim<'a>> {
    let claim = NodeClaim {
        hard_node_affinity: spec
            .affinity
            .node_affinity
            .required_during_scheduling_ignored_during_execution
            .clone(),
        node_selector: spec.node_selector.clone(),
        tolerations: spec.tolerations.clone(),
    };
    let any_node =
        claim.hard_node_affinity.is_none() && claim.node_selector.is_empty() && claim.tolerations.is_empty();
    (!any_node).then_some(claim)
}

/// What the pod requests: the sum over its containers, or what one init container requests where that is more, and
/// the overhead. What a container has a limit of and no request, it requests up to its limit.
///
/// As in Karmada, an init container that goes on running (a sidecar) counts like any other. Resources that the
/// scheduler doesn't count (`example` without a domain, say) are left out.
pub fn pod_resources<'a>(spec: &PodSpec<'_>) -> ResourceList<'a> {
    let mut amounts: BTreeMap<&str, i64> = BTreeMap::new();
    for container in &spec.containers {
        for (name, quantity) in requests(container) {
            add(&mut amounts, name, quantity);
        }
    }
    for container in &spec.init_containers {
        for (name, quantity) in requests(container) {
            if let Some(amount) = counted(name, quantity) {
                let highest = amounts.entry(name).or_default();
                *highest = amount.max(*highest);
            }
        }
    }
    for (name, quantity) in spec.overhead.iter() {
        add(&mut amounts, name, quantity);
    }
    amounts
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .fold(ResourceList::default(), |list, (name, amount)| {
            list.with(name.to_owned(), printed(name, amount))
        })
}

/// The requests of a container, and its limits where it requests nothing.
fn requests<'s>(container: &'s Container<'_>) -> impl Iterator<Item = (&'s str, &'s Quantity)> {
    let resources = &container.resources;
    let unrequested = resources.limits.iter().filter(|(name, _)| resources.requests.get(name).is_none());
    resources.requests.iter().chain(unrequested)
}

fn add<'s>(amounts: &mut BTreeMap<&'s str, i64>, name: &'s str, quantity: &Quantity) {
    if let Some(amount) = counted(name, quantity) {
        let sum = amounts.entry(name).or_default();
        *sum = sum.saturating_add(amount);
    }
}

/// The amount in the unit that the resource is counted in.
fn counted(name: &str, quantity: &Quantity) -> Option<i64> {
    match name {
        "cpu" => Some(quantity.milli_value()),
        "memory" | "pods" | "ephemeral-storage" => Some(quantity.value()),
        _ => is_scalar(name).then(|| quantity.value()),
    }
}

fn printed(name: &str, amount: i64) -> Quantity {
    match name {
        "cpu" => Quantity::from_milli(amount),
        "memory" | "ephemeral-storage" => Quantity::new(amount, Notation::Binary),
        _ if name.starts_with("hugepages-") => Quantity::new(amount, Notation::Binary),
        _ => Quantity::new(amount, Notation::Decimal),
    }
}

/// Whether the scheduler counts this resource besides those it knows by name.
fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || name.contains("kubernetes.io/")
        || is_extended(name)
}

/// A resource of somebody's own: `example.com/gpu`.
fn is_extended(name: &str) -> bool {
    let Some((domain, resource)) = name.split_once('/') else { return false };
    // Quotas name it `requests.example.com/gpu`, which has to fit too.
    let domain_fits = !domain.is_empty()
        && domain.len() + "requests.".len() <= 253
        && domain.split('.').all(|label| {
            let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|c| inner(*c))
                && bytes.last().is_some_and(|c| inner(*c))
                && bytes.iter().all(|c| inner(*c) || *c == b'-')
        });
    let bytes = resource.as_bytes();
    let resource_fits = (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'));
    !name.starts_with("requests.") && domain_fits && resource_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse, write};

    fn check(template: &str, requirements: &str) {
        let template: PodTemplate<'_> = parse(template).unwrap();
        assert_eq!(pod_requirements(&template).as_ref().map_or_else(String::new, write), requirements);
    }

    #[test]
    fn containers_add_up_and_init_containers_compete() {
        check(
            r#"{"spec": {
                "containers": [
                    {"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "example.com/gpu": 2}}},
                    {"resources": {"limits": {"cpu": "0.2", "memory": "64Mi"}}}],
                "initContainers": [{"resources": {"requests": {"cpu": "250m", "memory": "1Mi", "hugepages-2Mi": "4Mi"}}}],
                "overhead": {"cpu": "10m"}}}"#,
            r#"{"resourceRequest":{"cpu":"310m","example.com/gpu":"2","hugepages-2Mi":"4Mi","memory":"128Mi"}}"#,
        );
    }

    #[test]
    fn what_the_scheduler_does_not_count_is_left_out() {
        check(
            r#"{"spec": {"containers": [{"resources": {"requests":
                {"cpu": "0", "storage": "1Gi", "requests.example.com/a": 1, "-bad/a": 1, "UP.com/a": 1}}}]}}"#,
            "",
        );
        check(
            r#"{"spec": {"containers": [{"resources": {"requests": {"kubernetes.io/x": 1, "a.b/C_d.e": "1500"}}}]}}"#,
            r#"{"resourceRequest":{"a.b/C_d.e":"1500","kubernetes.io/x":"1"}}"#,
        );
    }

    #[test]
    fn the_place_is_part_of_what_is_required() {
        check(
            r#"{"spec": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a", "operator": "Exists"}],
                "priorityClassName": "high",
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
                    [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}}}}"#,
            concat!(
                r#"{"nodeClaim":{"hardNodeAffinity":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","#,
                r#""operator":"In","values":["a"]}]}]},"nodeSelector":{"disk":"ssd"},"#,
                r#""tolerations":[{"key":"a","operator":"Exists"}]},"priorityClassName":"high"}"#
            ),
        );
        check(r#"{"spec": {"priorityClassName": "high"}}"#, "");
    }
}
