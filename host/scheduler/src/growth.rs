//! What components need more than they needed when they were placed.

use windlass_api::quantity::Quantity;
use windlass_api::work::{Component, ResourceBindingSpec};

use crate::workload::{Need, Workload};

/// What `now` needs beyond `held`: pods that are more, and what each pod requests more. Empty: nothing. What was held
/// and makes no sense counts as nothing.
pub(crate) fn growth(held: &[Component], now: &[Need]) -> Vec<Need> {
    let spec = ResourceBindingSpec { components: held.to_vec(), ..ResourceBindingSpec::default() };
    let held = match Workload::of(&spec) {
        Ok(Workload::Components(held)) => held,
        _ => Vec::new(),
    };
    let mut more = Vec::new();
    for need in now {
        let before = held.iter().find(|before| before.name == need.name);
        // Pods that may run elsewhere than they could before are new pods.
        let Some(before) = before.filter(|before| before.claim == need.claim) else {
            more.push(need.clone());
            continue;
        };
        more.push(Need { replicas: need.replicas.saturating_sub(before.replicas), ..need.clone() });
        let mut request = need.request.clone();
        request.subtract(&before.request);
        let request = request.positive().collect::<Vec<(&str, Quantity)>>().into_iter().collect();
        more.push(Need { replicas: need.replicas.min(before.replicas), request, ..need.clone() });
        // A pod that only changes its size has a slot: what grew by nothing is no need.
        if more.last().is_some_and(|grown| grown.request.positive().next().is_none()) {
            more.pop();
        }
    }
    more.retain(|need| need.replicas > 0);
    more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::need;
    use serde_json::{Value, json};

    fn held(components: Value) -> Vec<Component> {
        serde_json::from_value(components).unwrap()
    }

    #[test]
    fn only_what_is_more_is_needed() {
        let before = held(json!([
            {"name": "jm", "replicas": 1, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}},
            {"name": "tm", "replicas": 4, "replicaRequirements": {"resourceRequest": {"cpu": "2", "memory": "1Gi"}}}]));
        let now = |tm: i64, cpu: &str, memory: &str| {
            [need("jm", 1, &[("cpu", "1")]), need("tm", tm, &[("cpu", cpu), ("memory", memory)])]
        };
        assert_eq!(growth(&before, &now(4, "2", "1Gi")), []);
        assert_eq!(growth(&before, &now(2, "1", "1Gi")), []);
        let more = growth(&before, &now(6, "2", "1Gi"));
        assert_eq!(more, [need("tm", 2, &[("cpu", "2"), ("memory", "1Gi")])]);
        let larger = growth(&before, &now(4, "3", "512Mi"));
        assert_eq!(larger, [need("tm", 4, &[("cpu", "1")])]);
        let both = growth(&before, &now(5, "3", "1Gi"));
        assert_eq!(both, [need("tm", 1, &[("cpu", "3"), ("memory", "1Gi")]), need("tm", 4, &[("cpu", "1")])]);
        assert_eq!(growth(&[], &[need("new", 1, &[])]), [need("new", 1, &[])]);
    }
}
