//! A placement, checked: what is to be done, or what contradicts itself in it.

use std::fmt;

use windlass_api::policy::{
    ClusterAffinity, ClusterPreferences, OverflowClusterAffinity, Placement, ReplicaDivisionPreference,
    ReplicaSchedulingStrategy, ReplicaSchedulingType, SpreadConstraint, SpreadField, StaticClusterWeight,
};

use crate::snapshot::ClusterState;
use crate::workload::Workload;

/// What is wrong with a placement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("spec.placement is missing: the binding's policy has to give one")]
    NoPlacement,
    #[error("spec.placement has both clusterAffinity and clusterAffinities: remove one of them")]
    TwoAffinities,
    #[error("spec.placement.clusterAffinities has {0:?} twice: give each group a name of its own")]
    SameAffinityName(String),
    #[error(
        "spec.placement.spreadConstraints[{0}] has both spreadByField and spreadByLabel: remove one of them"
    )]
    FieldAndLabel(usize),
    #[error(
        "spec.placement.spreadConstraints[{index}] wants at least {min} and at most {max} groups: \
         0 <= minGroups <= maxGroups has to hold (maxGroups 0: no bound)"
    )]
    Groups { index: usize, min: i64, max: i64 },
    #[error("spec.placement.spreadConstraints has {0} twice: merge the two")]
    SameTopology(String),
    #[error(
        "spec.placement.spreadConstraints wants at least {groups} {topology} groups and at most {clusters} clusters: \
         a cluster is in one group alone, so raise the clusters' maxGroups or lower the other minGroups"
    )]
    FewerClustersThanGroups { topology: String, groups: usize, clusters: usize },
    #[error(
        "spec.placement.replicaScheduling.weightPreference.staticWeightList[{index}].weight is {weight}: it has to be \
         0 or more"
    )]
    NegativeWeight { index: usize, weight: i64 },
    #[error(
        "spec.placement.clusterAffinities[{0}].overflowAffinities needs a division by available replicas: set \
         replicaDivisionPreference to Aggregated, or to Weighted with a dynamicWeight, or remove the overflow"
    )]
    OverflowUndivided(usize),
    #[error(
        "spec.placement.replicaScheduling divides replicas and does not say how: set replicaDivisionPreference to \
         Aggregated or Weighted"
    )]
    NoDivision,
}

/// How many groups: at least one, and `max` at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Range {
    pub(crate) const ANY: Range = Range { min: 1, max: usize::MAX };
}

/// By what the clusters are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology<'a> {
    Provider,
    Region,
    Zone,
    Label(&'a str),
}

impl fmt::Display for Topology<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topology::Provider => f.write_str("provider"),
            Topology::Region => f.write_str("region"),
            Topology::Zone => f.write_str("zone"),
            Topology::Label(label) => write!(f, "{label}"),
        }
    }
}

impl Topology<'_> {
    /// The groups that a cluster is in. It has one, if the filter has let it through.
    pub(crate) fn groups_of(self, cluster: &ClusterState) -> &[String] {
        match self {
            Topology::Provider => std::slice::from_ref(&cluster.provider),
            Topology::Region => std::slice::from_ref(&cluster.region),
            Topology::Zone => &cluster.zones,
            Topology::Label(label) => cluster.labels.get(label).map(std::slice::from_ref).unwrap_or_default(),
        }
    }
}

/// How many clusters, in how many groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread<'a> {
    /// `None`: the placement does not limit them.
    pub(crate) clusters: Option<Range>,
    pub(crate) topologies: Vec<(Topology<'a>, Range)>,
}

/// How replicas are dealt with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy<'a> {
    Duplicated,
    Aggregated,
    StaticWeight(&'a [StaticClusterWeight]),
    DynamicWeight,
}

/// A group of clusters of a placement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) name: Option<&'a str>,
    /// `None`: all clusters.
    pub(crate) affinity: Option<&'a ClusterAffinity>,
    /// Further tiers, each for what the ones before it have no room for.
    pub(crate) overflow: &'a [OverflowClusterAffinity],
}

/// A checked placement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan<'a> {
    pub(crate) placement: &'a Placement,
    pub(crate) spread: Spread<'a>,
    pub(crate) strategy: Strategy<'a>,
    /// Fixed weights say themselves which clusters count, so that clusters are not limited in number. Components have
    /// no use for weights, and go by the spread.
    pub(crate) ignores_spread: bool,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// The placement contradicts itself, or wants what is not supported.
    pub(crate) fn of(placement: Option<&'a Placement>, workload: &Workload) -> Result<Plan<'a>, PlanError> {
        let placement = placement.ok_or(PlanError::NoPlacement)?;
        if placement.cluster_affinity.is_some() && !placement.cluster_affinities.is_empty() {
            return Err(PlanError::TwoAffinities);
        }
        let mut names: Vec<&str> =
            placement.cluster_affinities.iter().map(|term| term.affinity_name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(PlanError::SameAffinityName(twice[0].to_owned()));
        }
        let spread = spread(&placement.spread_constraints)?;
        let divided = matches!(workload, Workload::Replicas(_));
        let strategy = strategy(placement, divided)?;
        if let Strategy::StaticWeight(weights) = strategy
            && let Some(index) = weights.iter().position(|weight| weight.weight < 0)
        {
            return Err(PlanError::NegativeWeight { index, weight: weights[index].weight });
        }
        // Weights that are given and name nobody leave the choice to the spread.
        let weighs = match &placement.replica_scheduling {
            Some(ReplicaSchedulingStrategy { weight_preference: Some(preferences), .. }) => {
                !preferences.static_weight_list.is_empty()
            }
            _ => true,
        };
        let weighted = matches!(strategy, Strategy::StaticWeight(_)) && weighs;
        let ignores_spread = weighted && !matches!(workload, Workload::Components(_));
        let by_room = matches!(strategy, Strategy::Aggregated | Strategy::DynamicWeight);
        let overflow =
            placement.cluster_affinities.iter().position(|term| !term.overflow_affinities.is_empty());
        if let Some(index) = overflow.filter(|_| divided && !by_room) {
            return Err(PlanError::OverflowUndivided(index));
        }
        Ok(Plan { placement, spread, strategy, ignores_spread })
    }

    /// The groups of clusters to try, in order; one without a name where the placement has no groups. The group that
    /// was decided for last goes first, those after it next, those before it last.
    pub(crate) fn groups(&self, observed: &str) -> impl Iterator<Item = Group<'a>> + use<'a> {
        let terms = &self.placement.cluster_affinities;
        let first = terms.iter().position(|term| term.affinity_name == observed).unwrap_or(0);
        let (before, from) = terms.split_at(first);
        let only = Group { name: None, affinity: self.placement.cluster_affinity.as_ref(), overflow: &[] };
        let only = terms.is_empty().then_some(only);
        only.into_iter().chain(from.iter().chain(before).map(|term| Group {
            name: Some(&term.affinity_name),
            affinity: Some(&term.affinity),
            overflow: &term.overflow_affinities,
        }))
    }

    /// Whether the spread leaves it to the scheduler which clusters are taken.
    pub(crate) fn is_spread(&self) -> bool {
        let spread = &self.spread;
        !self.ignores_spread && (spread.clusters.is_some() || !spread.topologies.is_empty())
    }

    /// Whether some of this many clusters may be left out, so that it matters which are the better ones.
    pub(crate) fn chooses_among(&self, clusters: usize) -> bool {
        let limited = self.spread.clusters.is_some_and(|range| range.max < clusters);
        !self.ignores_spread && (limited || !self.spread.topologies.is_empty())
    }
}

fn spread(constraints: &[SpreadConstraint]) -> Result<Spread<'_>, PlanError> {
    let mut spread = Spread::default();
    for (index, constraint) in constraints.iter().enumerate() {
        let label = constraint.spread_by_label.as_str();
        if !label.is_empty() && constraint.spread_by_field.is_some() {
            return Err(PlanError::FieldAndLabel(index));
        }
        let (min, max) = (constraint.min_groups, constraint.max_groups);
        if min < 0 || max < 0 || (max > 0 && min > max) {
            return Err(PlanError::Groups { index, min, max });
        }
        let range = Range {
            min: usize::try_from(min).unwrap_or(usize::MAX).max(1),
            max: if max == 0 { usize::MAX } else { usize::try_from(max).unwrap_or(usize::MAX) },
        };
        let topology = match constraint.spread_by_field {
            None if !label.is_empty() => Topology::Label(label),
            None | Some(SpreadField::Cluster) => {
                if spread.clusters.replace(range).is_some() {
                    return Err(PlanError::SameTopology("cluster".to_owned()));
                }
                continue;
            }
            Some(SpreadField::Region) => Topology::Region,
            Some(SpreadField::Zone) => Topology::Zone,
            Some(SpreadField::Provider) => Topology::Provider,
        };
        if spread.topologies.iter().any(|(other, _)| *other == topology) {
            return Err(PlanError::SameTopology(topology.to_string()));
        }
        spread.topologies.push((topology, range));
    }
    let clusters = spread.clusters.map_or(usize::MAX, |range| range.max);
    for (topology, range) in &spread.topologies {
        // A cluster may well be in several zones.
        if *topology != Topology::Zone && range.min > clusters {
            let topology = topology.to_string();
            return Err(PlanError::FewerClustersThanGroups { topology, groups: range.min, clusters });
        }
    }
    Ok(spread)
}

fn strategy(placement: &Placement, divided: bool) -> Result<Strategy<'_>, PlanError> {
    let Some(scheduling) = &placement.replica_scheduling else { return Ok(Strategy::Duplicated) };
    // Absent means Divided where the API server fills in defaults, and an object that never passed one is no
    // different.
    if scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Duplicated) {
        return Ok(Strategy::Duplicated);
    }
    match scheduling.replica_division_preference {
        Some(ReplicaDivisionPreference::Aggregated) => Ok(Strategy::Aggregated),
        Some(ReplicaDivisionPreference::Weighted) => Ok(match &scheduling.weight_preference {
            Some(ClusterPreferences { dynamic_weight: Some(_), .. }) => Strategy::DynamicWeight,
            Some(preferences) => Strategy::StaticWeight(&preferences.static_weight_list),
            None => Strategy::StaticWeight(&[]),
        }),
        // What has no replicas cannot be divided, whatever the policy says.
        None if !divided => Ok(Strategy::Duplicated),
        None => Err(PlanError::NoDivision),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(placement: Value) -> String {
        let placement: Placement = serde_json::from_value(placement).unwrap();
        let workload = Workload::Replicas(crate::Need::default());
        Plan::of(Some(&placement), &workload).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn contradictions_are_named_with_their_field() {
        for (placement, want) in [
            (
                json!({"clusterAffinity": {}, "clusterAffinities": [{"affinityName": "a"}]}),
                "both clusterAffinity",
            ),
            (json!({"clusterAffinities": [{"affinityName": "a"}, {"affinityName": "a"}]}), "\"a\" twice"),
            (json!({"spreadConstraints": [{"spreadByLabel": "x"}, {"spreadByLabel": "x"}]}), "x twice"),
            (
                json!({"spreadConstraints": [{"spreadByField": "zone", "spreadByLabel": "x"}]}),
                "both spreadByField",
            ),
            (
                json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 3, "maxGroups": 2}]}),
                "at least 3",
            ),
            (json!({"spreadConstraints": [{"minGroups": -1}]}), "at least -1"),
            (json!({"spreadConstraints": [{"spreadByField": "cluster"}, {}]}), "cluster twice"),
            (
                json!({"spreadConstraints": [{"spreadByField": "region", "minGroups": 3}, {"maxGroups": 2}]}),
                "at least 3 region groups and at most 2 clusters",
            ),
            (
                json!({"replicaScheduling": {"replicaDivisionPreference": "Weighted", "weightPreference":
                    {"staticWeightList": [{"targetCluster": {}, "weight": 1}, {"targetCluster": {}, "weight": -1}]}}}),
                "staticWeightList[1].weight is -1",
            ),
            (
                json!({"clusterAffinities": [{"affinityName": "a", "overflowAffinities": [{"affinityName": "b"}]}]}),
                "clusterAffinities[0].overflowAffinities",
            ),
            (json!({"replicaScheduling": {}}), "replicaDivisionPreference"),
        ] {
            let error = check(placement);
            assert!(error.contains(want), "{error:?} does not name {want:?}");
        }
        assert_eq!(check(json!({})), "");
        assert_eq!(check(json!({"spreadConstraints": [{"minGroups": i64::MAX}]})), "");
    }

    #[test]
    fn the_group_that_held_last_is_tried_first_and_all_others_after_it() {
        let placement: Placement = serde_json::from_value(
            json!({"clusterAffinities": [{"affinityName": "a"}, {"affinityName": "b"}, {"affinityName": "c"}]}),
        )
        .unwrap();
        let plan = Plan::of(Some(&placement), &Workload::Plain).unwrap();
        let order = |observed| plan.groups(observed).filter_map(|group| group.name).collect::<Vec<_>>();
        assert_eq!(order(""), ["a", "b", "c"]);
        assert_eq!(order("b"), ["b", "c", "a"]);
        assert_eq!(order("gone"), ["a", "b", "c"]);
    }
}
