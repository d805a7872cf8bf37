//! ResourceQuotas: what a pod is charged, which quotas it counts against, and whether it still fits. Pure.
//!
//! Only what concerns pods is counted: `pods`, `count/pods`, and requests and limits. Other keys of a quota (services,
//! claims, `count/...` of other kinds) are left to whoever creates those objects.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceQuota};
use windlass_api::quantity::Quantity;

use crate::amounts::{self, Amounts};

/// What a pod counts for in quotas.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claim {
    requests: Amounts,
    limits: Amounts,
    deadline: bool,
    priority_class: String,
}

impl Claim {
    pub(crate) fn of(spec: &PodSpec) -> Claim {
        Claim {
            requests: amounts::pod_requests(spec),
            limits: amounts::pod_limits(spec),
            deadline: spec.active_deadline_seconds.is_some(),
            priority_class: spec.priority_class_name.clone().unwrap_or_default(),
        }
    }

    /// How much of the quota's `key` the pod takes; `None` for a key that pods don't count against, `Some(None)` for
    /// one that the pod would have to state and doesn't.
    #[allow(
        clippy::option_option,
        reason = "two different absences: not a pod's key, and not stated by this pod"
    )]
    fn charge(&self, key: &str) -> Option<Option<Quantity>> {
        let (amounts, resource) = match key {
            "pods" | "count/pods" => return Some(Some(Quantity::from_units(1))),
            "cpu" | "memory" | "ephemeral-storage" => (&self.requests, key),
            _ => match key.split_once('.') {
                Some(("requests", resource)) => (&self.requests, resource),
                Some(("limits", resource)) => (&self.limits, resource),
                _ => return None,
            },
        };
        // Only these have to be stated; an extended resource that isn't asked for isn't used.
        let must_be_stated = matches!(resource, "cpu" | "memory");
        match amounts.get(resource) {
            Some(amount) => Some(Some(*amount)),
            None if must_be_stated => Some(None),
            None => Some(Some(Quantity::ZERO)),
        }
    }

    fn is_best_effort(&self) -> bool {
        let none =
            |amounts: &Amounts| ["cpu", "memory"].iter().all(|name| amounts::get(amounts, name).is_zero());
        none(&self.requests) && none(&self.limits)
    }
}

/// One condition on the pods that a quota counts.
#[derive(Clone, Debug, PartialEq)]
struct Scope {
    name: String,
    operator: String,
    values: Vec<String>,
}

impl Scope {
    fn covers(&self, claim: &Claim) -> bool {
        match self.name.as_str() {
            "Terminating" => claim.deadline,
            "NotTerminating" => !claim.deadline,
            "BestEffort" => claim.is_best_effort(),
            "NotBestEffort" => !claim.is_best_effort(),
            "PriorityClass" => match self.operator.as_str() {
                "In" => self.values.contains(&claim.priority_class),
                "NotIn" => !self.values.contains(&claim.priority_class),
                "Exists" => !claim.priority_class.is_empty(),
                "DoesNotExist" => claim.priority_class.is_empty(),
                _ => false,
            },
            // Simulated pods have no affinity across namespaces.
            _ => false,
        }
    }
}

/// A quota with what its namespace's pods use of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quota {
    hard: Amounts,
    scopes: Vec<Scope>,
    used: Amounts,
}

impl Quota {
    /// The quota with nothing charged yet.
    pub(crate) fn of(quota: &ResourceQuota) -> Quota {
        let Some(spec) = &quota.spec else { return Quota::default() };
        let plain = spec.scopes.iter().flatten();
        let plain =
            plain.map(|name| Scope { name: name.clone(), operator: "Exists".to_owned(), values: Vec::new() });
        let selected =
            spec.scope_selector.iter().flat_map(|selector| selector.match_expressions.iter().flatten());
        let selected = selected.map(|term| Scope {
            name: term.scope_name.clone(),
            operator: term.operator.clone(),
            values: term.values.clone().unwrap_or_default(),
        });
        let hard = spec.hard.as_ref().map(amounts::parse).unwrap_or_default();
        let probe = Claim::default();
        let used = hard
            .keys()
            .filter(|key| probe.charge(key).is_some())
            .map(|key| (key.clone(), Quantity::ZERO))
            .collect();
        Quota { hard, scopes: plain.chain(selected).collect(), used }
    }

    pub(crate) fn hard(&self) -> &Amounts {
        &self.hard
    }

    pub(crate) fn used(&self) -> &Amounts {
        &self.used
    }

    /// Charges the pod, whether it fits or not.
    pub(crate) fn charge(&mut self, claim: &Claim) {
        self.book(claim, Quantity::plus);
    }

    /// Gives back what the pod was charged.
    pub(crate) fn release(&mut self, claim: &Claim) {
        self.book(claim, Quantity::minus);
    }

    fn book(&mut self, claim: &Claim, change: fn(Quantity, Quantity) -> Quantity) {
        if !self.covers(claim) {
            return;
        }
        for (key, used) in &mut self.used {
            *used = change(*used, claim.charge(key).flatten().unwrap_or(Quantity::ZERO));
        }
    }

    fn covers(&self, claim: &Claim) -> bool {
        self.scopes.iter().all(|scope| scope.covers(claim))
    }

    /// Why the pod may not be created, in the words of kube-apiserver.
    fn refusal(&self, name: &str, claim: &Claim) -> Option<String> {
        if !self.covers(claim) {
            return None;
        }
        let unstated: Vec<_> =
            self.used.keys().filter(|key| claim.charge(key) == Some(None)).map(String::as_str).collect();
        if !unstated.is_empty() {
            return Some(format!("failed quota: {name}: must specify {}", unstated.join(",")));
        }
        let mut over = [Vec::new(), Vec::new(), Vec::new()];
        for (key, used) in &self.used {
            let asked = claim.charge(key).flatten().unwrap_or(Quantity::ZERO);
            let limit = amounts::get(&self.hard, key);
            if asked > Quantity::ZERO && used.plus(asked) > limit {
                for (list, amount) in over.iter_mut().zip([asked, *used, limit]) {
                    list.push(format!("{key}={amount}"));
                }
            }
        }
        let [requested, used, limited] = over.map(|list| list.join(","));
        (!requested.is_empty()).then(|| {
            format!("exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}")
        })
    }
}

/// The first of a namespace's quotas that refuses the pod, in its words.
pub(crate) fn refusal(quotas: &BTreeMap<String, Quota>, claim: &Claim) -> Option<String> {
    quotas.iter().find_map(|(name, quota)| quota.refusal(name, claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn quota(spec: Value) -> Quota {
        Quota::of(&serde_json::from_value(json!({"metadata": {"name": "q"}, "spec": spec})).unwrap())
    }

    fn claim(spec: Value) -> Claim {
        Claim::of(&serde_json::from_value(spec).unwrap())
    }

    fn pod(cpu: &str) -> Claim {
        claim(
            json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}),
        )
    }

    #[test]
    fn a_pod_over_quota_is_refused_in_kubernetes_words() {
        let mut quota = quota(json!({"hard": {"requests.cpu": "3", "pods": "10", "services": "1"}}));
        assert_eq!(quota.refusal("q", &pod("2")), None);
        quota.charge(&pod("2"));
        assert_eq!(
            quota.refusal("q", &pod("1500m")).unwrap(),
            "exceeded quota: q, requested: requests.cpu=1500m, used: requests.cpu=2, limited: requests.cpu=3"
        );
        assert_eq!(quota.used().get("pods"), Some(&Quantity::from_units(1)));
        assert_eq!(quota.used().get("services"), None, "what isn't counted isn't reported");
        quota.release(&pod("2"));
        assert_eq!(quota.refusal("q", &pod("3")), None);
    }

    #[test]
    fn what_a_quota_limits_has_to_be_stated() {
        let quota = quota(json!({"hard": {"limits.cpu": "3", "requests.nvidia.com/gpu": "1"}}));
        assert_eq!(quota.refusal("q", &pod("1")).unwrap(), "failed quota: q: must specify limits.cpu");
    }

    #[test]
    fn scopes_choose_the_pods_that_count() {
        let urgent = json!({"priorityClassName": "urgent", "containers": []});
        let by_class = json!({"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": ["urgent"]}]}});
        for (spec, pod_spec, counted) in [
            (json!({"hard": {"pods": "0"}, "scopes": ["BestEffort"]}), json!({"containers": []}), true),
            (json!({"hard": {"pods": "0"}, "scopes": ["NotBestEffort"]}), json!({"containers": []}), false),
            (json!({"hard": {"pods": "0"}, "scopes": ["Terminating"]}), json!({"containers": []}), false),
            (
                json!({"hard": {"pods": "0"}, "scopes": ["Terminating"]}),
                json!({"activeDeadlineSeconds": 5, "containers": []}),
                true,
            ),
            (by_class.clone(), urgent, true),
            (by_class, json!({"containers": []}), false),
        ] {
            assert_eq!(quota(spec.clone()).refusal("q", &claim(pod_spec)).is_some(), counted, "{spec}");
        }
    }
}
