//! Where Windlass decides otherwise than Karmada v1.16.0, and is to. Each has a case in which the two differ by it.

use serde_json::{Value, json};
use windlass_api::policy::SpreadField;
use windlass_scheduler::ClusterExplanation;

use crate::case::{Binding, Case, Ours};
use crate::karmada::{Answer, Target};

/// One such difference.
pub(crate) struct Accepted {
    pub(crate) name: &'static str,
    /// What Karmada does.
    pub(crate) karmada: &'static str,
    /// Why Windlass does not.
    pub(crate) reason: &'static str,
    /// Whether a case in which the two differ is one of these.
    pub(crate) applies: fn(&Case, &Ours, &Answer) -> bool,
    pub(crate) example: fn() -> Value,
}

/// All of them. Of several that apply the first names the difference.
pub(crate) const ACCEPTED: [Accepted; 12] = [
    Accepted {
        name: "no-input-stops-the-scheduler",
        karmada: "divides by the number of a region's clusters that have room for all duplicates, which may be none",
        reason: "A binding never stops the scheduler for everybody.",
        applies: |_, _, theirs| theirs.panic.contains("divide by zero"),
        example: || {
            binding(
                &[("a", "1", "north"), ("b", "1", "south")],
                json!({"replicas": 5, "placement": {"spreadConstraints": [
                    {"spreadByField": "region", "minGroups": 1, "maxGroups": 1},
                    {"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}}),
            )
        },
    },
    Accepted {
        name: "room-adds-up",
        karmada: "adds up room in 32 bits, and of a workload scaled to zero takes each cluster to have all of them",
        reason: "Two clusters with room for everything don't come to less than none.",
        applies: |case, _, _| {
            of(case, |binding| {
                binding.is_divided_by_room() && !binding.is_steady() && binding.spec.replicas == 0
            })
        },
        example: || {
            let mut case = binding(&[("a", "1", "north"), ("b", "1", "south")], dynamic(0));
            case["spec"]["rescheduleTriggeredAt"] = json!("2026-01-02T00:00:00Z");
            case["status"]["lastScheduledTime"] = json!("2026-01-01T00:00:00Z");
            case
        },
    },
    Accepted {
        name: "every-topology-counts",
        karmada: "spreads by cluster and region alone, and either refuses the others or passes over them",
        reason: "A constraint that is written down holds.",
        applies: |case, _, _| {
            of(case, |binding| {
                let constraints = binding.placement().spread_constraints;
                constraints.iter().any(|one| {
                    matches!(one.spread_by_field, Some(SpreadField::Zone | SpreadField::Provider))
                        || !one.spread_by_label.is_empty()
                })
            })
        },
        example: || {
            binding(
                &[("a", "1", "north"), ("b", "1", "south")],
                json!({"placement": {"spreadConstraints": [{"spreadByField": "zone", "minGroups": 1, "maxGroups": 2}]}}),
            )
        },
    },
    Accepted {
        name: "no-maximum-is-no-bound",
        karmada: "takes maxGroups 0 of the clusters for the number of them that are chosen",
        reason: "A maximum that is not given bounds nothing, as the field is optional.",
        applies: |case, _, _| {
            of(case, |binding| matches!(binding.spread(SpreadField::Cluster), Some((_, 0))))
        },
        example: || {
            binding(
                &[("a", "1", "north")],
                json!({"placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1}]}}),
            )
        },
    },
    Accepted {
        name: "a-maximum-of-clusters-holds-beside-regions",
        karmada: "takes a cluster of each region that it has chosen, though these are more than the clusters' maxGroups",
        reason: "Each constraint holds.",
        applies: |case, _, _| {
            of(case, |binding| {
                let (clusters, regions) =
                    (binding.spread(SpreadField::Cluster), binding.spread(SpreadField::Region));
                matches!((clusters, regions), (Some((_, clusters)), Some((_, regions))) if clusters < regions)
            })
        },
        example: || {
            binding(
                &[("a", "9", "north"), ("b", "9", "south")],
                json!({"placement": {"spreadConstraints": [
                    {"spreadByField": "region", "minGroups": 2, "maxGroups": 2},
                    {"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}}),
            )
        },
    },
    Accepted {
        name: "sets-go-where-they-fit",
        karmada: "sends whole sets to clusters without room for one, counts pods instead of sets unless exactly one \
                  cluster is wanted, and sends sets everywhere where weights are fixed",
        reason: "A set that cannot run must not be sent; and weights have no meaning for what is not divided.",
        applies: |case, _, _| {
            of(case, |binding| {
                let full = |one: &ClusterExplanation| one.score == Some(0) && one.room == Some(0);
                binding.spec.components.len() > 1
                    && !binding.placement().spread_constraints.is_empty()
                    && (binding.is_divided_by_weight()
                        || binding.spread(SpreadField::Cluster) != Some((1, 1))
                        || binding.any_group(|clusters| clusters.iter().any(full)))
            })
        },
        example: || {
            let mut case = binding(
                &[("a", "1", "north")],
                json!({"placement": {"spreadConstraints": [
                    {"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}}),
            );
            let component = |name: &str| {
                json!({"name": name, "replicas": 1,
                    "replicaRequirements": {"resourceRequest": {"cpu": "1"}}})
            };
            case["spec"]["components"] = json!([component("one"), component("other")]);
            case
        },
    },
    Accepted {
        name: "amounts-are-what-they-say",
        karmada: "counts an amount of a component in thousandths unless it is written with Ki, Mi and so on, also where \
                  what there is of it is counted whole",
        reason: "1500M of memory are 1500M, and not a thousand times as much.",
        applies: |case, _, _| {
            of(case, |binding| {
                let requirements =
                    binding.spec.components.iter().filter_map(|one| one.replica_requirements.as_ref());
                let mut amounts = requirements.flat_map(|one| &one.resource_request);
                amounts.any(|(resource, amount)| resource == "memory" && !amount.0.ends_with('i'))
            })
        },
        example: || {
            let mut case = binding(
                &[("a", "9", "north"), ("b", "8", "south")],
                json!({"placement": {"spreadConstraints": [
                    {"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}}),
            );
            for (cluster, memory) in [(0, "8000Mi"), (1, "64000Mi")] {
                case["clusters"][cluster]["status"]["resourceSummary"]["allocatable"]["memory"] =
                    json!(memory);
            }
            let component = |name: &str, memory: &str| {
                json!({"name": name, "replicas": 1,
                    "replicaRequirements": {"resourceRequest": {"memory": memory}}})
            };
            case["spec"]["components"] = json!([component("one", "1500M"), component("other", "1Gi")]);
            case
        },
    },
    Accepted {
        name: "replicas-leave-with-their-cluster",
        karmada: "scales down over all clusters that were chosen, also over those that are out of the question now",
        reason: "Nothing goes to a cluster that the placement refuses. Mended in Karmada after v1.16.",
        applies: |case, _, _| {
            of(case, |binding| {
                let targets = &binding.spec.clusters;
                binding.is_divided_by_room()
                    && binding.is_steady()
                    && binding.any_group(|clusters| {
                        let taken = |name: &str| clusters.iter().any(|one| one.name == name && one.taken);
                        let assigned = targets.iter().filter(|target| taken(&target.name));
                        targets.iter().any(|target| !taken(&target.name))
                            && assigned.map(|target| target.replicas).sum::<i32>() > binding.spec.replicas
                    })
            })
        },
        example: || {
            let mut case = binding(&[("a", "9", "north"), ("b", "9", "south")], dynamic(2));
            case["spec"]["clusters"] = json!([{"name": "a", "replicas": 5}, {"name": "b", "replicas": 5}]);
            case["spec"]["placement"]["clusterAffinity"] = json!({"clusterNames": ["b"]});
            case
        },
    },
    Accepted {
        name: "what-is-placed-stays",
        karmada: "chooses among regions anew each time, and leaves one that does for another that has more room",
        reason: "Nobody moves while what is placed is as it should be, unless a fresh decision is asked for.",
        applies: |case, ours, _| {
            of(case, |binding| {
                let Ours::Scheduled { clusters, .. } = ours else { return false };
                let divides = binding.spec.replicas > 0;
                let placed = binding.spec.clusters.iter().filter(|target| !divides || target.replicas > 0);
                let mut placed: Vec<&str> = placed.map(|target| target.name.as_str()).collect();
                placed.sort_unstable();
                binding.is_steady()
                    && binding.spread(SpreadField::Region).is_some()
                    && clusters.iter().map(|target| target.name.as_str()).eq(placed)
            })
        },
        example: || {
            let mut case = binding(
                &[("a", "1", "north"), ("b", "1", "south"), ("c", "1", "south")],
                json!({"replicas": 1, "placement": {"spreadConstraints": [
                    {"spreadByField": "region", "minGroups": 1, "maxGroups": 1},
                    {"spreadByField": "cluster", "minGroups": 1, "maxGroups": 2}]}}),
            );
            case["spec"]["clusters"] = json!([{"name": "a", "replicas": 1}]);
            case
        },
    },
    Accepted {
        name: "ties-go-to-fewer-present-replicas",
        karmada: "breaks a tie between clusters by their names, whatever they hold",
        reason: "Equal weights favour the cluster with fewer replicas at present.",
        applies: |case, ours, theirs| of(case, |binding| is_tie(binding, ours, theirs)),
        example: || {
            let mut case = binding(&[("a", "3", "north"), ("b", "3", "south")], dynamic(3));
            case["spec"]["clusters"] = json!([{"name": "a", "replicas": 2}, {"name": "b", "replicas": 0}]);
            case
        },
    },
    Accepted {
        name: "seats-are-dealt-exactly",
        karmada: "compares quotients of floating point, which are equal where the votes beyond 2^53 are not",
        reason: "Who has more votes has the better claim.",
        applies: |case, _, _| {
            let exact = 1 << 53;
            match case {
                Case::Seats { votes, .. } => votes.iter().any(|(_, votes)| *votes > exact),
                Case::Binding(binding) => {
                    let scheduling = binding.placement().replica_scheduling.unwrap_or_default();
                    let weights = scheduling.weight_preference.unwrap_or_default();
                    weights.static_weight_list.iter().any(|weight| weight.weight > exact)
                }
            }
        },
        example: || {
            let votes = |name: &str, votes: i64| json!({"name": name, "votes": votes});
            json!({"seats": 1, "votes": [votes("a", i64::MAX - 1), votes("b", i64::MAX)], "uid": ""})
        },
    },
    Accepted {
        name: "equals-keep-their-order",
        karmada: "sorts more than twelve clusters by room with a sort that mixes up those that are equal",
        reason: "Among equals the better cluster comes first, however many there are.",
        applies: |case, _, _| {
            of(case, |binding| {
                binding.is_divided_by_room()
                    && binding.any_group(|clusters| {
                        let taken = clusters.iter().filter(|one| one.taken);
                        let mut rooms: Vec<_> = taken.map(|one| one.room).collect();
                        rooms.sort_unstable();
                        rooms.len() > 12 && rooms.windows(2).any(|pair| pair[0] == pair[1])
                    })
            })
        },
        example: || {
            let names: Vec<String> = (0..14).map(|index| format!("m{index:02}")).collect();
            let clusters: Vec<(&str, &str, &str)> = names
                .iter()
                .enumerate()
                .map(|(index, name)| (name.as_str(), if index % 3 == 0 { "4" } else { "2" }, "north"))
                .collect();
            let mut spec = dynamic(23);
            spec["placement"]["replicaScheduling"] = json!({"replicaSchedulingType": "Divided",
                "replicaDivisionPreference": "Aggregated"});
            // Where it is already, without a replica: a better score, and no more room.
            spec["clusters"] = json!([{"name": "m01", "replicas": 0}, {"name": "m07", "replicas": 0},
                {"name": "m13", "replicas": 0}]);
            binding(&clusters, spec)
        },
    },
];

fn of(case: &Case, applies: impl FnOnce(&Binding) -> bool) -> bool {
    match case {
        Case::Binding(binding) => applies(binding),
        Case::Seats { .. } => false,
    }
}

/// Whether the two differ by replicas for which two clusters have the same claim, and ours has fewer at present.
fn is_tie(binding: &Binding, ours: &Ours, theirs: &Answer) -> bool {
    let Ours::Scheduled { clusters, .. } = ours else { return false };
    if !binding.is_divided_by_room() || !binding.is_steady() {
        return false;
    }
    let replicas = |of: &[Target], name: &str| {
        of.iter().find(|target| target.name == name).map_or(0, |target| target.replicas)
    };
    let explanation = binding.explain();
    let Some(group) = explanation.groups.last() else { return false };
    let (mut gained, mut lost) = (Vec::new(), Vec::new());
    for one in &group.clusters {
        let (mine, other) = (replicas(clusters, &one.name), replicas(&theirs.clusters, &one.name));
        let present = one.present.unwrap_or(0);
        match mine - other {
            0 => {}
            1 => gained.push((one.room.unwrap_or(0), other - present, present)),
            -1 => lost.push((one.room.unwrap_or(0), mine - present, present)),
            _ => return false,
        }
    }
    gained.len() == lost.len()
        && !gained.is_empty()
        && gained.iter().all(|(room, seats, present)| {
            lost.iter().all(|(other_room, other_seats, other_present)| {
                room * (2 * other_seats + 1) == other_room * (2 * seats + 1) && present < other_present
            })
        })
}

fn dynamic(replicas: i64) -> Value {
    json!({"replicas": replicas, "placement": {"replicaScheduling": {"replicaSchedulingType": "Divided",
        "replicaDivisionPreference": "Weighted", "weightPreference": {"dynamicWeight": "AvailableReplicas"}}}})
}

/// A Deployment, or whatever `spec` makes of it, and clusters by name, cpu and region.
fn binding(clusters: &[(&str, &str, &str)], mut spec: Value) -> Value {
    let clusters: Vec<Value> = clusters
        .iter()
        .map(|(name, cpu, region)| {
            json!({"metadata": {"name": name},
                "spec": {"syncMode": "Push", "region": region, "zones": ["z"], "zone": "z", "provider": "p"},
                "status": {
                    "apiEnablements": [{"groupVersion": "apps/v1",
                        "resources": [{"name": "deployments", "kind": "Deployment"}]}],
                    "resourceSummary": {"allocatable": {"cpu": cpu, "pods": "100"}}}})
        })
        .collect();
    spec["resource"] =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "shop"});
    if spec.get("replicas").is_some() {
        spec["replicaRequirements"] = json!({"resourceRequest": {"cpu": "1"}});
    }
    json!({"clusters": clusters, "spec": spec, "status": {}})
}
