//! Placements, failover and suspension: what contradicts itself is refused, wherever it stands.

use std::collections::BTreeSet;

use windlass_api::policy::{
    ApplicationFailoverBehavior, ClusterAffinity, ClusterAffinityTerm, FailoverBehavior, Placement,
    PurgeMode, ReplicaDivisionPreference, ReplicaSchedulingStrategy, ReplicaSchedulingType, SpreadConstraint,
    SpreadField, StatePreservation, WorkloadAffinity,
};
use windlass_jsonpath::Template;

use crate::causes::{Causes, quoted};
use crate::syntax::qualified_name;

pub(super) fn validate(placement: &Placement, at: &str, causes: &mut Causes) {
    if placement.cluster_affinity.is_some() && !placement.cluster_affinities.is_empty() {
        causes.invalid(at, "placement", "clusterAffinities cannot co-exist with clusterAffinity");
    }
    if let Some(affinity) = &placement.cluster_affinity {
        cluster_affinity(affinity, &format!("{at}.clusterAffinity"), causes);
    }
    let mut names = BTreeSet::new();
    for (index, term) in placement.cluster_affinities.iter().enumerate() {
        let at = format!("{at}.clusterAffinities[{index}]");
        if let Some(why) = qualified_name(&term.affinity_name) {
            causes.invalid(format!("{at}.affinityName"), quoted(&term.affinity_name), why);
        }
        if !names.insert(term.affinity_name.as_str()) {
            let why = "each affinity term in a policy must have a unique name";
            causes.invalid(format!("{at}.affinityName"), quoted(&term.affinity_name), why);
        }
        cluster_affinity(&term.affinity, &at, causes);
        overflow_affinities(term, placement.replica_scheduling.as_ref(), &at, causes);
    }
    if let Some(affinity) = &placement.workload_affinity {
        workload_affinity(affinity, &format!("{at}.workloadAffinity"), causes);
    }
    spread_constraints(&placement.spread_constraints, &format!("{at}.spreadConstraints"), causes);
    let weights = placement.replica_scheduling.iter().flat_map(|scheduling| &scheduling.weight_preference);
    for (index, entry) in weights.flat_map(|preference| &preference.static_weight_list).enumerate() {
        let at = format!("{at}.replicaScheduling.weightPreference.staticWeightList[{index}]");
        if entry.weight < 1 {
            causes.invalid(format!("{at}.weight"), entry.weight, "must be greater than or equal to 1");
        }
        cluster_affinity(&entry.target_cluster, &format!("{at}.targetCluster"), causes);
    }
}

fn cluster_affinity(affinity: &ClusterAffinity, at: &str, causes: &mut Causes) {
    let expressions = affinity.field_selector.iter().flat_map(|selector| &selector.match_expressions);
    for (index, expression) in expressions.enumerate() {
        let at = format!("{at}.fieldSelector.matchExpressions[{index}]");
        if !["provider", "region", "zone"].contains(&expression.key.as_str()) {
            causes.unsupported(format!("{at}.key"), quoted(&expression.key), &["provider", "region", "zone"]);
        }
        if !["In", "NotIn"].contains(&expression.operator.as_str()) {
            causes.unsupported(format!("{at}.operator"), quoted(&expression.operator), &["In", "NotIn"]);
        }
    }
}

/// Groups that take what the ones before them have no room for.
fn overflow_affinities(
    term: &ClusterAffinityTerm,
    scheduling: Option<&ReplicaSchedulingStrategy>,
    at: &str,
    causes: &mut Causes,
) {
    if term.overflow_affinities.is_empty() {
        return;
    }
    let all = format!("{at}.overflowAffinities");
    if !scheduling.is_some_and(divides_by_room) {
        let why = "overflowAffinities can only be used together with dynamic weight or aggregated scheduling";
        causes.invalid(all.clone(), "overflowAffinities", why);
    }
    if term.affinity == ClusterAffinity::default() {
        let why = "overflowAffinities can only be used together with the inline ClusterAffinity";
        causes.invalid(all.clone(), "overflowAffinities", why);
    }
    let mut names = BTreeSet::from([term.affinity_name.as_str()]);
    for (index, overflow) in term.overflow_affinities.iter().enumerate() {
        let at = format!("{all}[{index}]");
        if let Some(why) = qualified_name(&overflow.affinity_name) {
            causes.invalid(format!("{at}.affinityName"), quoted(&overflow.affinity_name), why);
        }
        if !names.insert(overflow.affinity_name.as_str()) {
            let why = "overflow affinity name must be unique and must not duplicate the primary group's affinityName";
            causes.invalid(format!("{at}.affinityName"), quoted(&overflow.affinity_name), why);
        }
        cluster_affinity(&overflow.affinity, &at, causes);
    }
}

/// Whether a division looks at how much room clusters have. Without a type it is Divided, as the definition's default.
fn divides_by_room(scheduling: &ReplicaSchedulingStrategy) -> bool {
    if scheduling.replica_scheduling_type == Some(ReplicaSchedulingType::Duplicated) {
        return false;
    }
    match scheduling.replica_division_preference {
        Some(ReplicaDivisionPreference::Aggregated) => true,
        Some(ReplicaDivisionPreference::Weighted) => {
            scheduling.weight_preference.as_ref().is_some_and(|weights| weights.dynamic_weight.is_some())
        }
        None => false,
    }
}

fn workload_affinity(affinity: &WorkloadAffinity, at: &str, causes: &mut Causes) {
    for (name, term) in [("affinity", &affinity.affinity), ("antiAffinity", &affinity.anti_affinity)] {
        if let Some(key) = term.as_ref().map(|term| &term.group_by_label_key)
            && let Some(why) = qualified_name(key)
        {
            causes.invalid(format!("{at}.{name}.groupByLabelKey"), quoted(key), why);
        }
    }
    if let (Some(together), Some(apart)) = (&affinity.affinity, &affinity.anti_affinity)
        && together.group_by_label_key == apart.group_by_label_key
    {
        let why = "affinity and antiAffinity must not use the same groupByLabelKey";
        causes.invalid(at, quoted(&together.group_by_label_key), why);
    }
}

fn spread_constraints(constraints: &[SpreadConstraint], at: &str, causes: &mut Causes) {
    let mut fields: Vec<SpreadField> = Vec::new();
    for (index, constraint) in constraints.iter().enumerate() {
        let each = format!("{at}[{index}]");
        if constraint.spread_by_field.is_some() && !constraint.spread_by_label.is_empty() {
            let label = quoted(&constraint.spread_by_label);
            causes.invalid(
                format!("{each}.spreadByLabel"),
                label,
                "spreadByLabel should not co-exist with spreadByField",
            );
        }
        for (name, groups) in [("minGroups", constraint.min_groups), ("maxGroups", constraint.max_groups)] {
            if groups < 0 {
                causes.invalid(
                    format!("{each}.{name}"),
                    groups,
                    format!("{name} lower than 0 is not allowed"),
                );
            }
        }
        if constraint.max_groups > 0 && constraint.max_groups < constraint.min_groups {
            let why = "maxGroups lower than minGroups is not allowed";
            causes.invalid(format!("{each}.maxGroups"), constraint.max_groups, why);
        }
        if let Some(field) = constraint.spread_by_field {
            if fields.contains(&field) {
                causes.duplicate(format!("{each}.spreadByField"), quoted(&field_name(field)));
            }
            fields.push(field);
        }
    }
    // Groups of clusters are chosen first, but how many clusters has to be said too.
    if !fields.is_empty() && !fields.contains(&SpreadField::Cluster) {
        let why = "the cluster spread constraint must be enabled in one of the constraints in case of SpreadByField \
                   is enabled";
        causes.invalid(at, "spreadConstraints", why);
    }
}

fn field_name(field: SpreadField) -> String {
    serde_json::to_value(field).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn failover(failover: &FailoverBehavior, at: &str, causes: &mut Causes) {
    if let Some(application) = &failover.application {
        application_failover(application, &format!("{at}.application"), causes);
    }
    if let Some(state) = failover.cluster.as_ref().and_then(|cluster| cluster.state_preservation.as_ref()) {
        state_preservation(state, &format!("{at}.cluster.statePreservation"), causes);
    }
}

fn application_failover(behavior: &ApplicationFailoverBehavior, at: &str, causes: &mut Causes) {
    if let Some(seconds) = behavior.decision_conditions.toleration_seconds.filter(|seconds| *seconds < 0) {
        let field = format!("{at}.decisionConditions.tolerationSeconds");
        causes.invalid(field, seconds, "must be greater than or equal to 0");
    }
    let gracefully = matches!(behavior.purge_mode, Some(PurgeMode::Gracefully | PurgeMode::Graciously));
    let field = format!("{at}.gracePeriodSeconds");
    match behavior.grace_period_seconds {
        Some(seconds) if !gracefully => {
            causes.invalid(field, seconds, "only takes effect when purgeMode is gracefully")
        }
        Some(seconds) if seconds <= 0 => causes.invalid(field, seconds, "must be greater than 0"),
        None if gracefully => causes.required(field, "should not be empty when purgeMode is gracefully"),
        _ => {}
    }
    if let Some(state) = &behavior.state_preservation {
        state_preservation(state, &format!("{at}.statePreservation"), causes);
    }
}

fn state_preservation(state: &StatePreservation, at: &str, causes: &mut Causes) {
    for (index, rule) in state.rules.iter().enumerate() {
        if let Some(why) = qualified_name(&rule.alias_label_name) {
            causes.invalid(
                format!("{at}.rules[{index}].aliasLabelName"),
                quoted(&rule.alias_label_name),
                why,
            );
        }
        // What can't be evaluated when a cluster fails is better known now.
        if let Err(error) = Template::parse(&rule.json_path) {
            causes.invalid(
                format!("{at}.rules[{index}].jsonPath"),
                quoted(&rule.json_path),
                error.to_string(),
            );
        }
    }
}

/// Dispatching is suspended either everywhere or in some clusters.
pub(super) fn suspension(everywhere: Option<bool>, clusters: usize, at: &str, causes: &mut Causes) {
    if everywhere == Some(true) && clusters > 0 {
        let why = "suspension dispatching cannot co-exist with dispatchingOnClusters.clusterNames";
        causes.invalid(at, "suspension", why);
    }
}
