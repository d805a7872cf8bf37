//! What a control plane has to be told so that it asks us: the rules of a ResourceInterpreterWebhookConfiguration.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_api::config::{ResourceInterpreterWebhook, RuleWithOperations};
use windlass_core::{Gvk, Operation};

use super::answer::API_VERSION;

/// The operations of Karmada's protocol.
pub const OPERATIONS: [Operation; 8] = [
    Operation::InterpretReplica,
    Operation::InterpretComponent,
    Operation::ReviseReplica,
    Operation::Retain,
    Operation::AggregateStatus,
    Operation::InterpretDependency,
    Operation::InterpretStatus,
    Operation::InterpretHealth,
];

/// The rules that cover just these operations of these kinds: one for each version of a group and set of operations.
/// What is not of the protocol is left out, and so are the components of what can be given replicas: Karmada takes
/// components before replicas where it may ask for either, and never divides them.
pub fn rules(offered: impl IntoIterator<Item = (Gvk, Operation)>) -> Vec<RuleWithOperations> {
    let mut by_kind: BTreeMap<Gvk, Vec<Operation>> = BTreeMap::new();
    for (gvk, operation) in offered {
        let operations = by_kind.entry(gvk).or_default();
        if OPERATIONS.contains(&operation) && !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    let mut rules: BTreeMap<(String, String, Vec<Operation>), Vec<String>> = BTreeMap::new();
    for (Gvk { group, version, kind }, mut operations) in by_kind {
        if operations.contains(&Operation::ReviseReplica) {
            operations.retain(|operation| *operation != Operation::InterpretComponent);
        }
        operations.sort_unstable();
        if !operations.is_empty() {
            rules.entry((group, version, operations)).or_default().push(kind);
        }
    }
    let rule = |((group, version, operations), kinds): ((_, _, Vec<Operation>), _)| RuleWithOperations {
        operations: operations.into_iter().map(|operation| operation.name().to_owned()).collect(),
        api_groups: vec![group],
        api_versions: vec![version],
        kinds,
    };
    rules.into_iter().map(rule).collect()
}

/// A ResourceInterpreterWebhookConfiguration, as one applies it.
pub fn document(name: &str, webhook: &ResourceInterpreterWebhook) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "ResourceInterpreterWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_replicas_to_divide_is_not_asked_for_components() {
        use Operation::{InterpretComponent, InterpretReplica, ReviseReplica};
        let of = |kind, operation| (Gvk::new("example.io/v1", kind), operation);
        let rules = rules([
            of("Plain", InterpretReplica),
            of("Plain", InterpretComponent),
            of("Plain", ReviseReplica),
            of("Parts", InterpretReplica),
            of("Parts", InterpretComponent),
        ]);
        let seen: Vec<_> =
            rules.iter().map(|rule| (rule.operations.join(","), rule.kinds.join(","))).collect();
        let want =
            [("InterpretReplica,InterpretComponent", "Parts"), ("InterpretReplica,ReviseReplica", "Plain")];
        assert_eq!(seen, want.map(|(operations, kinds)| (operations.to_owned(), kinds.to_owned())));
    }

    #[test]
    fn kinds_that_are_asked_alike_share_a_rule() {
        use Operation::{InterpretHealth, InterpretReplica, PreserveState};
        let gvk = |kind| Gvk::new("example.io/v1", kind);
        let rules = rules([
            (gvk("B"), InterpretHealth),
            (gvk("B"), InterpretReplica),
            (gvk("A"), InterpretReplica),
            (gvk("A"), InterpretHealth),
            (gvk("A"), InterpretHealth),
            (gvk("C"), InterpretHealth),
            (gvk("D"), PreserveState),
        ]);
        let seen: Vec<_> =
            rules.iter().map(|rule| (rule.operations.join(","), rule.kinds.join(","))).collect();
        let want = [("InterpretReplica,InterpretHealth", "A,B"), ("InterpretHealth", "C")];
        assert_eq!(seen, want.map(|(operations, kinds)| (operations.to_owned(), kinds.to_owned())));
    }
}
