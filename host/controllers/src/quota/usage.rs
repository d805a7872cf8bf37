//! What bindings use, summed up by namespace as they change. Pure.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use windlass_api::work::ResourceBindingSpec;
use windlass_scheduler::Resources;

use crate::index::Key;

/// The use of each binding, and of each namespace. A binding that changes costs the same among ten and among ten
/// thousand.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    namespaces: HashMap<String, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    bindings: HashMap<String, Resources>,
    total: Resources,
}

impl Ledger {
    /// Books what a binding uses now; whether that is something else than before.
    pub(super) fn booked(&mut self, key: &Key, spec: &ResourceBindingSpec) -> bool {
        self.book(key, usage(spec))
    }

    /// The binding is gone; whether it used anything.
    pub(super) fn gone(&mut self, key: &Key) -> bool {
        self.book(key, Resources::default())
    }

    /// What the namespace uses of the resources that `overall` limits.
    pub(super) fn used(&self, namespace: &str, overall: &BTreeMap<String, Text>) -> BTreeMap<String, Text> {
        let total = self.namespaces.get(namespace).map(|namespace| namespace.total.positive());
        let limited = total.into_iter().flatten().filter(|(name, _)| overall.contains_key(*name));
        limited.map(|(name, amount)| (name.to_owned(), amount.into())).collect()
    }

    fn book(&mut self, key: &Key, now: Resources) -> bool {
        let namespace = self.namespaces.entry(key.namespace.clone()).or_default();
        let nothing = now.positive().next().is_none();
        let before = if nothing {
            namespace.bindings.remove(&key.name)
        } else {
            namespace.bindings.insert(key.name.clone(), now.clone())
        };
        let before = before.unwrap_or_default();
        if before != now {
            namespace.total.subtract(&before);
            namespace.total.add(&now, 1);
        }
        if namespace.bindings.is_empty() {
            self.namespaces.remove(&key.namespace);
        }
        before != now
    }
}

/// What a binding uses: its components once for every cluster, or each replica's request for each replica that was
/// assigned.
fn usage(spec: &ResourceBindingSpec) -> Resources {
    let mut used = Resources::default();
    if spec.components.is_empty() {
        let replicas: i64 = spec.clusters.iter().map(|target| i64::from(target.replicas.max(0))).sum();
        if let Some(requirements) = spec.replica_requirements.as_ref().filter(|_| replicas > 0) {
            used.add(&Resources::reported(&requirements.resource_request), replicas);
        }
        return used;
    }
    let clusters = i64::try_from(spec.clusters.len()).unwrap_or(i64::MAX);
    for component in spec.components.iter().filter(|_| clusters > 0) {
        if let Some(requirements) = &component.replica_requirements {
            let replicas = i64::from(component.replicas.max(0)).saturating_mul(clusters);
            used.add(&Resources::reported(&requirements.resource_request), replicas);
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(value: Value) -> ResourceBindingSpec {
        let mut spec = json!({"resource": {"apiVersion": "v1", "kind": "A", "name": "a"}});
        for (key, value) in value.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn flink(clusters: Value) -> ResourceBindingSpec {
        let component = |name: &str, cpu: &str, memory: &str| json!({"name": name, "replicas": 1, "replicaRequirements": {"resourceRequest": {"cpu": cpu, "memory": memory}}});
        let components = [component("jobmanager", "1", "1.024"), component("taskmanager", "2", "2.048")];
        spec(json!({"clusters": clusters, "components": components}))
    }

    fn check(ledger: &Ledger, overall: &[&str], want: &[(&str, &str)]) {
        let overall = overall.iter().map(|name| ((*name).to_owned(), Text("100".to_owned()))).collect();
        let used = ledger.used("shop", &overall);
        let used: Vec<_> = used.iter().map(|(name, amount)| (name.as_str(), amount.0.as_str())).collect();
        assert_eq!(used, want);
    }

    #[test]
    fn components_count_once_for_every_cluster() {
        let (mut ledger, key) = (Ledger::default(), Key::new("shop", "flink"));
        assert!(!ledger.booked(&key, &flink(json!([]))), "what isn't scheduled uses nothing");
        assert!(ledger.booked(&key, &flink(json!([{"name": "m1"}]))));
        check(&ledger, &["cpu", "memory"], &[("cpu", "3"), ("memory", "3072m")]);
        assert!(ledger.booked(&key, &flink(json!([{"name": "m1"}, {"name": "m2"}]))));
        check(&ledger, &["cpu"], &[("cpu", "6")]);
        assert!(
            !ledger.booked(&key, &flink(json!([{"name": "m3"}, {"name": "m4"}]))),
            "the same use elsewhere"
        );
    }

    #[test]
    fn replicas_count_where_they_were_assigned() {
        let (mut ledger, key) = (Ledger::default(), Key::new("shop", "web"));
        let web = spec(json!({"replicas": 9, "replicaRequirements": {"resourceRequest": {"cpu": "500m"}},
            "clusters": [{"name": "m1", "replicas": 1}, {"name": "m2", "replicas": 2}]}));
        assert!(ledger.booked(&key, &web));
        assert!(ledger.booked(&Key::new("shop", "flink"), &flink(json!([{"name": "m1"}]))));
        check(&ledger, &["cpu"], &[("cpu", "4500m")]);
        assert!(ledger.gone(&key));
        check(&ledger, &["cpu"], &[("cpu", "3")]);
        assert!(ledger.gone(&Key::new("shop", "flink")));
        assert!(!ledger.gone(&Key::new("shop", "flink")));
        check(&ledger, &["cpu"], &[]);
        assert!(ledger.namespaces.is_empty());
    }
}
