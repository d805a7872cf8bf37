//! A placement, checked: what is to be done, or what contradicts itself in it.

use windlass_api::policy::{
    ClusterAffinity, ClusterPreferences, Placement, ReplicaDivisionPreference, ReplicaSchedulingType,
    SpreadConstraint, SpreadField, StaticClusterWeight,
};

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
        "spec.placement.spreadConstraints[{0}].spreadByLabel is not supported: spread by a field instead"
    )]
    Label(usize),
    #[error(
        "spec.placement.spreadConstraints[{index}] wants at least {min} and at most {max} groups: \
         0 <= minGroups <= maxGroups has to hold (maxGroups 0: no bound)"
    )]
    Groups { index: usize, min: i64, max: i64 },
    #[error("spec.placement.spreadConstraints has {0} twice: merge the two")]
    SameField(&'static str),
    #[error(
        "spec.placement.spreadConstraints spreads by {0} and by {1}: beside cluster, only one field at a time \
         is supported"
    )]
    TwoTopologies(&'static str, &'static str),
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

/// Over what the clusters are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    Provider,
    Region,
    Zone,
}

impl Topology {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Topology::Provider => "provider",
            Topology::Region => "region",
            Topology::Zone => "zone",
        }
    }
}

/// How many clusters, in how many groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// `None`: the placement does not limit them.
    pub(crate) clusters: Option<Range>,
    pub(crate) groups: Option<(Topology, Range)>,
}

/// How replicas are dealt with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy<'a> {
    Duplicated,
    Aggregated,
    StaticWeight(&'a [StaticClusterWeight]),
    DynamicWeight,
}

/// A checked placement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan<'a> {
    pub(crate) placement: &'a Placement,
    pub(crate) spread: Spread,
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
        let weighted = matches!(strategy, Strategy::StaticWeight(_));
        let ignores_spread = weighted && !matches!(workload, Workload::Components(_));
        Ok(Plan { placement, spread, strategy, ignores_spread })
    }

    /// The groups of clusters to try, in order, by name; one without a name where the placement has no groups. The
    /// group that was decided for last goes first, those after it next, those before it last.
    pub(crate) fn affinities(&self, observed: &str) -> Vec<(Option<&'a str>, Option<&'a ClusterAffinity>)> {
        let terms = &self.placement.cluster_affinities;
        if terms.is_empty() {
            return vec![(None, self.placement.cluster_affinity.as_ref())];
        }
        let first = terms.iter().position(|term| term.affinity_name == observed).unwrap_or(0);
        let (before, from) = terms.split_at(first);
        let terms = from.iter().chain(before);
        terms.map(|term| (Some(term.affinity_name.as_str()), Some(&term.affinity))).collect()
    }

    /// Whether components go as whole sets to exactly one cluster.
    pub(crate) fn wants_one_cluster(&self) -> bool {
        self.spread.clusters == Some(Range { min: 1, max: 1 })
    }

    /// Whether some of this many clusters may be left out, so that it matters which are the better ones.
    pub(crate) fn chooses_among(&self, clusters: usize) -> bool {
        let limited = self.spread.clusters.is_some_and(|range| range.max < clusters);
        !self.ignores_spread && (limited || self.spread.groups.is_some())
    }
}

fn spread(constraints: &[SpreadConstraint]) -> Result<Spread, PlanError> {
    let mut spread = Spread { clusters: None, groups: None };
    for (index, constraint) in constraints.iter().enumerate() {
        if !constraint.spread_by_label.is_empty() {
            let both = constraint.spread_by_field.is_some();
            return Err(if both { PlanError::FieldAndLabel(index) } else { PlanError::Label(index) });
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
            None | Some(SpreadField::Cluster) => {
                if spread.clusters.replace(range).is_some() {
                    return Err(PlanError::SameField("cluster"));
                }
                continue;
            }
            Some(SpreadField::Region) => Topology::Region,
            Some(SpreadField::Zone) => Topology::Zone,
            Some(SpreadField::Provider) => Topology::Provider,
        };
        match spread.groups.replace((topology, range)) {
            Some((other, _)) if other == topology => return Err(PlanError::SameField(topology.name())),
            Some((other, _)) => return Err(PlanError::TwoTopologies(other.name(), topology.name())),
            None => {}
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
            (json!({"spreadConstraints": [{"spreadByLabel": "x"}]}), "spreadConstraints[0].spreadByLabel"),
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
                json!({"spreadConstraints": [{"spreadByField": "zone"}, {"spreadByField": "region"}]}),
                "zone and by region",
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
        let order =
            |observed| plan.affinities(observed).into_iter().filter_map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(order(""), ["a", "b", "c"]);
        assert_eq!(order("b"), ["b", "c", "a"]);
        assert_eq!(order("gone"), ["a", "b", "c"]);
    }
}
