//! What holds of every decision, whatever the clusters, the placement and what is placed.

use std::collections::{BTreeMap, BTreeSet};

use windlass_api::policy::{ClusterAffinity, ReplicaSchedulingType, SpreadField};

use super::*;
use crate::testing::ClusterBuilder;
use crate::{Outcome, explain, replicas as room_for, sets};

/// One cluster, by small numbers.
#[derive(Clone, Debug)]
struct Member {
    cpu: i64,
    region: u8,
    zones: Vec<u8>,
    rack: u8,
    /// Deleting, tainted, without the kind, evicting; mostly nothing.
    flaw: u8,
    /// What the binding has there.
    present: Option<i32>,
}

#[derive(Clone, Debug)]
struct World {
    members: Vec<Member>,
    spec: ResourceBindingSpec,
}

fn name(index: usize) -> String {
    format!("m{index}")
}

impl World {
    /// With so much more or less cpu free in each cluster.
    fn clusters(&self, more: impl Fn(usize) -> i64) -> Vec<ClusterBuilder> {
        let built = |(index, member): (usize, &Member)| {
            let cpu = (member.cpu + more(index)).max(0).to_string();
            let built = cluster(&name(index)).summary(&[("cpu", &cpu), ("memory", "1Ti"), ("pods", "1000")]);
            let built = if member.rack > 0 { built.label("rack", &member.rack.to_string()) } else { built };
            let built = if member.flaw == 2 { built.taint("gpu", "NoSchedule") } else { built };
            built.with(|state| {
                state.deleting = member.flaw == 1;
                if member.flaw == 3 {
                    state.apis.clear();
                }
                if member.region > 0 {
                    state.region = format!("r{}", member.region);
                }
                state.zones = member.zones.iter().map(|zone| format!("z{zone}")).collect();
            })
        };
        self.members.iter().enumerate().map(built).collect()
    }

    fn snapshot(&self) -> Snapshot {
        snapshot(self.clusters(|_| 0))
    }

    fn constraint(&self, at: usize) -> (Option<SpreadField>, &str, usize, usize) {
        let constraint = &self.spec.placement.as_ref().unwrap().spread_constraints[at];
        let max = usize::try_from(constraint.max_groups).unwrap();
        let max = if max == 0 { usize::MAX } else { max };
        let min = usize::try_from(constraint.min_groups).unwrap().max(1);
        (constraint.spread_by_field, &constraint.spread_by_label, min, max)
    }

    /// In how many groups of a constraint these clusters are.
    fn covered(&self, at: usize, clusters: &[String]) -> usize {
        let (field, label, ..) = self.constraint(at);
        let snapshot = self.snapshot();
        let mut groups = BTreeSet::new();
        for cluster in clusters.iter().filter_map(|name| snapshot.get(name)) {
            match field {
                Some(SpreadField::Region) => drop(groups.insert(cluster.region.clone())),
                Some(SpreadField::Zone) => groups.extend(cluster.zones.iter().cloned()),
                _ if !label.is_empty() => drop(groups.insert(cluster.labels[label].clone())),
                _ => drop(groups.insert(cluster.name.clone())),
            }
        }
        groups.len()
    }

    /// Whether the placement allows a cluster, apart from what spread constraints say.
    fn allows(&self, index: usize, group: Option<&str>) -> bool {
        let member = &self.members[index];
        let placement = self.spec.placement.as_ref().unwrap();
        let named = |affinity: &ClusterAffinity| {
            affinity.cluster_names.is_empty() || affinity.cluster_names.contains(&name(index))
        };
        let term =
            placement.cluster_affinities.iter().find(|term| Some(term.affinity_name.as_str()) == group);
        let selected = match (term, &placement.cluster_affinity) {
            (Some(term), _) => {
                named(&term.affinity) || term.overflow_affinities.iter().any(|tier| named(&tier.affinity))
            }
            (None, Some(affinity)) => named(affinity),
            (None, None) => true,
        };
        let unfit = matches!(member.flaw, 2 | 3) && member.present.is_none();
        selected && !unfit && !matches!(member.flaw, 1 | 4)
    }

    fn strategy(&self) -> (bool, bool) {
        let Some(scheduling) = &self.spec.placement.as_ref().unwrap().replica_scheduling else {
            return (false, false);
        };
        let divided = scheduling.replica_scheduling_type != Some(ReplicaSchedulingType::Duplicated);
        let weights = scheduling.weight_preference.as_ref();
        let by_weight = weights.is_some_and(|weights| !weights.static_weight_list.is_empty());
        (divided, divided && !by_weight)
    }
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (
        0i64..12,
        0u8..4,
        prop::collection::btree_set(0u8..4, 0..3),
        0u8..4,
        prop_oneof![9 => Just(0u8), 1 => 1u8..5],
        prop::option::weighted(0.3, 0i32..8),
    );
    let member = member.prop_map(|(cpu, region, zones, rack, flaw, present)| Member {
        cpu,
        region,
        zones: zones.into_iter().collect(),
        rack,
        flaw,
        present,
    });
    prop::collection::vec(member, 1..8)
}

fn spread() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!({"spreadByField": "cluster"})),
        Just(json!({"spreadByField": "region"})),
        Just(json!({"spreadByField": "zone"})),
        Just(json!({"spreadByLabel": "rack"})),
    ];
    let constraint = (kind, 0i64..4, 0i64..3).prop_map(|(mut constraint, min, more)| {
        constraint["minGroups"] = json!(min);
        constraint["maxGroups"] = json!(if more == 2 { 0 } else { min + more });
        constraint
    });
    prop_oneof![1 => Just(json!([])), 3 => prop::collection::vec(constraint, 1..4).prop_map(Value::from)]
}

fn affinity() -> impl Strategy<Value = Value> {
    let names = || prop::collection::btree_set((0usize..8).prop_map(name), 0..5);
    let terms = prop::collection::vec((names(), prop::option::of(names())), 1..4).prop_map(|terms| {
        let term = |(index, (own, overflow)): (usize, (_, Option<BTreeSet<String>>))| {
            let mut term = json!({"affinityName": format!("g{index}"), "clusterNames": own});
            if let Some(names) = overflow {
                term["overflowAffinities"] = json!([{"affinityName": "more", "clusterNames": names}]);
            }
            term
        };
        json!({"clusterAffinities": terms.into_iter().enumerate().map(term).collect::<Vec<_>>()})
    });
    prop_oneof![
        2 => Just(json!({})),
        1 => names().prop_map(|names| json!({"clusterAffinity": {"clusterNames": names}})),
        1 => terms,
    ]
}

fn worlds() -> impl Strategy<Value = World> {
    (members(), spread(), affinity(), 0..5, 0..6, 0i32..25).prop_map(
        |(members, spread, mut placement, strategy, kind, replicas)| {
            let scheduling = match strategy {
                0 => Value::Null,
                1 => divided("Weighted", json!({"staticWeightList": [{"targetCluster": {}, "weight": 1}]})),
                2 => dynamic(),
                _ => aggregated(),
            };
            if let Some(scheduling) = scheduling.get("replicaScheduling") {
                placement["replicaScheduling"] = scheduling.clone();
            }
            placement["spreadConstraints"] = spread;
            let mut spec = match kind {
                0 => config_map(placement),
                1 => {
                    let mut spec = flink();
                    spec.placement = Some(serde_json::from_value(placement).unwrap());
                    spec
                }
                _ => deployment(replicas, placement),
            };
            let divides = spec.replica_requirements.is_some();
            for (index, member) in members.iter().enumerate() {
                if let Some(present) = member.present {
                    let replicas = if divides { present } else { 0 };
                    spec.clusters.push(TargetCluster { name: name(index), replicas });
                }
                if member.flaw == 4 {
                    let task = json!({"fromCluster": name(index), "reason": "R", "producer": "p"});
                    spec.graceful_eviction_tasks.push(serde_json::from_value(task).unwrap());
                }
            }
            World { members, spec }
        },
    )
}

proptest! {
    #[test]
    fn a_decision_keeps_to_the_placement_and_to_the_room_there_is(world in worlds()) {
        let (snapshot, spec) = (world.snapshot(), &world.spec);
        let Decision::Scheduled { targets, affinity } = now(&snapshot, spec) else { return Ok(()) };
        let (divided, by_room) = world.strategy();
        let workload = Workload::of(spec).unwrap();
        for target in &targets {
            let index: usize = target.name[1..].parse().unwrap();
            prop_assert!(world.allows(index, affinity.as_deref()), "{} is refused", target.name);
            let state = snapshot.get(&target.name).unwrap();
            let present = world.members[index].present;
            match &workload {
                Workload::Plain => prop_assert_eq!(target.replicas, 0),
                Workload::Components(needs) => {
                    prop_assert_eq!(target.replicas, 0, "components are not divided");
                    let chosen = !spec.placement.as_ref().unwrap().spread_constraints.is_empty();
                    prop_assert!(!chosen || present.is_some() || sets(state, "default", needs).count > 0);
                }
                Workload::Replicas(need) => {
                    prop_assert!(target.replicas > 0);
                    let more = i64::from(target.replicas - present.unwrap_or(0));
                    prop_assert!(!by_room || more <= 0 || more <= room_for(state, "default", need).count);
                    prop_assert!(divided || target.replicas == spec.replicas);
                }
            }
        }
        if divided && matches!(workload, Workload::Replicas(_)) {
            prop_assert_eq!(targets.iter().map(|target| target.replicas).sum::<i32>(), spec.replicas);
        }
        prop_assert!(targets.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn constraints_hold_over_the_clusters_that_are_taken(world in worlds()) {
        let (snapshot, spec) = (world.snapshot(), &world.spec);
        let explanation = explain(&snapshot, spec, &unseen(), &Context::default());
        let Outcome::Scheduled { clusters, .. } = &explanation.decision else { return Ok(()) };
        let (_, by_room) = world.strategy();
        let weighted = world.strategy().0 && !by_room && spec.components.is_empty();
        let taken = &explanation.groups.last().unwrap().clusters;
        let taken: Vec<String> = taken.iter().filter(|one| one.taken).map(|one| one.name.clone()).collect();
        prop_assert!(clusters.iter().all(|target| taken.contains(&target.name)));
        // Fixed weights say themselves who is meant.
        let constraints = spec.placement.as_ref().unwrap().spread_constraints.len();
        for at in (0..constraints).filter(|_| !weighted) {
            let (.., min, max) = world.constraint(at);
            let covered = world.covered(at, &taken);
            prop_assert!((min..=max).contains(&covered), "{covered} groups by constraint {at}: {taken:?}");
        }
    }

    #[test]
    fn a_decision_and_its_explanation_agree_and_a_refusal_has_its_reasons(world in worlds()) {
        let snapshot = world.snapshot();
        let decision = now(&snapshot, &world.spec);
        let explanation = explain(&snapshot, &world.spec, &unseen(), &Context::default());
        match (decision, explanation.decision) {
            (Decision::Scheduled { targets, affinity }, Outcome::Scheduled { affinity_name, clusters }) => {
                prop_assert_eq!((targets, affinity), (clusters, affinity_name));
            }
            (Decision::Refused(refusal), Outcome::Refused { reason, message, .. }) => {
                prop_assert_eq!((refusal.reason.name(), refusal.to_string()), (reason.as_str(), message));
                prop_assert!(!refusal.summary.is_empty());
                let contradicts = refusal.reason == Reason::SchedulerError;
                prop_assert_eq!(refusal.clusters.len(), if contradicts { 0 } else { world.members.len() });
            }
            (decision, outcome) => prop_assert!(false, "{decision:?} and {outcome:?}"),
        }
    }

    #[test]
    fn the_order_of_clusters_makes_no_difference(world in worlds()) {
        let mut backwards = world.clusters(|_| 0);
        backwards.reverse();
        let mut spec = world.spec.clone();
        spec.clusters.reverse();
        prop_assert_eq!(now(&world.snapshot(), &world.spec), now(&snapshot(backwards), &spec));
    }

    #[test]
    fn whatever_was_decided_is_decided_again(world in worlds()) {
        let Decision::Scheduled { targets, affinity } = now(&world.snapshot(), &world.spec) else {
            return Ok(());
        };
        // Where it lost its last replica it is no longer let in by being there.
        let left = |(index, member): (usize, &Member)| {
            matches!(member.flaw, 2 | 3) && targets.iter().all(|target| target.name != name(index))
        };
        if world.members.iter().enumerate().any(left) {
            return Ok(());
        }
        let each = match Workload::of(&world.spec).unwrap() {
            Workload::Replicas(_) => 1,
            // One set's cpu.
            Workload::Components(_) => 5,
            Workload::Plain => 0,
        };
        let held = |clusters: &[TargetCluster]| -> BTreeMap<String, i64> {
            let count = |target: &TargetCluster| {
                let sets = world.spec.replica_requirements.is_none();
                if sets { each } else { i64::from(target.replicas) * each }
            };
            clusters.iter().map(|target| (target.name.clone(), count(target))).collect()
        };
        let (before, after) = (held(&world.spec.clusters), held(&targets));
        let of = |held: &BTreeMap<String, i64>, index| held.get(&name(index)).copied().unwrap_or(0);
        // Duplicates and fixed weights go also where there is no room. What they then hold counts as room that they
        // have, which can make a region a better choice than it was: as in Karmada.
        let fits = |(index, member): (usize, &Member)| of(&after, index) - of(&before, index) <= member.cpu;
        if !world.members.iter().enumerate().all(fits) {
            return Ok(());
        }
        let carried_out = snapshot(world.clusters(|index| of(&before, index) - of(&after, index)));
        let mut spec = world.spec.clone();
        spec.clusters = targets.clone();
        let mut status = unseen();
        status.scheduler_observed_affinity_name = affinity.clone().unwrap_or_default();
        let again = decide(&carried_out, &spec, &status, &Context::default());
        prop_assert_eq!(again, Decision::Scheduled { targets, affinity });
    }

    #[test]
    fn one_more_replica_never_costs_a_cluster_one(
        cpus in prop::collection::vec(0i64..9, 1..6), weights in prop::collection::vec(0i64..4, 6),
        replicas in 0i32..30, fixed in any::<bool>(),
    ) {
        let clusters = snapshot(cpus.iter().enumerate().map(|(index, cpu)| {
            cluster(&name(index)).summary(&[("cpu", &cpu.to_string()), ("pods", "100")])
        }));
        let list: Vec<Value> = (0..cpus.len())
            .map(|index| json!({"targetCluster": {"clusterNames": [name(index)]}, "weight": weights[index]}))
            .collect();
        let placement =
            if fixed { divided("Weighted", json!({"staticWeightList": list})) } else { dynamic() };
        let shares = |replicas| match now(&clusters, &deployment(replicas, placement.clone())) {
            Decision::Scheduled { targets, .. } => {
                Some(targets.into_iter().map(|target| (target.name, target.replicas)).collect::<BTreeMap<_, _>>())
            }
            Decision::Refused(_) => None,
        };
        if let (Some(fewer), Some(more)) = (shares(replicas), shares(replicas + 1)) {
            prop_assert!(fewer.iter().all(|(name, count)| more.get(name).is_some_and(|more| more >= count)));
        }
    }
}
