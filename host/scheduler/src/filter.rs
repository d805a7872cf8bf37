//! Which clusters a binding may go to at all, room apart.

use std::collections::{HashMap, HashSet};
use std::fmt;

use k8s_openapi::api::core::v1::Taint;
use windlass_api::policy::{ClusterAffinity, StaticClusterWeight};
use windlass_api::work::ResourceBindingSpec;

use crate::context::Peers;
use crate::plan::{Group, Plan, Topology};
use crate::selector::{labels_match, taint_text, untolerated, value_matches};
use crate::snapshot::ClusterState;

/// Why a cluster is out of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterReason {
    /// It is being deleted.
    Deleting,
    /// The placement's affinity does not select it.
    Affinity,
    /// It has a taint (`key=value:effect`) that the placement does not tolerate.
    Taint(String),
    /// It does not serve the kind; `known`: it has listed all that it serves.
    Api { api_version: String, kind: String, known: bool },
    /// The resource is leaving it.
    Evicting,
    /// It has no such field, and the placement spreads by it.
    NoField(&'static str),
    /// It has no such label, and the placement spreads by it.
    NoLabel(String),
    /// It lacks workloads of a group beside which the binding has to be.
    Apart(String),
    /// It holds a workload of a group beside which the binding must not be.
    Together(String),
}

impl FilterReason {
    /// The filter's name: Karmada's where Karmada has the filter.
    pub const fn filter(&self) -> &'static str {
        match self {
            FilterReason::Deleting => "ClusterDeletion",
            FilterReason::Affinity => "ClusterAffinity",
            FilterReason::Taint(_) => "TaintToleration",
            FilterReason::Api { .. } => "APIEnablement",
            FilterReason::Evicting => "ClusterEviction",
            FilterReason::NoField(_) | FilterReason::NoLabel(_) => "SpreadConstraint",
            FilterReason::Apart(_) => "WorkloadAffinity",
            FilterReason::Together(_) => "WorkloadAntiAffinity",
        }
    }
}

impl fmt::Display for FilterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterReason::Deleting => f.write_str("is being deleted"),
            FilterReason::Affinity => f.write_str("is not selected by the placement's cluster affinity"),
            FilterReason::Taint(taint) => {
                write!(f, "has the taint {taint}, which the placement does not tolerate")
            }
            FilterReason::Api { api_version, kind, known: true } => {
                write!(f, "does not serve {kind} ({api_version})")
            }
            FilterReason::Api { api_version, kind, known: false } => {
                write!(f, "has not reported that it serves {kind} ({api_version})")
            }
            FilterReason::Evicting => f.write_str("is being left: an eviction from it is under way"),
            FilterReason::NoField(field) => write!(f, "has no spec.{field}, by which the placement spreads"),
            FilterReason::NoLabel(label) => {
                write!(f, "has no label {label}, by which the placement spreads")
            }
            FilterReason::Apart(group) => write!(f, "does not hold all other workloads of the group {group}"),
            FilterReason::Together(group) => write!(f, "holds another workload of the group {group}"),
        }
    }
}

/// Why a cluster is out of the question, said with what is at hand: most refusals are never read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused<'a> {
    Deleting,
    Affinity,
    Taint(&'a Taint),
    Api { known: bool },
    Evicting,
    NoField(&'static str),
    NoLabel(&'a str),
    Apart,
    Together,
}

impl Refused<'_> {
    pub(crate) fn reason(self, spec: &ResourceBindingSpec) -> FilterReason {
        let groups = || spec.workload_affinity_groups.clone().unwrap_or_default();
        match self {
            Refused::Deleting => FilterReason::Deleting,
            Refused::Affinity => FilterReason::Affinity,
            Refused::Taint(taint) => FilterReason::Taint(taint_text(taint)),
            Refused::Api { known } => FilterReason::Api {
                api_version: spec.resource.api_version.clone(),
                kind: spec.resource.kind.clone(),
                known,
            },
            Refused::Evicting => FilterReason::Evicting,
            Refused::NoField(field) => FilterReason::NoField(field),
            Refused::NoLabel(label) => FilterReason::NoLabel(label.to_owned()),
            Refused::Apart => FilterReason::Apart(groups().affinity_group),
            Refused::Together => FilterReason::Together(groups().anti_affinity_group),
        }
    }
}

/// Why the binding may not go to the cluster, its affinity apart; `None`: it may. `placed`: it is there already.
pub(crate) fn refuse<'a>(
    cluster: &'a ClusterState,
    spec: &ResourceBindingSpec,
    plan: &Plan<'a>,
    peers: &Peers,
    placed: bool,
) -> Option<Refused<'a>> {
    let mut tasks = spec.graceful_eviction_tasks.iter();
    if tasks.any(|task| task.from_cluster == cluster.name && !task.is_preemption()) {
        return Some(Refused::Evicting);
    }
    // What is there already is not driven out by a taint (evicting is for that), by a kind that was lost from sight or
    // by workloads that came later.
    if !placed {
        if let Some(taint) = untolerated(&cluster.taints, &plan.placement.cluster_tolerations) {
            return Some(Refused::Taint(taint));
        }
        if !cluster.serves(&spec.resource.api_version, &spec.resource.kind) {
            return Some(Refused::Api { known: cluster.apis_complete });
        }
        if peers.together.as_ref().is_some_and(|together| !together.contains(&cluster.name)) {
            return Some(Refused::Apart);
        }
        if peers.apart.contains(&cluster.name) {
            return Some(Refused::Together);
        }
    }
    plan.spread.topologies.iter().find_map(|(topology, _)| match topology {
        Topology::Provider if cluster.provider.is_empty() => Some(Refused::NoField("provider")),
        Topology::Region if cluster.region.is_empty() => Some(Refused::NoField("region")),
        Topology::Zone if cluster.zones.is_empty() => Some(Refused::NoField("zones")),
        Topology::Label(label) if !cluster.labels.contains_key(*label) => Some(Refused::NoLabel(label)),
        _ => None,
    })
}

/// From how many names on a set of them is looked up faster than a list.
const NAMES_FEW: usize = 8;

/// Names, made ready to be looked up for each cluster.
enum Names<'a> {
    Few(&'a [String]),
    Many(HashSet<&'a str>),
}

impl<'a> Names<'a> {
    fn new(names: &'a [String]) -> Names<'a> {
        match names.len() {
            0..=NAMES_FEW => Names::Few(names),
            _ => Names::Many(names.iter().map(String::as_str).collect()),
        }
    }

    fn contains(&self, name: &str) -> bool {
        match self {
            Names::Few(names) => names.iter().any(|other| other == name),
            Names::Many(names) => names.contains(name),
        }
    }
}

/// An affinity, made ready to be asked of each cluster.
struct Selection<'a> {
    affinity: &'a ClusterAffinity,
    names: Names<'a>,
    exclude: Names<'a>,
}

impl<'a> Selection<'a> {
    fn new(affinity: &'a ClusterAffinity) -> Selection<'a> {
        let names = Names::new(&affinity.cluster_names);
        Selection { affinity, names, exclude: Names::new(&affinity.exclude) }
    }

    fn selects(&self, cluster: &ClusterState) -> bool {
        (self.affinity.cluster_names.is_empty() || self.names.contains(&cluster.name))
            && !self.exclude.contains(&cluster.name)
            && selects_by_traits(self.affinity, cluster)
    }
}

/// The tiers of a group of clusters, the first of which is the group's own.
pub(crate) struct Tiers<'a>(Vec<Selection<'a>>);

impl<'a> Tiers<'a> {
    pub(crate) fn of(group: &Group<'a>) -> Tiers<'a> {
        let overflow = group.overflow.iter().map(|tier| &tier.affinity);
        Tiers(group.affinity.into_iter().chain(overflow).map(Selection::new).collect())
    }

    /// The first tier that has the cluster; `None`: none does.
    pub(crate) fn tier_of(&self, cluster: &ClusterState) -> Option<usize> {
        if self.0.is_empty() { Some(0) } else { self.0.iter().position(|tier| tier.selects(cluster)) }
    }
}

/// Fixed weights, made ready to be asked of each cluster.
pub(crate) struct Weights<'a> {
    named: HashMap<&'a str, Vec<&'a StaticClusterWeight>>,
    unnamed: Vec<&'a StaticClusterWeight>,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(weights: &'a [StaticClusterWeight]) -> Weights<'a> {
        let mut named = HashMap::<&str, Vec<_>>::new();
        let mut unnamed = Vec::new();
        for weight in weights {
            if weight.target_cluster.cluster_names.is_empty() {
                unnamed.push(weight);
            }
            for name in &weight.target_cluster.cluster_names {
                named.entry(name).or_default().push(weight);
            }
        }
        Weights { named, unnamed }
    }

    /// The largest weight that names the cluster; 0: none does.
    pub(crate) fn of(&self, cluster: &ClusterState) -> i64 {
        let named = self.named.get(cluster.name.as_str()).into_iter().flatten();
        named
            .chain(&self.unnamed)
            .filter(|weight| !weight.target_cluster.exclude.contains(&cluster.name))
            .filter(|weight| selects_by_traits(&weight.target_cluster, cluster))
            .map(|weight| weight.weight)
            .max()
            .unwrap_or(0)
    }
}

/// Whether an affinity's selectors, names apart, select a cluster.
fn selects_by_traits(affinity: &ClusterAffinity, cluster: &ClusterState) -> bool {
    if affinity.label_selector.as_ref().is_some_and(|selector| !labels_match(selector, &cluster.labels)) {
        return false;
    }
    let requirements = affinity.field_selector.iter().flat_map(|selector| &selector.match_expressions);
    requirements.into_iter().all(|requirement| {
        let values = requirement.values.as_deref().unwrap_or_default();
        match requirement.key.as_str() {
            "provider" => field_matches(&requirement.operator, values, &cluster.provider),
            "region" => field_matches(&requirement.operator, values, &cluster.region),
            "zone" => zones_match(&requirement.operator, values, &cluster.zones),
            _ => field_matches(&requirement.operator, values, ""),
        }
    })
}

/// An empty field is an absent one.
fn field_matches(operator: &str, values: &[String], field: &str) -> bool {
    value_matches(operator, values, (!field.is_empty()).then_some(field))
}

/// In: all zones of the cluster are listed; NotIn: none of them is.
fn zones_match(operator: &str, values: &[String], zones: &[String]) -> bool {
    match operator {
        "In" => !zones.is_empty() && zones.iter().all(|zone| values.contains(zone)),
        "NotIn" => !zones.iter().any(|zone| values.contains(zone)),
        "Exists" => !zones.is_empty(),
        "DoesNotExist" => zones.is_empty(),
        _ => false,
    }
}
