//! What a plugin says and answers, in the host's own terms.
//!
//! Each version of the WIT contract has a module that turns its generated types into these; the rest of the host
//! knows only these. An older version stays here after a newer one has come.

pub(crate) mod admission_v0_1;
pub(crate) mod answers;
pub(crate) mod interpreter_v0_1;

use serde_json::Value;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::admission::AdmissionRequest;
use windlass_core::declared::Declared;
use windlass_core::{Ask, Change, Gvk, Json, Operation, Verb, WorkloadPods};

use crate::fault::Fault;
use crate::journal::Journal;
use crate::limits::Limits;
pub(crate) use answers::{Admitted, Inspected};

/// Which contract a plugin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// `windlass:interpreter@0.1.0`
    InterpreterV0_1,
    /// `windlass:admission@0.1.0`
    AdmissionV0_1,
}

impl World {
    pub(crate) const ALL: [World; 2] = [World::InterpreterV0_1, World::AdmissionV0_1];

    /// The contract's package and version.
    pub const fn name(self) -> &'static str {
        match self {
            World::InterpreterV0_1 => "windlass:interpreter@0.1.0",
            World::AdmissionV0_1 => "windlass:admission@0.1.0",
        }
    }

    /// The interface that a component of this world exports.
    pub(crate) const fn export(self) -> &'static str {
        match self {
            World::InterpreterV0_1 => "windlass:interpreter/interpreter@0.1.0",
            World::AdmissionV0_1 => "windlass:admission/hook@0.1.0",
        }
    }
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// A DNS label, unique among the plugins that serve.
    pub name: String,
    /// A semantic version.
    pub version: String,
    pub description: String,
    pub abilities: Abilities,
}

/// What a plugin wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abilities {
    Interprets(Vec<KindSupport>),
    Admits(Vec<Rule>),
}

/// A kind and what is answered for it. `*` stands for any group, version or kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSupport {
    pub group: String,
    pub version: String,
    pub kind: String,
    /// What the plugin is asked.
    pub asked: Operations,
    /// What the host answers in its place.
    pub declared: Declared,
}

impl KindSupport {
    /// All that is answered, by whomever.
    pub fn operations(&self) -> Operations {
        let Declared { status, retain } = &self.declared;
        let mut all = self.asked;
        if status.is_some() {
            all = all.with(Operation::InterpretStatus);
        }
        if !retain.is_empty() {
            all = all.with(Operation::Retain);
        }
        all
    }

    /// Whether `gvk` is one of those meant.
    pub fn matches(&self, gvk: &Gvk) -> bool {
        means(&self.group, &gvk.group) && means(&self.version, &gvk.version) && means(&self.kind, &gvk.kind)
    }

    /// How many of group, version and kind are left open. The fewer, the more exact.
    pub fn wildcards(&self) -> usize {
        [&self.group, &self.version, &self.kind].into_iter().filter(|part| *part == "*").count()
    }
}

/// A set of operations, and whether the plugin can simulate a workload's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    bits: u16,
    pub simulates_status: bool,
}

impl Operations {
    /// With `operation` too.
    #[must_use]
    pub fn with(self, operation: Operation) -> Operations {
        Operations { bits: self.bits | 1 << operation as u16, ..self }
    }

    pub fn contains(self, operation: Operation) -> bool {
        self.bits & 1 << operation as u16 != 0
    }

    /// The operations of the set, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(move |operation| self.contains(*operation))
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Operations::default()
    }
}

/// Which requests an admission plugin wants to see. `*` stands for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub group: String,
    pub version: String,
    /// `resourcebindings`, `resourcebindings/status`, `resourcebindings/*`, `*`, `*/*`.
    pub resource: String,
    pub verbs: Vec<Verb>,
}

impl Rule {
    /// Whether the plugin wants to see `request`.
    pub fn matches(&self, request: &AdmissionRequest) -> bool {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        self.verbs.contains(&request.verb)
            && means(&self.group, &request.gvk.group)
            && means(&self.version, &request.gvk.version)
            && means(resource, &request.resource)
            && means(subresource, &request.subresource)
    }
}

fn means(pattern: &str, value: &str) -> bool {
    pattern == "*" || pattern == value
}

/// The calls of an interpreter plugin, whichever version of the contract it speaks.
pub(crate) trait InterpreterCalls: Send + Sync {
    fn describe(&self) -> Result<Manifest, Fault>;
    fn inspect(&self, object: &str, ask: Ask) -> Result<Inspected, Fault>;
    fn revise_replica(&self, object: &str, replicas: i32) -> Result<Vec<Change<Json>>, Fault>;
    fn retain(&self, desired: &str, observed: &str) -> Result<Vec<Change<Json>>, Fault>;
    fn aggregate_status(
        &self,
        object: &str,
        items: &[AggregatedStatusItem],
    ) -> Result<Vec<Change<Json>>, Fault>;
    fn preserve_state(
        &self,
        object: &str,
        rules: &[StatePreservationRule],
    ) -> Result<Vec<(String, String)>, Fault>;
    fn restore_state(&self, object: &str, state: &[(&str, &str)]) -> Result<Vec<Change<Json>>, Fault>;
    fn simulate_status(&self, object: &str, pods: &WorkloadPods, nodes: u32) -> Result<Value, Fault>;
    /// The same plugin under other limits and with other settings, with instances of its own.
    fn configured(&self, limits: Limits, settings: &Value) -> Box<dyn InterpreterCalls>;
    /// What its instances left behind since the last time.
    fn take_journal(&self) -> Journal;
}

/// The calls of an admission plugin, whichever version of the contract it speaks.
pub(crate) trait AdmissionCalls: Send + Sync {
    fn describe(&self) -> Result<Manifest, Fault>;
    fn check_settings(&self, settings: &str) -> Result<(), Fault>;
    fn admit(&self, request: &AdmissionRequest, settings: &str) -> Result<Admitted, Fault>;
    /// The same plugin under other limits, with instances of its own.
    fn limited(&self, limits: Limits) -> Box<dyn AdmissionCalls>;
    /// What its instances left behind since the last time.
    fn take_journal(&self) -> Journal;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn request(resource: &str, subresource: &str) -> AdmissionRequest {
        AdmissionRequest {
            gvk: Gvk::new("work.karmada.io/v1alpha2", "ResourceBinding"),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: "default".into(),
            name: "a".into(),
            verb: Verb::Create,
            user: String::new(),
            groups: Vec::new(),
            dry_run: false,
            object: Value::Null,
            old_object: Value::Null,
        }
    }

    #[test]
    fn rules_match_as_in_webhook_configurations() {
        let rule = |resource: &str| Rule {
            group: "work.karmada.io".into(),
            version: "*".into(),
            resource: resource.into(),
            verbs: vec![Verb::Create],
        };
        for (pattern, subresource, want) in [
            ("resourcebindings", "", true),
            ("resourcebindings", "status", false),
            ("resourcebindings/status", "status", true),
            ("resourcebindings/*", "status", true),
            ("*", "", true),
            ("*", "status", false),
            ("*/*", "status", true),
            ("works", "", false),
        ] {
            assert_eq!(
                rule(pattern).matches(&request("resourcebindings", subresource)),
                want,
                "{pattern} {subresource}"
            );
        }
        assert!(!Rule { verbs: vec![Verb::Delete], ..rule("*") }.matches(&request("resourcebindings", "")));
    }

    #[test]
    fn a_set_of_operations_holds_what_was_put_in() {
        let set = Operations::default().with(Operation::Retain).with(Operation::InterpretReplica);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Operation::InterpretReplica, Operation::Retain]);
        assert!(!set.is_empty() && Operations::default().is_empty());
    }
}
