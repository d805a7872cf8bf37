//! Which clusters a binding may go to at all, room apart.

use std::fmt;

use k8s_openapi::api::core::v1::Taint;
use windlass_api::policy::{ClusterAffinity, Placement, SpreadField};
use windlass_api::work::ResourceBindingSpec;

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
            FilterReason::NoField(_) => "SpreadConstraint",
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
}

impl Refused<'_> {
    pub(crate) fn reason(self, spec: &ResourceBindingSpec) -> FilterReason {
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
        }
    }
}

/// Why the binding may not go to the cluster, its affinity apart; `None`: it may. `placed`: it is there already.
pub(crate) fn refuse<'a>(
    cluster: &'a ClusterState,
    spec: &ResourceBindingSpec,
    placement: &Placement,
    placed: bool,
) -> Option<Refused<'a>> {
    if spec.graceful_eviction_tasks.iter().any(|task| task.from_cluster == cluster.name) {
        return Some(Refused::Evicting);
    }
    // What is there already is not driven out by a taint (evicting is for that) or by a kind that was lost from sight.
    if !placed {
        if let Some(taint) = untolerated(&cluster.taints, &placement.cluster_tolerations) {
            return Some(Refused::Taint(taint));
        }
        if !cluster.serves(&spec.resource.api_version, &spec.resource.kind) {
            return Some(Refused::Api { known: cluster.apis_complete });
        }
    }
    placement.spread_constraints.iter().find_map(|constraint| match constraint.spread_by_field? {
        SpreadField::Provider if cluster.provider.is_empty() => Some(Refused::NoField("provider")),
        SpreadField::Region if cluster.region.is_empty() => Some(Refused::NoField("region")),
        SpreadField::Zone if cluster.zones.is_empty() => Some(Refused::NoField("zones")),
        _ => None,
    })
}

/// Whether an affinity selects a cluster.
pub(crate) fn selects(affinity: &ClusterAffinity, cluster: &ClusterState) -> bool {
    if affinity.exclude.contains(&cluster.name) {
        return false;
    }
    if !affinity.cluster_names.is_empty() && !affinity.cluster_names.contains(&cluster.name) {
        return false;
    }
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
            _ => false,
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
