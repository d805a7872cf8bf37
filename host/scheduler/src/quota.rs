//! A member's ResourceQuota, as far as it decides on what fits.

use k8s_openapi::api::core::v1::{ResourceQuota, ScopedResourceSelectorRequirement};

use crate::resources::Resources;
use crate::workload::Need;

/// A ResourceQuota: what its namespace may use, and uses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quota {
    pub name: String,
    /// What is enforced, by the quota's own names: `cpu` or `requests.cpu`, `pods`, ...
    pub hard: Resources,
    /// What is used, by the same names.
    pub used: Resources,
    /// Which pods count: those for which all of these hold.
    pub scopes: Vec<ScopedResourceSelectorRequirement>,
}

impl Quota {
    /// Reads a quota. Before its controller has seen it, its spec says what is enforced.
    pub fn new(quota: &ResourceQuota) -> Quota {
        let spec = quota.spec.clone().unwrap_or_default();
        let status = quota.status.clone().unwrap_or_default();
        let plain =
            spec.scopes.unwrap_or_default().into_iter().map(|scope| ScopedResourceSelectorRequirement {
                scope_name: scope,
                operator: "Exists".to_owned(),
                values: None,
            });
        let selected =
            spec.scope_selector.and_then(|selector| selector.match_expressions).unwrap_or_default();
        Quota {
            name: quota.metadata.name.clone().unwrap_or_default(),
            hard: Resources::reported(&status.hard.or(spec.hard).unwrap_or_default()),
            used: Resources::reported(&status.used.unwrap_or_default()),
            scopes: plain.chain(selected).collect(),
        }
    }

    /// Whether the quota counts such pods. What a binding does not tell of a pod (a deadline, affinity across
    /// namespaces) is taken not to be there.
    pub(crate) fn counts(&self, need: &Need) -> bool {
        self.scopes.iter().all(|scope| {
            let best_effort = need.request.positive().next().is_none();
            match scope.scope_name.as_str() {
                "PriorityClass" => priority_class_matches(scope, &need.priority_class),
                "BestEffort" => best_effort,
                "NotBestEffort" => !best_effort,
                "NotTerminating" => true,
                _ => false,
            }
        })
    }
}

fn priority_class_matches(scope: &ScopedResourceSelectorRequirement, class: &str) -> bool {
    let listed = scope.values.iter().flatten().any(|value| value == class);
    match scope.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => !class.is_empty(),
        "DoesNotExist" => class.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn quota(spec: serde_json::Value) -> Quota {
        Quota::new(&serde_json::from_value(json!({"metadata": {"name": "q"}, "spec": spec})).unwrap())
    }

    #[test]
    fn a_quota_counts_pods_for_which_all_its_scopes_hold() {
        let need = |class: &str| Need { priority_class: class.to_owned(), ..Need::default() };
        assert!(quota(json!({})).counts(&need("")));
        let high = quota(json!({"scopeSelector": {"matchExpressions":
            [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}}));
        assert!(high.counts(&need("high")) && !high.counts(&need("low")) && !high.counts(&need("")));
        let any = quota(json!({"scopes": ["PriorityClass"]}));
        assert!(any.counts(&need("low")) && !any.counts(&need("")));
        let both = quota(json!({"scopes": ["PriorityClass", "NotBestEffort"]}));
        assert!(!both.counts(&need("low")));
        assert!(!quota(json!({"scopes": ["Terminating"]})).counts(&need("")));
    }
}
