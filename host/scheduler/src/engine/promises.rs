//! Room that was promised to workloads and does not show in their members yet.
//!
//! A promise begins with the decision, stands while its write is under way, and ends when the workload is seen to be
//! up. It follows what the bindings say: an assignment that somebody else made, or that was made before a restart, is
//! promised as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use windlass_api::Key;
use windlass_api::work::{
    AggregatedStatusItem, Binding, Component, ResourceBindingSpec, ResourceHealth, TargetCluster,
};

use super::held::{Held, Pods, is_alike};
use crate::snapshot::{ClusterState, Promise, Snapshot};
use crate::workload::comes_in_sets;

/// How long a promise holds that nobody takes up: a workload that never becomes healthy shows in its member all the
/// same.
pub(super) const PROMISE_MAX: Duration = Duration::from_secs(30);

/// How long what is said of a workload's health may be about how it was before it grew.
const HEALTH_STALE_MAX: Duration = Duration::from_secs(3);

/// How long a cluster that sums up its room takes to report it, where nothing changed meanwhile.
const REPORTED_WITHIN: Duration = Duration::from_secs(12);

/// A binding, and what its components were when it was placed as it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) binding: &'a Binding,
    pub(super) components: &'a [Component],
}

/// How a binding was before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before<'a> {
    Known(Placed<'a>),
    /// It is seen for the first time, and may have been placed a moment ago.
    Recent,
    /// It is seen for the first time, and was placed long ago.
    LongSince,
}

/// What is outstanding for all bindings. What it comes to is kept in the snapshot, where decisions look.
#[derive(Debug, Default)]
pub(super) struct Promises {
    by_binding: HashMap<Key, Account>,
    expiry: BTreeSet<(Duration, Key)>,
    /// Those that are up in a cluster, whose next report shows them.
    up: BTreeMap<String, BTreeSet<Key>>,
}

#[derive(Debug)]
struct Account {
    namespace: String,
    /// Boxed: a tree keeps room for more than it holds.
    clusters: BTreeMap<String, Box<Outstanding>>,
}

/// What is outstanding for one binding in one cluster.
#[derive(Debug, Default)]
struct Outstanding {
    /// What shows in the member, as far as is known.
    visible: Held,
    /// What the binding says.
    landed: Held,
    /// What was decided and may not be what the binding says.
    intended: Option<Held>,
    /// What is kept free for it.
    promised: Held,
    made: Duration,
    until: Duration,
    /// How the workload did there when the promise was made.
    before: Option<Box<AggregatedStatusItem>>,
}

impl Outstanding {
    fn due(&self) -> Held {
        let wanted = match &self.intended {
            Some(intended) => self.landed.or_more(intended),
            None => self.landed.clone(),
        };
        wanted.beyond(&self.visible)
    }
}

impl Promises {
    /// A decision was made: what it takes beyond what shows is promised from now on.
    pub(super) fn decided(
        &mut self,
        snapshot: &mut Snapshot,
        key: &Key,
        placed: Placed<'_>,
        targets: &[TargetCluster],
        now: Duration,
    ) {
        let Placed { binding, components } = placed;
        let spec = &binding.spec;
        let (wanted, held) = (Pods::of(spec, &spec.components), Pods::of(spec, components));
        for target in targets {
            let old = spec.clusters.iter().find(|old| old.name == target.name);
            if old == Some(target) && components == spec.components && !self.has(key, &target.name) {
                continue;
            }
            let intended = wanted.on(target);
            let present = old.map(|old| held.on(old)).unwrap_or_default();
            self.change(snapshot, key, &spec.resource.namespace, &target.name, now, |outstanding, new| {
                if new {
                    outstanding.visible.clone_from(&present);
                    outstanding.landed = present;
                }
                outstanding.before = item(binding, &target.name).cloned().map(Box::new);
                outstanding.intended = Some(intended);
            });
        }
    }

    /// Nothing that was decided is on its way any more: only what the binding says counts. Which clusters have room
    /// again.
    pub(super) fn settled(&mut self, snapshot: &mut Snapshot, key: &Key, now: Duration) -> Vec<String> {
        self.change_all(snapshot, key, now, |_, outstanding| outstanding.intended = None)
    }

    /// A binding is so now. Which clusters have room again.
    pub(super) fn follow(
        &mut self,
        snapshot: &mut Snapshot,
        key: &Key,
        before: Before<'_>,
        new: Placed<'_>,
        now: Duration,
    ) -> Vec<String> {
        let old = match before {
            Before::Known(old) => Some(old),
            Before::Recent | Before::LongSince => None,
        };
        let shows = matches!(before, Before::LongSince);
        let Placed { binding: new, components } = new;
        let spec = &new.spec;
        if old.is_some_and(|old| old.components == components && takes_the_same(&old.binding.spec, spec)) {
            return self.seen(snapshot, key, new, now);
        }
        let pods = Pods::of(spec, components);
        let old = old.map(|old| (old.binding, Pods::of(&old.binding.spec, old.components)));
        for target in &spec.clusters {
            // What is up after a restart shows; so does what was there before.
            if shows && item(new, &target.name).is_some_and(is_up) {
                continue;
            }
            let held = pods.on(target);
            let before = old.as_ref().and_then(|(old, pods)| {
                let target = old.spec.clusters.iter().find(|old| old.name == target.name)?;
                Some(pods.on(target))
            });
            let before = before.unwrap_or_default();
            if held == before && !self.has(key, &target.name) {
                continue;
            }
            self.change(snapshot, key, &spec.resource.namespace, &target.name, now, |outstanding, fresh| {
                if fresh {
                    outstanding.visible = before;
                    let before = item(old.as_ref().map_or(new, |(old, _)| old), &target.name);
                    outstanding.before = before.cloned().map(Box::new);
                }
                outstanding.visible = outstanding.visible.within(&held);
                outstanding.landed = held;
            });
        }
        let mut freed = self.change_all(snapshot, key, now, |cluster, outstanding| {
            if !spec.clusters.iter().any(|target| target.name == cluster.name) {
                (outstanding.landed, outstanding.visible) = (Held::default(), Held::default());
            }
        });
        freed.extend(self.seen(snapshot, key, new, now));
        freed
    }

    /// The workload is seen to do so in its clusters: where it is up, it shows, be it in the next report.
    fn seen(&mut self, snapshot: &mut Snapshot, key: &Key, binding: &Binding, now: Duration) -> Vec<String> {
        let mut up = Vec::new();
        let freed = self.change_all(snapshot, key, now, |cluster, outstanding| {
            // While a write is under way, what is seen is what was there before it.
            if outstanding.intended.is_some() {
                return;
            }
            let seen = item(binding, &cluster.name);
            if !seen.is_some_and(is_up) || seen == outstanding.before.as_deref() {
                return;
            }
            let mut shows_at = now;
            if outstanding.before.as_deref().is_some_and(is_up) {
                shows_at = shows_at.max(outstanding.made + HEALTH_STALE_MAX);
            }
            if cluster.room.is_none() {
                up.push(cluster.name.clone());
                shows_at = shows_at.max(now + REPORTED_WITHIN);
            }
            if shows_at <= now {
                outstanding.visible = outstanding.landed.clone();
            } else {
                outstanding.until = outstanding.until.min(shows_at);
            }
        });
        for cluster in up {
            self.up.entry(cluster).or_default().insert(key.clone());
        }
        freed
    }

    /// A cluster has reported its room anew: what was up before shows in it.
    pub(super) fn reported(&mut self, snapshot: &mut Snapshot, cluster: &str, now: Duration) {
        for key in self.up.remove(cluster).unwrap_or_default() {
            self.change_all(snapshot, &key, now, |it, outstanding| {
                let was_up = outstanding.before.as_deref().is_some_and(is_up);
                let stale = was_up && now < outstanding.made + HEALTH_STALE_MAX;
                if it.name == cluster && outstanding.intended.is_none() && !stale {
                    outstanding.visible = outstanding.landed.clone();
                }
            });
        }
    }

    /// The binding is gone. Which clusters have room again.
    pub(super) fn revoke(&mut self, snapshot: &mut Snapshot, key: &Key, now: Duration) -> Vec<String> {
        self.change_all(snapshot, key, now, |_, outstanding| {
            (outstanding.landed, outstanding.intended) = (Held::default(), None);
        })
    }

    /// Drops what nobody took up in time. Which clusters have room again.
    pub(super) fn expire(&mut self, snapshot: &mut Snapshot, now: Duration) -> Vec<String> {
        let mut freed = Vec::new();
        while self.expiry.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, key)) = self.expiry.pop_first() else { break };
            freed.extend(self.change_all(snapshot, &key, now, |_, outstanding| {
                if outstanding.until <= now {
                    (outstanding.visible, outstanding.intended) = (outstanding.landed.clone(), None);
                }
            }));
        }
        freed
    }

    /// When to look for expired promises next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.expiry.first().map(|(until, _)| *until)
    }

    /// What is kept free for a binding, by cluster.
    pub(super) fn of(&self, key: &Key) -> Vec<(String, Promise)> {
        let account = self.by_binding.get(key);
        account
            .into_iter()
            .flat_map(|account| {
                account.clusters.iter().filter(|(_, outstanding)| !outstanding.promised.is_empty()).map(
                    |(cluster, outstanding)| {
                        let needs = outstanding.promised.needs();
                        let namespace = account.namespace.clone();
                        (cluster.clone(), Promise { namespace, needs, ..Promise::default() })
                    },
                )
            })
            .collect()
    }

    /// A cluster has come: what it was promised while nobody knew of it counts again.
    pub(super) fn restore(&self, snapshot: &mut Snapshot, cluster: &str) {
        let Some(promises) = snapshot.promises_mut(cluster) else { return };
        promises.clear();
        let mut accounts: Vec<_> = self.by_binding.iter().collect();
        accounts.sort_unstable_by_key(|(key, _)| *key);
        for (_, account) in accounts {
            if let Some(outstanding) = account.clusters.get(cluster) {
                add(promises, &account.namespace, &outstanding.promised, 1);
            }
        }
    }

    /// A cluster has come on which a binding was placed all along: what it is to run there it may have to start anew.
    pub(super) fn resumed(
        &mut self,
        snapshot: &mut Snapshot,
        key: &Key,
        placed: Placed<'_>,
        cluster: &str,
        now: Duration,
    ) {
        let Placed { binding, components } = placed;
        let spec = &binding.spec;
        let target = spec.clusters.iter().find(|target| target.name == cluster);
        let Some(target) = target else { return };
        let held = Pods::of(spec, components).on(target);
        self.change(snapshot, key, &spec.resource.namespace, cluster, now, |outstanding, _| {
            outstanding.before = item(binding, cluster).cloned().map(Box::new);
            (outstanding.visible, outstanding.landed) = (Held::default(), held);
            (outstanding.made, outstanding.until) = (now, now + PROMISE_MAX);
        });
    }

    fn has(&self, key: &Key, cluster: &str) -> bool {
        self.by_binding.get(key).is_some_and(|account| account.clusters.contains_key(cluster))
    }

    fn change(
        &mut self,
        snapshot: &mut Snapshot,
        key: &Key,
        namespace: &str,
        cluster: &str,
        now: Duration,
        change: impl FnOnce(&mut Outstanding, bool),
    ) {
        let account = self
            .by_binding
            .entry(key.clone())
            .or_insert_with(|| Account { namespace: namespace.to_owned(), clusters: BTreeMap::new() });
        let new = !account.clusters.contains_key(cluster);
        let outstanding = account.clusters.entry(cluster.to_owned()).or_default();
        change(outstanding, new);
        settle(snapshot, &account.namespace, cluster, outstanding, now);
        if outstanding.until > now {
            self.expiry.insert((outstanding.until, key.clone()));
        }
        self.tidy(key);
    }

    fn change_all(
        &mut self,
        snapshot: &mut Snapshot,
        key: &Key,
        now: Duration,
        mut change: impl FnMut(&ClusterState, &mut Outstanding),
    ) -> Vec<String> {
        let Some(account) = self.by_binding.get_mut(key) else { return Vec::new() };
        let mut freed = Vec::new();
        for (name, outstanding) in &mut account.clusters {
            let until = outstanding.until;
            match snapshot.get(name) {
                Some(cluster) => change(cluster, outstanding),
                None => change(&ClusterState { name: name.clone(), ..ClusterState::default() }, outstanding),
            }
            if settle(snapshot, &account.namespace, name, outstanding, now) {
                freed.push(name.clone());
            }
            if outstanding.until != until {
                self.expiry.insert((outstanding.until, key.clone()));
            }
        }
        self.tidy(key);
        freed
    }

    /// Forgets what is no longer outstanding.
    fn tidy(&mut self, key: &Key) {
        let Some(account) = self.by_binding.get_mut(key) else { return };
        account.clusters.retain(|_, outstanding| {
            outstanding.intended.is_some() || !outstanding.landed.beyond(&outstanding.visible).is_empty()
        });
        if account.clusters.is_empty() {
            self.by_binding.remove(key);
        }
    }
}

/// Keeps free what is outstanding now, instead of what was. Whether something is free again.
fn settle(
    snapshot: &mut Snapshot,
    namespace: &str,
    cluster: &str,
    outstanding: &mut Outstanding,
    now: Duration,
) -> bool {
    let due = outstanding.due();
    if due == outstanding.promised {
        // Equal pods of the binding as it was are let go.
        outstanding.promised = due;
        return false;
    }
    let freed = !outstanding.promised.beyond(&due).is_empty();
    if !due.beyond(&outstanding.promised).is_empty() {
        (outstanding.made, outstanding.until) = (now, now + PROMISE_MAX);
    }
    if let Some(promises) = snapshot.promises_mut(cluster) {
        add(promises, namespace, &outstanding.promised, -1);
        add(promises, namespace, &due, 1);
    }
    outstanding.promised = due;
    freed
}

/// Adds to what a cluster was promised, or with `times` -1 takes it away again. A thousand equal workloads are one
/// promise.
fn add(promises: &mut Vec<Promise>, namespace: &str, held: &Held, times: i64) {
    if held.is_empty() {
        return;
    }
    let kinds = held.kinds();
    let alike = |promise: &Promise| {
        promise.namespace == namespace
            && promise.needs.len() == kinds.len()
            && promise.needs.iter().zip(kinds).all(|(a, (b, _))| is_alike(a, b))
    };
    match promises.iter().position(alike) {
        Some(at) => {
            for (need, (_, more)) in promises[at].needs.iter_mut().zip(kinds) {
                need.replicas = need.replicas.saturating_add(more.saturating_mul(times));
            }
            if promises[at].needs.iter().all(|need| need.replicas <= 0) {
                promises.swap_remove(at);
            }
        }
        None if times > 0 => {
            let (namespace, needs) = (namespace.to_owned(), held.needs());
            promises.push(Promise { namespace, needs, ..Promise::default() });
        }
        None => {}
    }
}

fn item<'a>(binding: &'a Binding, cluster: &str) -> Option<&'a AggregatedStatusItem> {
    binding.status.as_ref()?.aggregated_status.iter().find(|item| item.cluster_name == cluster)
}

fn is_up(item: &AggregatedStatusItem) -> bool {
    item.health == Some(ResourceHealth::Healthy)
}

fn takes_the_same(a: &ResourceBindingSpec, b: &ResourceBindingSpec) -> bool {
    a.clusters == b.clusters
        && a.replica_requirements == b.replica_requirements
        && comes_in_sets(a) == comes_in_sets(b)
}

#[cfg(test)]
#[path = "promises_tests.rs"]
mod tests;
