//! Room that was promised to workloads and does not show in their members yet. Pure; time is a parameter.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use windlass_api::work::{AggregatedStatusItem, ResourceBindingSpec, ResourceHealth, TargetCluster};
use windlass_scheduler::{Need, Promise};

use crate::index::Key;

/// How long a promise holds that nobody takes up: a workload that never becomes healthy shows in its member all the
/// same.
const PROMISE_MAX: Duration = Duration::from_secs(30);

/// The promises to all bindings.
#[derive(Debug, Default)]
pub(super) struct Promises {
    by_binding: HashMap<Key, Vec<Outstanding>>,
    /// All promises of each cluster, those for pods of one kind taken together: a thousand equal workloads are one.
    by_cluster: HashMap<String, Vec<Promise>>,
    /// In the order in which promises were made, which is that in which they expire.
    expiry: VecDeque<(Duration, Key)>,
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
        // What it was promised before in clusters that it leaves is free again.
        self.drop_where(key, |old| !targets.iter().any(|target| target.name == old.cluster));
        for target in targets {
            let before = spec.clusters.iter().find(|before| before.name == target.name);
            let more = match before {
                // Whole sets, and what has no replicas, are there already.
                Some(before) if target.replicas <= before.replicas => continue,
                Some(before) => target.replicas - before.replicas,
                None => target.replicas,
            };
            let more = TargetCluster { name: target.name.clone(), replicas: more };
            let Some(promise) = Promise::of(spec, &more) else { continue };
            add(self.by_cluster.entry(target.name.clone()).or_default(), &promise, 1);
            self.expiry.push_back((now + PROMISE_MAX, key.clone()));
            self.by_binding.entry(key.clone()).or_default().push(Outstanding {
                cluster: target.name.clone(),
                promise,
                until: now + PROMISE_MAX,
                before: seen.iter().find(|item| item.cluster_name == target.name).cloned(),
            });
        }
    }

    /// The binding is gone, or its assignment did not come about. Which clusters have room again.
    pub(super) fn revoke(&mut self, key: &Key) -> Vec<String> {
        self.drop_where(key, |_| true)
    }

    /// The binding's workload is seen to do so in its clusters: where it is up, it shows. Which clusters no longer
    /// count it twice.
    pub(super) fn seen(&mut self, key: &Key, items: &[AggregatedStatusItem]) -> Vec<String> {
        self.drop_where(key, |outstanding| {
            let item = items.iter().find(|item| item.cluster_name == outstanding.cluster);
            item.is_some_and(|item| item.health == Some(ResourceHealth::Healthy))
                && item != outstanding.before.as_ref()
        })
    }

    /// Drops what nobody took up in time. Which clusters have room again.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<String> {
        let mut clusters = Vec::new();
        while let Some((_, key)) = self.expiry.pop_front_if(|(until, _)| *until <= now) {
            clusters.extend(self.drop_where(&key, |outstanding| outstanding.until <= now));
        }
        clusters
    }

    /// When to look for expired promises next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.expiry.front().map(|(until, _)| *until)
    }

    /// What is promised in a cluster to all but one binding.
    pub(super) fn of_cluster(&self, cluster: &str, but: &Key) -> Vec<Promise> {
        let mut promises = self.by_cluster.get(cluster).cloned().unwrap_or_default();
        let own = self.by_binding.get(but).into_iter().flatten();
        for outstanding in own.filter(|outstanding| outstanding.cluster == cluster) {
            add(&mut promises, &outstanding.promise, -1);
        }
        promises
    }

    fn drop_where(&mut self, key: &Key, ended: impl Fn(&Outstanding) -> bool) -> Vec<String> {
        let Some(promises) = self.by_binding.get_mut(key) else { return Vec::new() };
        let dropped: Vec<Outstanding> = promises.extract_if(.., |outstanding| ended(outstanding)).collect();
        if promises.is_empty() {
            self.by_binding.remove(key);
        }
        for outstanding in &dropped {
            if let Some(of_cluster) = self.by_cluster.get_mut(&outstanding.cluster) {
                add(of_cluster, &outstanding.promise, -1);
                if of_cluster.is_empty() {
                    self.by_cluster.remove(&outstanding.cluster);
                }
            }
        }
        dropped.into_iter().map(|outstanding| outstanding.cluster).collect()
    }
}

/// Adds a promise to those of its cluster, or with `times` -1 takes it away again.
fn add(promises: &mut Vec<Promise>, promise: &Promise, times: i64) {
    let Some(at) = promises.iter().position(|other| is_alike(other, promise)) else {
        if times > 0 {
            promises.push(promise.clone());
        }
        return;
    };
    for (need, more) in promises[at].needs.iter_mut().zip(&promise.needs) {
        need.replicas = need.replicas.saturating_add(more.replicas.saturating_mul(times));
    }
    if promises[at].needs.iter().all(|need| need.replicas <= 0) {
        promises.swap_remove(at);
    }
}

/// Whether both are for the same pods, however many.
fn is_alike(a: &Promise, b: &Promise) -> bool {
    let same = |(a, b): (&Need, &Need)| {
        a.name == b.name
            && a.request == b.request
            && a.claim == b.claim
            && a.priority_class == b.priority_class
    };
    a.namespace == b.namespace && a.needs.len() == b.needs.len() && a.needs.iter().zip(&b.needs).all(same)
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
        assert_eq!(promised(&promises), 0);
    }

    #[test]
    fn only_what_is_more_is_promised_and_old_news_do_not_end_it() {
        let (mut promises, key) = (Promises::default(), Key::new("n", "a"));
        let healthy = item(ResourceHealth::Healthy);
        promises.make(&key, &spec(json!([{"name": "m1", "replicas": 2}])), &targets(3), &healthy, START);
        assert_eq!(promised(&promises), 1);
        assert!(promises.seen(&key, &healthy).is_empty());
        promises.make(&key, &spec(json!([{"name": "m1", "replicas": 3}])), &[], &healthy, START);
        assert_eq!(promised(&promises), 0, "it leaves the cluster");
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
        assert!(promises.expire(PROMISE_MAX).is_empty());
        assert_eq!(promises.next_at(), None);
    }

    #[test]
    fn equal_workloads_are_one_promise_and_each_is_taken_back_alone() {
        let mut promises = Promises::default();
        let keys: Vec<Key> = (0..100).map(|index| Key::new("n", &index.to_string())).collect();
        for key in &keys {
            promises.make(key, &spec(json!([])), &targets(3), &[], START);
        }
        assert_eq!(promises.of_cluster("m1", &Key::new("", "other")).len(), 1);
        assert_eq!(promised(&promises), 300);
        promises.revoke(&keys[0]);
        assert_eq!(promised(&promises), 297);
    }
}
