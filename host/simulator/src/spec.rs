//! The member specification: which simulated members there are, and what each is made of.
//!
//! A file holds one document, YAML or JSON:
//!
//! ```yaml
//! members:
//!   - name: member1
//!     labels: {tier: gold}
//!     region: eu-central
//!     zone: eu-central-1a
//!     provider: acme
//!     nodes:
//!       - count: 3
//!         allocatable: {cpu: "8", memory: 32Gi, pods: "110"}
//!       - name: gpu-1
//!         allocatable: {cpu: "16", memory: 64Gi, nvidia.com/gpu: "4"}
//!         labels: {accelerator: a100}
//!         taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
//!     resourceQuotas:
//!       - namespace: default
//!         hard: {requests.cpu: "10", requests.memory: 64Gi}
//!     podStartupDelay: 50ms
//!     podRunTime: 3s          # of pods that are to end
//!   - name: member2
//! ```
//!
//! What is left out is filled in: a member without `nodes` has three of 8 CPUs, 32Gi and 110 pods; a node without
//! `cpu`, `memory` or `pods` has those of such a node. An unknown field is an error, and so is a name given twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Taint;
use serde::{Deserialize, Serialize};
use windlass_api::quantity::Quantity;

use crate::state::Pace;

/// The CPUs, memory and pod slots of a node that doesn't say otherwise.
pub(crate) const DEFAULT_ALLOCATABLE: [(&str, &str); 3] = [("cpu", "8"), ("memory", "32Gi"), ("pods", "110")];
const DEFAULT_NODES: u32 = 3;
const MAX_NODES: u32 = 5_000;

/// A whole specification file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberSpecFile {
    pub members: Vec<MemberSpec>,
}

/// One simulated member cluster.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberSpec {
    /// The Cluster's name: a DNS label of at most 48 characters.
    pub name: String,
    /// Labels of the Cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Taints of the Cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Absent: three default nodes. Empty: none.
    #[serde(default = "default_nodes")]
    pub nodes: Vec<NodeSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_quotas: Vec<QuotaSpec>,
    /// From a pod's binding to its being ready; `20ms` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_startup_delay: Option<String>,
    /// How long pods run that are to end, if they don't say it themselves; `3s` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_run_time: Option<String>,
}

/// One node, or `count` alike.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// With `count`, a number is added: `name-1`, `name-2`. Absent: `<member>-node-<number>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `simulator.windlass.io/ready: "false"` makes a node that isn't ready.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
}

/// A ResourceQuota in the member.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaSpec {
    pub namespace: String,
    /// `quota` unless given.
    #[serde(default = "default_quota_name")]
    pub name: String,
    pub hard: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// One node as it will be created.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) allocatable: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) taints: Vec<Taint>,
}

/// What is wrong with a specification.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("the member specification is not what it has to be")]
    Parse(#[source] Box<serde_saphyr::Error>),
    #[error("{field}: {value:?} {problem}")]
    Field { field: String, value: String, problem: String },
    #[error("members: {name:?} is the name of two members: give each its own")]
    DuplicateMember { name: String },
    #[error("{field}: {name:?} is the name of two nodes of member {member:?}: give each its own")]
    DuplicateNode { field: String, member: String, name: String },
}

impl MemberSpecFile {
    /// Reads and checks a specification, YAML or JSON.
    ///
    /// # Errors
    /// The text is neither, has an unknown field or one of the wrong type, or a value can't be used; the message
    /// names the field.
    pub fn parse(text: &str) -> Result<MemberSpecFile, SpecError> {
        let file: MemberSpecFile =
            serde_saphyr::from_str(text).map_err(|error| SpecError::Parse(Box::new(error)))?;
        let mut names = BTreeSet::new();
        for (index, member) in file.members.iter().enumerate() {
            member.check(&format!("members[{index}]"))?;
            if !names.insert(member.name.as_str()) {
                return Err(SpecError::DuplicateMember { name: member.name.clone() });
            }
        }
        Ok(file)
    }

    /// `count` default members: `member1`, `member2`, ...
    pub fn members(count: usize) -> MemberSpecFile {
        MemberSpecFile {
            members: (1..=count).map(|number| MemberSpec::named(format!("member{number}"))).collect(),
        }
    }
}

impl MemberSpec {
    /// A member with three default nodes.
    pub fn named(name: impl Into<String>) -> MemberSpec {
        MemberSpec {
            name: name.into(),
            labels: BTreeMap::new(),
            region: None,
            zone: None,
            provider: None,
            taints: Vec::new(),
            nodes: default_nodes(),
            resource_quotas: Vec::new(),
            pod_startup_delay: None,
            pod_run_time: None,
        }
    }

    /// How fast its pods start and end.
    pub(crate) fn pace(&self) -> Pace {
        let given = |text: &Option<String>| text.as_deref().and_then(parse_delay);
        let usual = Pace::default();
        Pace {
            startup_delay: given(&self.pod_startup_delay).unwrap_or(usual.startup_delay),
            run_time: given(&self.pod_run_time).unwrap_or(usual.run_time),
        }
    }

    fn check(&self, at: &str) -> Result<(), SpecError> {
        let wrong = |field: String, value: &str, problem: &str| {
            Err(SpecError::Field { field, value: value.to_owned(), problem: problem.to_owned() })
        };
        if !is_dns_label(&self.name, 48) {
            return wrong(
                format!("{at}.name"),
                &self.name,
                "is no cluster name: lower-case letters, digits and '-', at most 48 characters",
            );
        }
        for (field, delay) in
            [("podStartupDelay", &self.pod_startup_delay), ("podRunTime", &self.pod_run_time)]
        {
            if let Some(delay) = delay.as_deref().filter(|delay| parse_delay(delay).is_none()) {
                let problem = "is no duration: want something like 50ms or 2s";
                return wrong(format!("{at}.{field}"), delay, problem);
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let at = format!("{at}.nodes[{index}]");
            if let Some(name) = &node.name
                && !is_dns_label(name, 63)
            {
                return wrong(
                    format!("{at}.name"),
                    name,
                    "is no node name: lower-case letters, digits and '-'",
                );
            }
            if node.count.unwrap_or(1) > MAX_NODES {
                return wrong(
                    format!("{at}.count"),
                    &node.count.unwrap_or(1).to_string(),
                    "is more than 5000",
                );
            }
            check_amounts(&format!("{at}.allocatable"), &node.allocatable)?;
            for (index, taint) in node.taints.iter().enumerate() {
                check_taint(&format!("{at}.taints[{index}]"), taint)?;
            }
        }
        for (index, taint) in self.taints.iter().enumerate() {
            check_taint(&format!("{at}.taints[{index}]"), taint)?;
        }
        for (index, quota) in self.resource_quotas.iter().enumerate() {
            let at = format!("{at}.resourceQuotas[{index}]");
            if !is_dns_label(&quota.namespace, 63) {
                return wrong(format!("{at}.namespace"), &quota.namespace, "is no namespace name");
            }
            check_amounts(&format!("{at}.hard"), &quota.hard)?;
            for scope in &quota.scopes {
                if !["Terminating", "NotTerminating", "BestEffort", "NotBestEffort"].contains(&scope.as_str())
                {
                    let problem =
                        "is no scope: want Terminating, NotTerminating, BestEffort or NotBestEffort";
                    return wrong(format!("{at}.scopes"), scope, problem);
                }
            }
        }
        let mut names = BTreeSet::new();
        for node in self.node_plans() {
            if !names.insert(node.name.clone()) {
                let field = format!("{at}.nodes");
                return Err(SpecError::DuplicateNode { field, member: self.name.clone(), name: node.name });
            }
        }
        Ok(())
    }

    /// Every node, `count` unrolled and defaults filled in.
    pub(crate) fn node_plans(&self) -> Vec<NodePlan> {
        let mut plans = Vec::new();
        for node in &self.nodes {
            let mut allocatable: BTreeMap<String, String> = DEFAULT_ALLOCATABLE
                .iter()
                .map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned()))
                .collect();
            allocatable.extend(node.allocatable.clone());
            for number in 1..=node.count.unwrap_or(1) {
                let name = match (&node.name, node.count) {
                    (Some(name), None) => name.clone(),
                    (Some(name), Some(_)) => format!("{name}-{number}"),
                    (None, _) => format!("{}-node-{}", self.name, plans.len() + 1),
                };
                let mut labels = BTreeMap::from([
                    ("kubernetes.io/hostname".to_owned(), name.clone()),
                    ("kubernetes.io/os".to_owned(), "linux".to_owned()),
                    ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
                ]);
                for (key, value) in [
                    ("topology.kubernetes.io/region", &self.region),
                    ("topology.kubernetes.io/zone", &self.zone),
                ] {
                    if let Some(value) = value {
                        labels.insert(key.to_owned(), value.clone());
                    }
                }
                labels.extend(node.labels.clone());
                plans.push(NodePlan {
                    name,
                    allocatable: allocatable.clone(),
                    labels,
                    annotations: node.annotations.clone(),
                    taints: node.taints.clone(),
                });
            }
        }
        plans
    }
}

fn default_nodes() -> Vec<NodeSpec> {
    vec![NodeSpec { count: Some(DEFAULT_NODES), ..NodeSpec::default() }]
}

fn default_quota_name() -> String {
    "quota".to_owned()
}

/// `50ms`, `2s`, `1m30s`; nothing negative.
fn parse_delay(text: &str) -> Option<SignedDuration> {
    text.trim().parse::<SignedDuration>().ok().filter(|delay| *delay >= SignedDuration::ZERO)
}

fn is_dns_label(name: &str, longest: usize) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= longest
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn check_amounts(at: &str, amounts: &BTreeMap<String, String>) -> Result<(), SpecError> {
    for (name, amount) in amounts {
        if !amount.parse::<Quantity>().is_ok_and(|amount| amount >= Quantity::ZERO) {
            return Err(SpecError::Field {
                field: format!("{at}[{name}]"),
                value: amount.clone(),
                problem: "is no quantity: want something like 500m, 8 or 32Gi, and nothing negative"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

fn check_taint(at: &str, taint: &Taint) -> Result<(), SpecError> {
    if taint.key.is_empty() {
        return Err(SpecError::Field {
            field: format!("{at}.key"),
            value: String::new(),
            problem: "is empty: a taint needs a key".to_owned(),
        });
    }
    if !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&taint.effect.as_str()) {
        return Err(SpecError::Field {
            field: format!("{at}.effect"),
            value: taint.effect.clone(),
            problem: "is no taint effect: want NoSchedule, PreferNoSchedule or NoExecute".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, naming: &str) {
        let error = MemberSpecFile::parse(text).unwrap_err();
        let mut message = error.to_string();
        if let SpecError::Parse(source) = &error {
            message.push_str(&source.to_string());
        }
        assert!(message.contains(naming), "{message}");
    }

    #[test]
    fn a_member_with_just_a_name_has_three_default_nodes() {
        let file = MemberSpecFile::parse("members: [{name: m1}]").unwrap();
        assert_eq!(file, MemberSpecFile { members: vec![MemberSpec::named("m1")] });
        let plans = file.members[0].node_plans();
        let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, ["m1-node-1", "m1-node-2", "m1-node-3"]);
        assert_eq!(plans[0].allocatable["memory"], "32Gi");
    }

    #[test]
    fn json_is_a_specification_too() {
        let text = r#"{"members": [{"name": "m1", "region": "eu", "nodes": [
            {"name": "big", "count": 2, "allocatable": {"cpu": "64", "nvidia.com/gpu": "8"}}]}]}"#;
        let plans = MemberSpecFile::parse(text).unwrap().members[0].node_plans();
        assert_eq!(plans[1].name, "big-2");
        assert_eq!(plans[1].allocatable["nvidia.com/gpu"], "8");
        assert_eq!(plans[1].allocatable["pods"], "110");
        assert_eq!(plans[1].labels["topology.kubernetes.io/region"], "eu");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_field() {
        refused("members: [{name: m1, colour: red}]", "colour");
        refused("members: [{name: M_1}]", "members[0].name");
        refused("members: [{name: m1}, {name: m1}]", "m1");
        refused(
            "members: [{name: m1, nodes: [{allocatable: {cpu: lots}}]}]",
            "members[0].nodes[0].allocatable[cpu]",
        );
        refused("members: [{name: m1, nodes: [{name: a}, {name: a}]}]", "members[0].nodes");
        refused("members: [{name: m1, podStartupDelay: soon}]", "podStartupDelay");
        refused("members: [{name: m1, nodes: [{taints: [{key: a, effect: Never}]}]}]", "taints[0].effect");
        refused(
            "members: [{name: m1, resourceQuotas: [{namespace: a, hard: {cpu: '1'}, scopes: [All]}]}]",
            "scopes",
        );
        refused("[1, 2", "");
    }

    #[test]
    fn a_startup_delay_is_read_as_go_prints_durations() {
        let mut spec = MemberSpec::named("m1");
        for (text, want) in [("50ms", 50), ("2s", 2_000), ("1m30s", 90_000), ("0s", 0)] {
            spec.pod_startup_delay = Some(text.to_owned());
            assert_eq!(spec.pace().startup_delay, SignedDuration::from_millis(want));
        }
    }
}
