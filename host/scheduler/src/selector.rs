//! Selectors, taints and tolerations, as Kubernetes matches them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

type Labels = BTreeMap<String, String>;

/// Whether the labels match; a selector with an unknown operator matches nothing.
pub(crate) fn labels_match(selector: &LabelSelector, labels: &Labels) -> bool {
    let pairs = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    pairs.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|expression| {
            let values = expression.values.as_deref().unwrap_or_default();
            value_matches(&expression.operator, values, labels.get(&expression.key).map(String::as_str))
        })
}

/// Whether a label's or field's value satisfies a requirement.
pub(crate) fn value_matches(operator: &str, values: &[String], value: Option<&str>) -> bool {
    let listed = || value.is_some_and(|value| values.iter().any(|listed| listed == value));
    match operator {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" | "Lt" => {
            let number = |text: &str| text.parse::<i64>().ok();
            match (value.and_then(number), values.first().map(String::as_str).and_then(number)) {
                (Some(value), Some(bound)) if operator == "Gt" => value > bound,
                (Some(value), Some(bound)) => value < bound,
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether one of the terms selects the node.
pub(crate) fn node_matches(selector: &NodeSelector, name: &str, labels: &Labels) -> bool {
    selector.node_selector_terms.iter().any(|term| term_matches(term, name, labels))
}

fn term_matches(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let labels_required = term.match_expressions.as_deref().unwrap_or_default();
    let fields_required = term.match_fields.as_deref().unwrap_or_default();
    // A term that requires nothing selects nothing.
    if labels_required.is_empty() && fields_required.is_empty() {
        return false;
    }
    let holds = |requirement: &NodeSelectorRequirement, value: Option<&str>| {
        value_matches(&requirement.operator, requirement.values.as_deref().unwrap_or_default(), value)
    };
    labels_required
        .iter()
        .all(|requirement| holds(requirement, labels.get(&requirement.key).map(String::as_str)))
        && fields_required
            .iter()
            .all(|requirement| holds(requirement, (requirement.key == "metadata.name").then_some(name)))
}

/// The first taint that keeps away what has only these tolerations.
pub(crate) fn untolerated<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Option<&'a Taint> {
    taints
        .iter()
        .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
        .find(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    if (!effect.is_empty() && effect != taint.effect) || (!key.is_empty() && key != taint.key) {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or_default() {
        "Exists" => true,
        // Without a key only Exists tolerates everything.
        "" | "Equal" => {
            !key.is_empty()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        _ => false,
    }
}

/// `key=value:effect`, as kubectl writes taints.
pub(crate) fn taint_text(taint: &Taint) -> String {
    match taint.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{}={value}:{}", taint.key, taint.effect),
        _ => format!("{}:{}", taint.key, taint.effect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements_match_as_in_kubernetes() {
        let values = vec!["a".to_owned(), "5".to_owned()];
        for (operator, value, want) in [
            ("In", Some("a"), true),
            ("In", None, false),
            ("NotIn", Some("b"), true),
            ("NotIn", None, true),
            ("NotIn", Some("a"), false),
            ("Exists", Some("x"), true),
            ("DoesNotExist", None, true),
            ("DoesNotExist", Some("x"), false),
            ("Near", Some("a"), false),
        ] {
            assert_eq!(value_matches(operator, &values, value), want, "{operator} {value:?}");
        }
        let five = vec!["5".to_owned()];
        assert!(value_matches("Gt", &five, Some("6")) && !value_matches("Gt", &five, Some("5")));
        assert!(value_matches("Lt", &five, Some("4")) && !value_matches("Lt", &five, Some("x")));
    }

    #[test]
    fn a_term_that_requires_nothing_selects_nothing() {
        let selector: NodeSelector = serde_json::from_value(json!({"nodeSelectorTerms": [{},
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]}))
        .unwrap();
        assert!(node_matches(&selector, "n1", &Labels::new()));
        assert!(!node_matches(&selector, "n2", &Labels::new()));
    }

    #[test]
    fn a_taint_is_tolerated_by_key_value_and_effect() {
        let taints: Vec<Taint> = serde_json::from_value(json!([
            {"key": "soft", "effect": "PreferNoSchedule"}, {"key": "k", "value": "v", "effect": "NoSchedule"}]))
        .unwrap();
        let check = |toleration: serde_json::Value| {
            let tolerations: Vec<Toleration> = serde_json::from_value(json!([toleration])).unwrap();
            untolerated(&taints, &tolerations).is_none()
        };
        assert!(check(json!({"operator": "Exists"})));
        assert!(check(json!({"key": "k", "value": "v"})));
        assert!(check(json!({"key": "k", "operator": "Exists", "effect": "NoSchedule"})));
        assert!(!check(json!({"key": "k", "value": "w"})));
        assert!(!check(json!({"key": "k", "operator": "Exists", "effect": "NoExecute"})));
        assert!(!check(json!({"value": "v"})));
        assert_eq!(taint_text(&taints[1]), "k=v:NoSchedule");
    }
}
