//! Which bindings a change of a cluster concerns.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use windlass_api::Key;
use windlass_api::work::{ObjectReference, ResourceBindingSpec, WorkloadAffinityGroups};

use crate::context::Peers;
use crate::filter::{Tiers, refuse};
use crate::plan::Plan;
use crate::snapshot::ClusterState;
use crate::trigger::follows_clusters;
use crate::workload::Workload;

/// Placed bindings, by what their decision depends on.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    placed_on: HashMap<Arc<str>, BTreeSet<Arc<Key>>>,
    /// Those that go wherever they may, by what says where that is.
    followers: BTreeMap<Arc<Rule>, Followers>,
    groups: HashMap<Group, BTreeSet<Arc<Key>>>,
    entries: HashMap<Arc<Key>, Entry>,
}

/// What says where a resource may go.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    api_version: String,
    kind: String,
    /// As JSON.
    placement: String,
}

#[derive(Debug)]
struct Followers {
    /// A binding of that rule and nothing else.
    bare: ResourceBindingSpec,
    keys: BTreeSet<Arc<Key>>,
}

#[derive(Debug)]
struct Entry {
    clusters: Box<[Arc<str>]>,
    rule: Option<Arc<Rule>>,
    groups: Vec<Group>,
}

impl Concerns {
    /// A binding is so now.
    pub(super) fn put(&mut self, key: &Key, spec: &ResourceBindingSpec) {
        let rule = follows_clusters(spec).then(|| {
            Arc::new(Rule {
                api_version: spec.resource.api_version.clone(),
                kind: spec.resource.kind.clone(),
                placement: serde_json::to_string(&spec.placement).unwrap_or_default(),
            })
        });
        let groups = groups(key, spec);
        let same = self.entries.get(key).is_some_and(|old| {
            old.rule == rule
                && old.groups == groups
                && old
                    .clusters
                    .iter()
                    .map(|name| &**name)
                    .eq(spec.clusters.iter().map(|target| target.name.as_str()))
        });
        if same {
            return;
        }
        self.remove(key);
        let key = Arc::new(key.clone());
        let clusters = spec.clusters.iter().map(|target| self.put_on(&target.name, &key)).collect();
        if let Some(rule) = &rule {
            let followers = self.followers.entry(rule.clone()).or_insert_with(|| Followers {
                bare: ResourceBindingSpec {
                    resource: ObjectReference {
                        api_version: rule.api_version.clone(),
                        kind: rule.kind.clone(),
                        ..ObjectReference::default()
                    },
                    placement: spec.placement.clone(),
                    ..ResourceBindingSpec::default()
                },
                keys: BTreeSet::new(),
            });
            followers.keys.insert(key.clone());
        }
        for group in &groups {
            self.groups.entry(group.clone()).or_default().insert(key.clone());
        }
        self.entries.insert(key, Entry { clusters, rule, groups });
    }

    /// Notes that a binding is placed on a cluster. The cluster's name, which all share that are.
    fn put_on(&mut self, cluster: &str, key: &Arc<Key>) -> Arc<str> {
        let name = match self.placed_on.get_key_value(cluster) {
            Some((name, _)) => name.clone(),
            None => cluster.into(),
        };
        self.placed_on.entry(name.clone()).or_default().insert(key.clone());
        name
    }

    /// The binding is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        for cluster in &entry.clusters {
            if let Some(keys) = self.placed_on.get_mut(cluster) {
                keys.remove(key);
                if keys.is_empty() {
                    self.placed_on.remove(cluster);
                }
            }
        }
        for group in &entry.groups {
            if let Some(keys) = self.groups.get_mut(group) {
                keys.remove(key);
                if keys.is_empty() {
                    self.groups.remove(group);
                }
            }
        }
        if let Some(rule) = &entry.rule
            && let Some(followers) = self.followers.get_mut(rule)
        {
            followers.keys.remove(key);
            if followers.keys.is_empty() {
                self.followers.remove(rule);
            }
        }
    }

    /// Those that are placed on a cluster.
    pub(super) fn placed_on(&self, cluster: &str) -> Vec<Key> {
        self.placed_on.get(cluster).into_iter().flatten().map(|key| Key::clone(key)).collect()
    }

    /// Those that follow the clusters and may follow this change. Each rule is asked once, however many have it.
    pub(super) fn follow(&self, old: Option<&ClusterState>, new: Option<&ClusterState>) -> Vec<Key> {
        let concerned = self.followers.values().filter(|followers| {
            // Taints and lost kinds do not concern those that are there already.
            [false, true].into_iter().any(|placed| {
                let [before, now] = allowed([old, new], &followers.bare, |_| placed);
                before != now || now.any() && looks_otherwise(old, new)
            })
        });
        concerned.flat_map(|followers| &followers.keys).map(|key| Key::clone(key)).collect()
    }

    /// The bindings that share a group of affinity or of anti-affinity with such a one, itself apart.
    pub(super) fn peers(&self, key: &Key, spec: &ResourceBindingSpec) -> BTreeSet<Key> {
        let mut peers = BTreeSet::new();
        for group in groups(key, spec) {
            let all = self.groups.get(&group).into_iter().flatten().map(|peer| &**peer);
            peers.extend(all.filter(|peer| *peer != key).cloned());
        }
        peers
    }
}

/// A group of workloads: its namespace, whether it keeps together, its name.
type Group = (String, bool, String);

fn groups(key: &Key, spec: &ResourceBindingSpec) -> Vec<Group> {
    let Some(WorkloadAffinityGroups { affinity_group, anti_affinity_group }) = &spec.workload_affinity_groups
    else {
        return Vec::new();
    };
    let groups = [(true, affinity_group), (false, anti_affinity_group)].into_iter();
    groups
        .filter(|(_, name)| !name.is_empty())
        .map(|(together, name)| (key.namespace.clone(), together, name.clone()))
        .collect()
}

/// Whether a binding that was refused may be placed after a change of this cluster.
pub(super) fn may_help(old: Option<&ClusterState>, new: &ClusterState, spec: &ResourceBindingSpec) -> bool {
    let placed = |cluster: &ClusterState| spec.clusters.iter().any(|target| target.name == cluster.name);
    let [before, now] = allowed([old, Some(new)], spec, placed);
    now.any() && (now != before || looks_otherwise(old, Some(new)))
}

/// By each of a placement's groups, as which of its tiers it allows a cluster. Other workloads apart.
#[derive(PartialEq)]
struct Allowed(Vec<Option<usize>>);

impl Allowed {
    fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }
}

fn allowed(
    clusters: [Option<&ClusterState>; 2],
    spec: &ResourceBindingSpec,
    placed: impl Fn(&ClusterState) -> bool,
) -> [Allowed; 2] {
    let workload = Workload::of(spec).unwrap_or(Workload::Plain);
    let Ok(plan) = Plan::of(spec.placement.as_ref(), &workload) else {
        return [Allowed(Vec::new()), Allowed(Vec::new())];
    };
    let tiers: Vec<Tiers<'_>> = plan.groups("").map(|group| Tiers::of(&group)).collect();
    clusters.map(|cluster| {
        let cluster = cluster.filter(|cluster| {
            !cluster.deleting && refuse(cluster, spec, &plan, &Peers::default(), placed(cluster)).is_none()
        });
        Allowed(tiers.iter().map(|tiers| cluster.and_then(|cluster| tiers.tier_of(cluster))).collect())
    })
}

/// Whether a choice among clusters may see this one otherwise, though it allows it as before.
fn looks_otherwise(old: Option<&ClusterState>, new: Option<&ClusterState>) -> bool {
    let looks = |cluster: Option<&ClusterState>| {
        cluster.map(|it| (it.labels.clone(), it.provider.clone(), it.region.clone(), it.zones.clone()))
    };
    looks(old) != looks(new)
}
