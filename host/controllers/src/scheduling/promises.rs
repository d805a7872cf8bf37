//! Room that was promised to workloads and does not show in their members yet. Pure; time is a parameter.

use std::collections::HashMap;
use std::time::Duration;

use windlass_api::work::{AggregatedStatusItem, ResourceBindingSpec, ResourceHealth, TargetCluster};
use windlass_scheduler::Promise;

use crate::index::Key;

/// How long a promise holds that nobody takes up: a workload that never becomes healthy shows in its member all the
/// same.
const PROMISE_MAX: Duration = Duration::from_secs(30);

/// The promises to all bindings.
#[derive(Debug, Default)]
pub(super) struct Promises {
    by_binding: HashMap<Key, Vec<Outstanding>>,
}

#[derive(Debug)]
struct Outstanding {
    cluster: String,
    promise: Promise,
    until: Duration,
    /// How the workload did there when the promise was made.
    before: Option<AggregatedStatusItem>,
}

impl Promises {
    /// Promises what a new assignment takes beyond the one in `spec`.
    pub(super) fn make(
        &mut self,
        key: &Key,
        spec: &ResourceBindingSpec,
        targets: &[TargetCluster],
        seen: &[AggregatedStatusItem],
        now: Duration,
    ) {
        let made = targets.iter().filter_map(|target| {
            let before = spec.clusters.iter().find(|before| before.name == target.name);
            let more = match before {
                // Whole sets, and what has no replicas, are there already.
                Some(before) if target.replicas <= before.replicas => return None,
                Some(before) => target.replicas - before.replicas,
                None => target.replicas,
            };
            Some(Outstanding {
                cluster: target.name.clone(),
                promise: Promise::of(spec, &TargetCluster { name: target.name.clone(), replicas: more })?,
                until: now + PROMISE_MAX,
                before: seen.iter().find(|item| item.cluster_name == target.name).cloned(),
            })
        });
        let made: Vec<_> = made.collect();
        let promised = self.by_binding.entry(key.clone()).or_default();
        // What it was promised before in clusters that it leaves is free again.
        promised.retain(|old| targets.iter().any(|target| target.name == old.cluster));
        promised.extend(made);
        if promised.is_empty() {
            self.by_binding.remove(key);
        }
    }

    /// The binding is gone, or its assignment did not come about. Which clusters have room again.
    pub(super) fn revoke(&mut self, key: &Key) -> Vec<String> {
        let revoked = self.by_binding.remove(key).into_iter().flatten();
        revoked.map(|outstanding| outstanding.cluster).collect()
    }

    /// The binding's workload is seen to do so in its clusters: where it is up, it shows. Which clusters no longer
    /// count it twice.
    pub(super) fn seen(&mut self, key: &Key, items: &[AggregatedStatusItem]) -> Vec<String> {
        self.drop_where(|of, outstanding| {
            let item = items.iter().find(|item| item.cluster_name == outstanding.cluster);
            of == key
                && item.is_some_and(|item| item.health == Some(ResourceHealth::Healthy))
                && item != outstanding.before.as_ref()
        })
    }

    /// Drops what nobody took up in time. Which clusters have room again.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<String> {
        self.drop_where(|_, outstanding| outstanding.until <= now)
    }

    /// When the next promise expires.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.by_binding.values().flatten().map(|outstanding| outstanding.until).min()
    }

    /// What is promised in a cluster to all but one binding.
    pub(super) fn of_cluster(&self, cluster: &str, but: &Key) -> Vec<Promise> {
        self.by_binding
            .iter()
            .filter(|(key, _)| *key != but)
            .flat_map(|(_, promises)| promises)
            .filter(|outstanding| outstanding.cluster == cluster)
            .map(|outstanding| outstanding.promise.clone())
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_binding.is_empty()
    }

    fn drop_where(&mut self, ended: impl Fn(&Key, &Outstanding) -> bool) -> Vec<String> {
        let mut clusters = Vec::new();
        self.by_binding.retain(|key, promises| {
            promises.retain(|outstanding| {
                let ended = ended(key, outstanding);
                if ended {
                    clusters.push(outstanding.cluster.clone());
                }
                !ended
            });
            !promises.is_empty()
        });
        clusters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(clusters: serde_json::Value) -> ResourceBindingSpec {
        serde_json::from_value(
            json!({"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
            "replicas": 3, "clusters": clusters, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}}),
        )
        .unwrap()
    }

    fn targets(replicas: i32) -> Vec<TargetCluster> {
        vec![TargetCluster { name: "m1".to_owned(), replicas }]
    }

    fn item(health: ResourceHealth) -> Vec<AggregatedStatusItem> {
        vec![AggregatedStatusItem {
            cluster_name: "m1".to_owned(),
            health: Some(health),
            ..Default::default()
        }]
    }

    fn promised(promises: &Promises) -> i64 {
        let all = promises.of_cluster("m1", &Key::new("", "other"));
        all.iter().flat_map(|promise| &promise.needs).map(|need| need.replicas).sum()
    }

    const START: Duration = Duration::ZERO;

    #[test]
    fn a_promise_holds_until_the_workload_is_up() {
        let (mut promises, key) = (Promises::default(), Key::new("n", "a"));
        promises.make(&key, &spec(json!([])), &targets(3), &[], START);
        assert_eq!(promised(&promises), 3);
        assert!(promises.of_cluster("m1", &key).is_empty(), "its own promise is not in its way");
        assert!(promises.seen(&key, &item(ResourceHealth::Unhealthy)).is_empty());
        assert_eq!(promises.seen(&key, &item(ResourceHealth::Healthy)), ["m1"]);
        assert!(promises.is_empty());
    }

    #[test]
    fn only_what_is_more_is_promised_and_old_news_do_not_end_it() {
        let (mut promises, key) = (Promises::default(), Key::new("n", "a"));
        let healthy = item(ResourceHealth::Healthy);
        promises.make(&key, &spec(json!([{"name": "m1", "replicas": 2}])), &targets(3), &healthy, START);
        assert_eq!(promised(&promises), 1);
        assert!(promises.seen(&key, &healthy).is_empty());
        promises.make(&key, &spec(json!([{"name": "m1", "replicas": 3}])), &[], &healthy, START);
        assert!(promises.is_empty(), "it leaves the cluster");
    }

    #[test]
    fn a_promise_that_nobody_takes_up_expires() {
        let (mut promises, key) = (Promises::default(), Key::new("n", "a"));
        promises.make(&key, &spec(json!([])), &targets(3), &[], START);
        assert_eq!(promises.next_at(), Some(PROMISE_MAX));
        assert!(promises.expire(PROMISE_MAX / 2).is_empty());
        assert_eq!(promises.expire(PROMISE_MAX), ["m1"]);
        promises.make(&key, &spec(json!([])), &targets(3), &[], START);
        assert_eq!(promises.revoke(&key), ["m1"]);
        assert_eq!(promises.next_at(), None);
    }
}
