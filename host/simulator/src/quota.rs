//! ResourceQuotas: what an object is charged, which quotas it counts against, and whether it still fits. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceQuota};
use serde_json::Value;
use windlass_api::quantity::Quantity;

use crate::amounts::{self, Amounts};

/// What every container has to state where a quota counts it.
const TO_BE_STATED: [&str; 6] =
    ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
/// Core resources that count under their own name, too.
const PLAIN_COUNTS: [&str; 6] = [
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];
const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// A resource by its plural name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResourceName {
    pub(crate) group: String,
    pub(crate) plural: String,
}

impl ResourceName {
    pub(crate) fn new(group: &str, plural: &str) -> ResourceName {
        ResourceName { group: group.to_owned(), plural: plural.to_owned() }
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn full(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(crate) fn is_pods(&self) -> bool {
        self.group.is_empty() && self.plural == "pods"
    }

    /// Whose objects a quota's key counts, if it isn't pods that it counts.
    fn counted_by(key: &str) -> Option<ResourceName> {
        if let Some(counted) = key.strip_prefix("count/") {
            let (plural, group) = counted.split_once('.').unwrap_or((counted, ""));
            return Some(ResourceName::new(group, plural)).filter(|resource| !resource.is_pods());
        }
        match key {
            "requests.storage" => Some(ResourceName::new("", "persistentvolumeclaims")),
            "services.nodeports" | "services.loadbalancers" => Some(ResourceName::new("", "services")),
            _ if key.contains(STORAGE_CLASS) => Some(ResourceName::new("", "persistentvolumeclaims")),
            _ => PLAIN_COUNTS.contains(&key).then(|| ResourceName::new("", key)),
        }
    }
}

/// What an object counts for in quotas, by their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claim {
    amounts: Amounts,
    /// What containers don't state, and which.
    unstated: BTreeMap<&'static str, BTreeSet<String>>,
    /// What scopes ask of a pod; other objects count against quotas without scopes only.
    pod: Option<Traits>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Traits {
    deadline: bool,
    best_effort: bool,
    across_namespaces: bool,
    priority_class: String,
}

impl Claim {
    pub(crate) fn of(spec: &PodSpec) -> Claim {
        let (requests, limits) = (amounts::pod_requests(spec), amounts::pod_limits(spec));
        let one = Quantity::from_units(1);
        let mut amounts = compute(&requests, &limits);
        amounts.extend([("pods".to_owned(), one), ("count/pods".to_owned(), one)]);
        let mut unstated: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        for container in containers.filter(|_| spec.resources.is_none()) {
            let stated = stated(container);
            for key in TO_BE_STATED.into_iter().filter(|key| !stated.contains_key(*key)) {
                unstated.entry(key).or_default().insert(container.name.clone());
            }
        }
        let none =
            |amounts: &Amounts| ["cpu", "memory"].iter().all(|name| amounts::get(amounts, name).is_zero());
        let pod = Traits {
            deadline: spec.active_deadline_seconds.is_some(),
            best_effort: none(&requests) && none(&limits),
            across_namespaces: reaches_other_namespaces(spec),
            priority_class: spec.priority_class_name.clone().unwrap_or_default(),
        };
        Claim { amounts, unstated, pod: Some(pod) }
    }

    /// What is left to charge of a pod that has ended.
    pub(crate) fn ended(mut self) -> Claim {
        self.amounts.retain(|key, _| key == "count/pods");
        self
    }

    /// What an object of any resource is charged.
    pub(crate) fn of_object(resource: &ResourceName, object: &Value) -> Claim {
        if resource.is_pods() {
            let pod: Pod = serde_json::from_value(object.clone()).unwrap_or_default();
            return Claim::of(&pod.spec.unwrap_or_default());
        }
        let one = Quantity::from_units(1);
        let mut amounts = Amounts::from([(format!("count/{}", resource.full()), one)]);
        if resource.group.is_empty() && PLAIN_COUNTS.contains(&resource.plural.as_str()) {
            amounts.insert(resource.plural.clone(), one);
        }
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "services") => amounts.extend(of_service(object)),
            ("", "persistentvolumeclaims") => amounts.extend(of_volume_claim(object)),
            _ => {}
        }
        Claim { amounts, ..Claim::default() }
    }

    /// What it is charged more than `before` was.
    pub(crate) fn beyond(mut self, before: &Claim) -> Claim {
        amounts::subtract(&mut self.amounts, &before.amounts);
        self.unstated.clear();
        self
    }
}

/// Requests and limits by the keys that count them.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut by_key = Amounts::new();
    for (resource, amount) in requests {
        by_key.insert(format!("requests.{resource}"), *amount);
        let native = ["cpu", "memory", "ephemeral-storage"].contains(&resource.as_str());
        if native || resource.starts_with("hugepages-") {
            by_key.insert(resource.clone(), *amount);
        }
    }
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(resource) {
            by_key.insert(format!("limits.{resource}"), *amount);
        }
    }
    by_key
}

fn stated(container: &Container) -> Amounts {
    let resources = container.resources.clone().unwrap_or_default();
    let limits = resources.limits.as_ref().map(amounts::parse).unwrap_or_default();
    let mut requests = limits.clone();
    requests.extend(resources.requests.as_ref().map(amounts::parse).unwrap_or_default());
    compute(&requests, &limits)
}

fn reaches_other_namespaces(spec: &PodSpec) -> bool {
    let Some(affinity) = &spec.affinity else { return false };
    let (with, against) = (affinity.pod_affinity.clone(), affinity.pod_anti_affinity.clone());
    let (with, against) = (with.unwrap_or_default(), against.unwrap_or_default());
    let required = [
        with.required_during_scheduling_ignored_during_execution,
        against.required_during_scheduling_ignored_during_execution,
    ];
    let preferred = [
        with.preferred_during_scheduling_ignored_during_execution,
        against.preferred_during_scheduling_ignored_during_execution,
    ];
    let preferred = preferred.into_iter().flatten().flatten().map(|term| term.pod_affinity_term);
    required.into_iter().flatten().flatten().chain(preferred).any(|term| {
        term.namespace_selector.is_some() || term.namespaces.is_some_and(|names| !names.is_empty())
    })
}

fn of_service(service: &Value) -> Amounts {
    let ports =
        service.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let count = |n: usize| Quantity::from_units(i64::try_from(n).unwrap_or(i64::MAX));
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    let balanced = kind == "LoadBalancer";
    let on_demand = service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&Value::Bool(false));
    let node_ports = match kind {
        "LoadBalancer" if on_demand => {
            ports.iter().filter(|port| port["nodePort"].as_i64().is_some_and(|port| port != 0)).count()
        }
        "LoadBalancer" | "NodePort" => ports.len(),
        _ => 0,
    };
    Amounts::from([
        ("services.nodeports".to_owned(), count(node_ports)),
        ("services.loadbalancers".to_owned(), count(usize::from(balanced))),
    ])
}

fn of_volume_claim(claim: &Value) -> Amounts {
    let asked = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
    let asked: Quantity = asked.and_then(|text| text.parse().ok()).unwrap_or(Quantity::ZERO);
    let mut amounts = Amounts::from([("requests.storage".to_owned(), asked)]);
    if let Some(class) = claim.pointer("/spec/storageClassName").and_then(Value::as_str) {
        amounts.insert(format!("{class}{STORAGE_CLASS}requests.storage"), asked);
        amounts.insert(format!("{class}{STORAGE_CLASS}persistentvolumeclaims"), Quantity::from_units(1));
    }
    amounts
}

/// One condition on the pods that a quota counts.
#[derive(Clone, Debug, PartialEq)]
struct Scope {
    name: String,
    operator: String,
    values: Vec<String>,
}

impl Scope {
    fn covers(&self, claim: &Traits) -> bool {
        match self.name.as_str() {
            "Terminating" => claim.deadline,
            "NotTerminating" => !claim.deadline,
            "BestEffort" => claim.best_effort,
            "NotBestEffort" => !claim.best_effort,
            "PriorityClass" => match self.operator.as_str() {
                "In" => self.values.contains(&claim.priority_class),
                "NotIn" => !self.values.contains(&claim.priority_class),
                "Exists" => !claim.priority_class.is_empty(),
                "DoesNotExist" => claim.priority_class.is_empty(),
                _ => false,
            },
            "CrossNamespacePodAffinity" => claim.across_namespaces,
            _ => false,
        }
    }
}

/// A quota with what its namespace's objects use of it.
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
        let used = hard.keys().map(|key| (key.clone(), Quantity::ZERO)).collect();
        Quota { hard, scopes: plain.chain(selected).collect(), used }
    }

    pub(crate) fn hard(&self) -> &Amounts {
        &self.hard
    }

    /// What is used of the keys whose objects are known.
    pub(crate) fn used(&self, listed: &BTreeSet<ResourceName>) -> Amounts {
        let known =
            |key: &str| ResourceName::counted_by(key).is_none_or(|resource| listed.contains(&resource));
        self.used.iter().filter(|(key, _)| known(key)).map(|(key, used)| (key.clone(), *used)).collect()
    }

    /// The resources, besides pods, whose objects it counts.
    pub(crate) fn counted(&self) -> impl Iterator<Item = ResourceName> {
        self.hard.keys().filter_map(|key| ResourceName::counted_by(key))
    }

    /// Charges the object, whether it fits or not.
    pub(crate) fn charge(&mut self, claim: &Claim) {
        self.book(claim, Quantity::plus);
    }

    /// Gives back what the object was charged.
    pub(crate) fn release(&mut self, claim: &Claim) {
        self.book(claim, Quantity::minus);
    }

    fn book(&mut self, claim: &Claim, change: fn(Quantity, Quantity) -> Quantity) {
        if !self.covers(claim) {
            return;
        }
        for (key, used) in &mut self.used {
            *used = change(*used, amounts::get(&claim.amounts, key));
        }
    }

    fn covers(&self, claim: &Claim) -> bool {
        match &claim.pod {
            Some(pod) => self.scopes.iter().all(|scope| scope.covers(pod)),
            None => self.scopes.is_empty(),
        }
    }

    /// Why the object may not be created, in the words of kube-apiserver. `listed` are the resources whose objects are
    /// known; pods always are.
    fn refusal(&self, name: &str, claim: &Claim, listed: &BTreeSet<ResourceName>) -> Option<String> {
        if !self.covers(claim) {
            return None;
        }
        let unstated: Vec<_> = claim
            .unstated
            .iter()
            .filter(|(key, _)| self.hard.contains_key(**key))
            .map(|(key, containers)| {
                format!("{key} for: {}", containers.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            })
            .collect();
        if !unstated.is_empty() {
            return Some(format!("failed quota: {name}: must specify {}", unstated.join("; ")));
        }
        let unknown: Vec<_> = claim
            .amounts
            .keys()
            .filter(|key| self.hard.contains_key(*key))
            .filter(|key| ResourceName::counted_by(key).is_some_and(|resource| !listed.contains(&resource)))
            .map(String::as_str)
            .collect();
        if !unknown.is_empty() {
            return Some(format!("status unknown for quota: {name}, resources: {}", unknown.join(",")));
        }
        let mut over = [Vec::new(), Vec::new(), Vec::new()];
        for (key, used) in &self.used {
            let asked = amounts::get(&claim.amounts, key);
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

/// The first of a namespace's quotas that refuses the object, in its words.
pub(crate) fn refusal(
    quotas: &BTreeMap<String, Quota>,
    claim: &Claim,
    listed: &BTreeSet<ResourceName>,
) -> Option<String> {
    quotas.iter().find_map(|(name, quota)| quota.refusal(name, claim, listed))
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

    fn refusal_of(quota: &Quota, claim: &Claim) -> Option<String> {
        let known = ["services", "persistentvolumeclaims"].map(|plural| ResourceName::new("", plural));
        quota.refusal("q", claim, &known.into())
    }

    fn pod(cpu: &str) -> Claim {
        claim(
            json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}),
        )
    }

    #[test]
    fn a_pod_over_quota_is_refused_in_kubernetes_words() {
        let mut quota = quota(json!({"hard": {"requests.cpu": "3", "pods": "10", "services": "1"}}));
        assert_eq!(refusal_of(&quota, &pod("2")), None);
        quota.charge(&pod("2"));
        assert_eq!(
            refusal_of(&quota, &pod("1500m")).unwrap(),
            "exceeded quota: q, requested: requests.cpu=1500m, used: requests.cpu=2, limited: requests.cpu=3"
        );
        let used = quota.used(&BTreeSet::new());
        assert_eq!(used.get("pods"), Some(&Quantity::from_units(1)));
        assert_eq!(used.get("services"), None, "what isn't known isn't reported");
        quota.release(&pod("2"));
        assert_eq!(refusal_of(&quota, &pod("3")), None);
    }

    #[test]
    fn what_a_quota_limits_has_to_be_stated() {
        let quota = quota(json!({"hard": {"limits.cpu": "3", "requests.nvidia.com/gpu": "1"}}));
        assert_eq!(refusal_of(&quota, &pod("1")).unwrap(), "failed quota: q: must specify limits.cpu for: c");
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
            assert_eq!(refusal_of(&quota(spec.clone()), &claim(pod_spec)).is_some(), counted, "{spec}");
        }
    }

    #[test]
    fn objects_count_by_what_they_are() {
        let resource = |group, plural| ResourceName::new(group, plural);
        let charged = |resource: &ResourceName, object: Value, key: &str| {
            amounts::get(&Claim::of_object(resource, &object).amounts, key).to_string()
        };
        let deployments = resource("apps", "deployments");
        assert_eq!(charged(&deployments, json!({}), "count/deployments.apps"), "1");
        let services = resource("", "services");
        let service = json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}});
        for (key, want) in [("services", "1"), ("services.loadbalancers", "1"), ("services.nodeports", "2")] {
            assert_eq!(charged(&services, service.clone(), key), want, "{key}");
        }
        let claims = resource("", "persistentvolumeclaims");
        let claim =
            json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}});
        for (key, want) in [
            ("requests.storage", "5Gi"),
            ("fast.storageclass.storage.k8s.io/requests.storage", "5Gi"),
            ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", "1"),
            ("count/persistentvolumeclaims", "1"),
        ] {
            assert_eq!(charged(&claims, claim.clone(), key), want, "{key}");
        }
    }

    #[test]
    fn growth_is_charged_by_what_is_added() {
        let claims = ResourceName::new("", "persistentvolumeclaims");
        let of = |size: &str| {
            Claim::of_object(&claims, &json!({"spec": {"resources": {"requests": {"storage": size}}}}))
        };
        let mut quota = quota(json!({"hard": {"requests.storage": "6Gi", "persistentvolumeclaims": "1"}}));
        quota.charge(&of("5Gi"));
        assert_eq!(refusal_of(&quota, &of("6Gi").beyond(&of("5Gi"))), None);
        assert_eq!(
            refusal_of(&quota, &of("7Gi").beyond(&of("5Gi"))).unwrap(),
            "exceeded quota: q, requested: requests.storage=2Gi, used: requests.storage=5Gi, limited: requests.storage=6Gi"
        );
    }

    #[test]
    fn what_is_not_counted_yet_is_refused() {
        let quota = quota(json!({"hard": {"configmaps": "3"}}));
        let claim = Claim::of_object(&ResourceName::new("", "configmaps"), &json!({}));
        assert_eq!(refusal_of(&quota, &claim).unwrap(), "status unknown for quota: q, resources: configmaps");
    }

    #[test]
    fn a_pod_that_has_ended_is_only_counted() {
        let mut quota = quota(json!({"hard": {"count/pods": "1", "pods": "1"}}));
        quota.charge(&pod("1").ended());
        let used = quota.used(&BTreeSet::new());
        assert_eq!((used["count/pods"].to_string(), used["pods"].to_string()), ("1".into(), "0".into()));
    }
}
