//! Clusters as they would be if some of the placed bindings left.

use std::cmp::Reverse;
use std::sync::Arc;

use windlass_api::quantity::Quantity;

use super::Occupant;
use crate::resources::Resources;
use crate::snapshot::{ClusterState, Promise, Snapshot};
use crate::workload::{Need, Workload};

/// What a placed binding holds, where that matters.
pub(super) struct Tenancy {
    /// Its place among those that were asked about.
    pub(super) occupant: usize,
    priority: i32,
    since: i64,
    /// By cluster, in the snapshot's order.
    held: Vec<(usize, Promise)>,
}

impl Tenancy {
    /// `None`: it holds nothing in a cluster that is allowed.
    pub(super) fn of(
        snapshot: &Snapshot,
        allowed: &[bool],
        index: usize,
        occupant: &Occupant<'_>,
    ) -> Option<Tenancy> {
        let names = snapshot.clusters();
        let mut held = Vec::new();
        for target in &occupant.spec.clusters {
            let place = names.binary_search_by(|cluster| cluster.name.as_str().cmp(&target.name));
            let Some(cluster) = place.ok().filter(|cluster| allowed[*cluster]) else { continue };
            held.extend(Promise::of(occupant.spec, target).map(|promise| (cluster, promise)));
        }
        held.sort_by_key(|(cluster, _)| *cluster);
        let Occupant { priority, since, .. } = *occupant;
        (!held.is_empty()).then_some(Tenancy { occupant: index, priority, since, held })
    }

    /// How dear it is to have it leave: the lower priority, then the newer one is cheaper.
    pub(super) fn rank(&self) -> (i32, Reverse<i64>, usize) {
        (self.priority, Reverse(self.since), self.occupant)
    }

    pub(super) fn is_in(&self, cluster: usize) -> bool {
        self.held.binary_search_by_key(&cluster, |(cluster, _)| *cluster).is_ok()
    }
}

/// The clusters, and who has left them.
pub(super) struct Relief<'a> {
    before: &'a Snapshot,
    tenancies: &'a [Tenancy],
    clusters: Vec<Arc<ClusterState>>,
    /// By cluster: those whose leaving shows in it.
    gone: Vec<Vec<usize>>,
}

impl<'a> Relief<'a> {
    pub(super) fn new(before: &'a Snapshot, tenancies: &'a [Tenancy]) -> Relief<'a> {
        let clusters = before.clusters().to_vec();
        let gone = vec![Vec::new(); clusters.len()];
        Relief { before, tenancies, clusters, gone }
    }

    pub(super) fn cluster(&self, cluster: usize) -> &ClusterState {
        &self.clusters[cluster]
    }

    /// The clusters as they are now. To be dropped before the next release, which otherwise has to copy them.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.clusters.iter().cloned())
    }

    /// Has these leave and all others stay, in all clusters or in `only` one.
    pub(super) fn release(&mut self, leaving: &[usize], only: Option<usize>) {
        let mut gone = vec![Vec::new(); self.clusters.len()];
        for tenancy in leaving {
            for (cluster, _) in &self.tenancies[*tenancy].held {
                if only.is_none_or(|only| only == *cluster) {
                    gone[*cluster].push(*tenancy);
                }
            }
        }
        for (cluster, gone) in gone.into_iter().enumerate() {
            if gone != self.gone[cluster] && only.is_none_or(|only| only == cluster) {
                self.set(cluster, &gone);
                self.gone[cluster] = gone;
            }
        }
    }

    fn set(&mut self, index: usize, gone: &[usize]) {
        let before = &self.before.clusters()[index];
        // Copied once: nobody else holds it from then on.
        let cluster = Arc::make_mut(&mut self.clusters[index]);
        // What its estimator has answered does not know of those who leave.
        cluster.answers = None;
        cluster.promises.clone_from(&before.promises);
        if let (Some(capacity), Some(before)) = (&mut cluster.capacity, &before.capacity) {
            capacity.free.clone_from(&before.free);
        }
        if let (Some(room), Some(before)) = (&mut cluster.room, &before.room) {
            for (node, before) in room.nodes.iter_mut().zip(&before.nodes) {
                node.requested.clone_from(&before.requested);
                node.pods = before.pods;
            }
            room.quotas.clone_from(&before.quotas);
        }
        for tenancy in gone {
            let held = &self.tenancies[*tenancy].held;
            for (_, promise) in held.iter().filter(|(cluster, _)| *cluster == index) {
                set_free(cluster, promise);
            }
        }
    }

    /// Those who help most first: by how much of what is scarce they would set free, then the cheaper ones.
    pub(super) fn by_use(
        &self,
        tenancies: Vec<usize>,
        workload: &Workload,
        only: Option<usize>,
    ) -> Vec<usize> {
        let unit = Unit::of(workload);
        let mut scarce: Vec<Option<Vec<(&str, i128)>>> = vec![None; self.clusters.len()];
        let mut order: Vec<(u128, usize)> = Vec::with_capacity(tenancies.len());
        for tenancy in tenancies {
            let mut used = 0u128;
            for (cluster, promise) in &self.tenancies[tenancy].held {
                if only.is_some_and(|only| only != *cluster) {
                    continue;
                }
                let scarce = scarce[*cluster].get_or_insert_with(|| unit.scarce(&self.clusters[*cluster]));
                let freed = sum(&promise.needs);
                for (resource, each) in scarce {
                    let share = freed.get(resource).nano().saturating_mul(1000) / *each;
                    used = used.saturating_add(share.max(0).unsigned_abs());
                }
            }
            order.push((used, tenancy));
        }
        order.sort_unstable_by_key(|(used, tenancy)| (Reverse(*used), self.tenancies[*tenancy].rank()));
        order.into_iter().map(|(_, tenancy)| tenancy).collect()
    }
}

/// What one replica, or one set, takes.
struct Unit {
    request: Resources,
    wanted: i128,
}

impl Unit {
    fn of(workload: &Workload) -> Unit {
        let (request, wanted) = match workload {
            Workload::Plain => (Resources::default(), 0),
            Workload::Replicas(need) => (sum(&[Need { replicas: 1, ..need.clone() }]), need.replicas),
            Workload::Components(needs) => (sum(needs), 1),
        };
        Unit { request, wanted: wanted.into() }
    }

    /// The resources of which a cluster has too little for all that is wanted, and how much a unit takes of each.
    fn scarce(&self, cluster: &ClusterState) -> Vec<(&str, i128)> {
        let free = |resource: &str| match (&cluster.room, &cluster.capacity) {
            (Some(room), _) if resource == "pods" => {
                let slots = room.nodes.iter().map(|node| node.free_slots());
                i128::from(slots.fold(0i64, i64::saturating_add)).saturating_mul(1_000_000_000)
            }
            (Some(room), _) => {
                let nodes = room.nodes.iter().map(|node| node.free(resource).nano());
                nodes.fold(0, i128::saturating_add)
            }
            (None, Some(capacity)) => capacity.free.get(resource).nano(),
            (None, None) => 0,
        };
        let amounts = || self.request.positive().map(|(resource, each)| (resource, each.nano()));
        let scarce: Vec<_> =
            amounts().filter(|(resource, each)| free(resource) < each.saturating_mul(self.wanted)).collect();
        // By the sums there is enough of everything: it is in pieces that are too small.
        if scarce.is_empty() { amounts().collect() } else { scarce }
    }
}

/// What pods request together, `pods` among it.
fn sum(needs: &[Need]) -> Resources {
    let mut sum = Resources::default();
    let mut pods = 0i64;
    for need in needs {
        sum.add(&need.request, need.replicas);
        pods = pods.saturating_add(need.replicas);
    }
    sum.set("pods", Quantity::from_units(pods));
    sum
}

/// Gives back to a cluster what a binding holds there.
fn set_free(cluster: &mut ClusterState, held: &Promise) {
    // What does not show in the member yet is only promised, together with others that are alike.
    let mut held = held.clone();
    let alike = |promise: &&mut Promise| {
        let same = |(a, b): (&Need, &Need)| Need { replicas: b.replicas, ..a.clone() } == *b;
        !promise.kept
            && promise.namespace == held.namespace
            && promise.needs.len() == held.needs.len()
            && promise.needs.iter().zip(&held.needs).all(same)
    };
    if let Some(promise) = cluster.promises.iter_mut().find(alike) {
        for (promised, need) in promise.needs.iter_mut().zip(&mut held.needs) {
            let only_promised = promised.replicas.min(need.replicas).max(0);
            promised.replicas -= only_promised;
            need.replicas -= only_promised;
        }
    }
    cluster.promises.retain(|promise| promise.needs.iter().any(|need| need.replicas > 0));
    let freed = sum(&held.needs);
    if let Some(capacity) = &mut cluster.capacity {
        capacity.free.add(&freed, 1);
    }
    let Some(room) = &mut cluster.room else { return };
    for need in &held.needs {
        let mut left = need.replicas;
        for node in &mut room.nodes {
            // A node that holds so many such pods at most.
            let amounts = need.request.positive();
            let fits = amounts.filter_map(|(resource, each)| node.requested.get(resource).fits(each)).min();
            let count = fits.unwrap_or(i64::MAX).min(node.pods).min(left).max(0);
            if count > 0 {
                let mut request = Resources::default();
                request.add(&need.request, count);
                node.requested.subtract(&request);
                node.pods -= count;
                left -= count;
            }
        }
    }
    for quota in room.quotas.get_mut(&held.namespace).into_iter().flatten() {
        let mut counted = Resources::default();
        for need in held.needs.iter().filter(|need| quota.counts(need)) {
            counted.add(&sum(std::slice::from_ref(need)), 1);
        }
        let names: Vec<String> = quota.hard.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let resource = name.strip_prefix("requests.").or(name.strip_prefix("count/")).unwrap_or(&name);
            let used = quota.used.get(&name).minus(counted.get(resource));
            quota.used.set(&name, used);
        }
    }
}
