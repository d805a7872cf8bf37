//! Which policy a template belongs to: pure, and exactly as Karmada decides it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};
use windlass_api::labels;
use windlass_api::policy::{PreemptionBehavior, ResourceSelector};

use crate::index::{Key, Policy, Template};
use crate::marks;

/// How closely a selector matches: a name is closer than labels, and labels than everything of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    All,
    Labels,
    Name,
}

/// What becomes of a template.
#[derive(Clone, Debug)]
pub(crate) enum Claim {
    /// This policy has it, or gets it now.
    By(Arc<Policy>),
    /// No policy wants it, and none has it.
    Nobody,
    /// The policy that has it is being deleted: its marks go first.
    Wait,
}

/// The policy a template says that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimant {
    /// Without a namespace for a cluster-wide policy.
    pub(crate) policy: Key,
    pub(crate) id: String,
}

/// The policy whose marks the template has.
pub(crate) fn claimant(template: &Template) -> Option<Claimant> {
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let of_namespace = || {
        Some(Claimant {
            policy: Key {
                namespace: text(template.annotation(labels::PROPAGATION_POLICY_NAMESPACE))?,
                name: text(template.annotation(labels::PROPAGATION_POLICY_NAME))?,
            },
            id: text(template.label(labels::PROPAGATION_POLICY_PERMANENT_ID))?,
        })
    };
    let of_cluster = || {
        Some(Claimant {
            policy: Key::new("", template.annotation(labels::CLUSTER_PROPAGATION_POLICY_NAME)?),
            id: text(template.label(labels::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID))?,
        })
    };
    of_namespace().or_else(of_cluster)
}

/// Decides by the policies of the template's namespace and the cluster-wide ones.
pub(crate) fn decide(template: &Template, namespaced: &[Arc<Policy>], cluster_wide: &[Arc<Policy>]) -> Claim {
    let claimed = claimant(template).and_then(|claimant| {
        let policies = if claimant.policy.namespace.is_empty() { cluster_wide } else { namespaced };
        policies.iter().find(|policy| Key::of(&policy.metadata) == claimant.policy)
    });
    if let Some(policy) = claimed {
        if policy.metadata.deletion_timestamp.is_some() {
            return Claim::Wait;
        }
        if closeness(template, policy).is_some() {
            return Claim::By(
                preempting(template, policy, namespaced, cluster_wide).unwrap_or_else(|| policy.clone()),
            );
        }
    }
    best(template, namespaced, |_| true)
        .or_else(|| best(template, cluster_wide, |_| true))
        .map_or(Claim::Nobody, Claim::By)
}

/// The policy that takes the template over from `policy`, if one does: any of the namespace takes from a
/// cluster-wide one; among their like, only those of higher priority.
fn preempting(
    template: &Template,
    policy: &Policy,
    namespaced: &[Arc<Policy>],
    cluster_wide: &[Arc<Policy>],
) -> Option<Arc<Policy>> {
    let always = |policy: &Policy| policy.spec.preemption == Some(PreemptionBehavior::Always);
    let higher = |other: &Policy| always(other) && priority(other) > priority(policy);
    if policy.metadata.namespace.is_some() {
        best(template, namespaced, higher)
    } else {
        best(template, namespaced, always).or_else(|| best(template, cluster_wide, higher))
    }
}

/// The policy that wins among those that match: by priority, then by closeness, then by name.
fn best(
    template: &Template,
    policies: &[Arc<Policy>],
    eligible: impl Fn(&Policy) -> bool,
) -> Option<Arc<Policy>> {
    policies
        .iter()
        .filter(|policy| policy.metadata.deletion_timestamp.is_none() && eligible(policy))
        .filter_map(|policy| Some((closeness(template, policy)?, policy)))
        .max_by_key(|(closeness, policy)| {
            (priority(policy), *closeness, Reverse(policy.metadata.name.as_deref()))
        })
        .map(|(_, policy)| policy.clone())
}

fn priority(policy: &Policy) -> i32 {
    policy.spec.priority.unwrap_or(0)
}

/// How closely the policy's selectors match the template, if one does.
pub(crate) fn closeness(template: &Template, policy: &Policy) -> Option<Closeness> {
    policy.spec.resource_selectors.iter().filter_map(|selector| selects(selector, template)).max()
}

fn selects(selector: &ResourceSelector, template: &Template) -> Option<Closeness> {
    let id = template.id();
    let of_kind = selector.kind == id.gvk.kind && selector.api_version == id.gvk.api_version();
    if !of_kind || !(selector.namespace.is_empty() || selector.namespace == id.namespace) {
        return None;
    }
    if !selector.name.is_empty() {
        return (selector.name == id.name).then_some(Closeness::Name);
    }
    let Some(labels) = &selector.label_selector else { return Some(Closeness::All) };
    // A selector that is no selector selects nothing; the API's validation refuses it.
    let labels = Selector::try_from(labels.clone()).ok()?;
    labels.matches(template.meta.labels.as_ref().unwrap_or(&BTreeMap::new())).then_some(Closeness::Labels)
}

/// The policy's permanent id: its label, or, until that is written, the uid that it is made from.
pub(crate) fn policy_id(policy: &Policy) -> String {
    let label = if policy.metadata.namespace.is_some() {
        labels::PROPAGATION_POLICY_PERMANENT_ID
    } else {
        labels::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID
    };
    marks::label(&policy.metadata, label).or(policy.metadata.uid.as_deref()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::api::DynamicObject;
    use serde_json::{Value, json};
    use windlass_core::Gvk;

    fn template(metadata: Value) -> Template {
        let object: DynamicObject = serde_json::from_value(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}),
        )
        .unwrap();
        Template::new(&Gvk::new("apps/v1", "Deployment"), object).unwrap()
    }

    fn nginx() -> Template {
        template(json!({"name": "nginx", "namespace": "default", "labels": {"app": "nginx"}}))
    }

    fn policy(name: &str, spec: Value) -> Arc<Policy> {
        named(json!({"name": name, "namespace": "default", "uid": name}), spec)
    }

    fn cluster_policy(name: &str, spec: Value) -> Arc<Policy> {
        named(json!({"name": name, "uid": name}), spec)
    }

    fn named(metadata: Value, mut spec: Value) -> Arc<Policy> {
        let mut selector = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
        if let Some(more) = spec.as_object_mut().unwrap().remove("select") {
            selector.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        spec["resourceSelectors"] = json!([selector]);
        Arc::new(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
    }

    fn check(template: &Template, namespaced: &[Arc<Policy>], cluster_wide: &[Arc<Policy>], expect: &str) {
        let got = match decide(template, namespaced, cluster_wide) {
            Claim::By(policy) => policy.metadata.name.clone().unwrap(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn a_policy_of_the_namespace_goes_before_a_cluster_wide_one() {
        let cluster = cluster_policy("c", json!({"priority": 100}));
        check(&nginx(), &[policy("p", json!({}))], std::slice::from_ref(&cluster), "p");
        check(&nginx(), &[policy("p", json!({"select": {"name": "other"}}))], &[cluster], "c");
        check(&nginx(), &[], &[], "Nobody");
    }

    #[test]
    fn priority_then_closeness_then_name_decide() {
        let all = policy("a-all", json!({}));
        let labels =
            policy("b-labels", json!({"select": {"labelSelector": {"matchLabels": {"app": "nginx"}}}}));
        let name = policy("z-name", json!({"select": {"name": "nginx"}}));
        let name_too = policy("y-name", json!({"select": {"name": "nginx"}}));
        let high = policy("zz", json!({"priority": 1}));
        check(&nginx(), &[all.clone(), labels.clone()], &[], "b-labels");
        check(&nginx(), &[all.clone(), labels.clone(), name.clone()], &[], "z-name");
        check(&nginx(), &[name.clone(), name_too.clone()], &[], "y-name");
        check(&nginx(), &[all, labels, name, name_too, high], &[], "zz");
    }

    fn claimed_by(policy: &str) -> Template {
        template(json!({"name": "nginx", "namespace": "default",
            "labels": {"propagationpolicy.karmada.io/permanent-id": policy},
            "annotations": {"propagationpolicy.karmada.io/namespace": "default",
                "propagationpolicy.karmada.io/name": policy}}))
    }

    #[test]
    fn a_claim_holds_until_it_is_preempted() {
        let old = policy("old", json!({"priority": 1}));
        let never = policy("never", json!({"priority": 9}));
        let same = policy("same", json!({"priority": 1, "preemption": "Always"}));
        let higher = policy("higher", json!({"priority": 2, "preemption": "Always"}));
        check(&claimed_by("old"), &[old.clone(), never.clone(), same.clone()], &[], "old");
        check(&claimed_by("old"), &[old, never, same, higher], &[], "higher");
    }

    #[test]
    fn a_claim_ends_with_its_policy_or_its_selectors() {
        let other = policy("other", json!({}));
        check(&claimed_by("gone"), std::slice::from_ref(&other), &[], "other");
        let moved_on = policy("old", json!({"select": {"name": "something"}}));
        check(&claimed_by("old"), &[moved_on.clone(), other], &[], "other");
        check(&claimed_by("old"), &[moved_on], &[], "Nobody");
        let deleting = named(
            json!({"name": "old", "namespace": "default", "deletionTimestamp": "2026-01-01T00:00:00Z"}),
            json!({}),
        );
        check(&claimed_by("old"), &[deleting], &[], "Wait");
    }

    #[test]
    fn an_impossible_selector_selects_nothing() {
        let broken = policy(
            "p",
            json!({"select": {"labelSelector": {"matchExpressions": [{"key": "app", "operator": "Near"}]}}}),
        );
        check(&nginx(), &[broken], &[], "Nobody");
    }
}
