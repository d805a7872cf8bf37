//! What `windlass plugin list` and `inspect` show, and what a status is made of.

use std::collections::BTreeMap;

use serde::Serialize;
use windlass_core::Verb;

use crate::catalogue::{Described, Entry, Snapshot, State};
use crate::contract::{Abilities, KindSupport, Rule};
use crate::fault::human;
use crate::limits::Limits;
use crate::plugin::{About, Plugin};

/// One plugin, as people and tools read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    pub origin: String,
    /// `Serving`, `Failed` (nothing serves), `Degraded` (the version before a failed one serves), `HeldBack` (calls
    /// are refused for a moment, after failures in a row), or `Shadowed`.
    pub state: &'static str,
    /// Why, where it isn't plainly serving.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What serves; absent where nothing does.
    #[serde(flatten)]
    pub plugin: Option<ServingStatus>,
}

/// The version of a plugin that serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServingStatus {
    pub name: String,
    pub version: String,
    pub description: String,
    pub world: &'static str,
    pub digest: String,
    pub priority: i32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleStatus>,
    pub limits: LimitsStatus,
    pub calls: u64,
    /// The mean time of a call, in microseconds.
    pub mean_call_microseconds: u64,
    /// Failed calls by blame.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// A kind and the operations declared for it, by Karmada's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindStatus {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub operations: Vec<&'static str>,
}

/// Which requests an admission plugin sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleStatus {
    pub group: String,
    pub version: String,
    pub resource: String,
    pub verbs: Vec<&'static str>,
}

/// Limits, as people write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsStatus {
    pub deadline: String,
    pub memory: String,
    pub answer: String,
    pub concurrency: u32,
    pub calls_per_instance: u32,
    pub isolation: &'static str,
}

impl Snapshot {
    /// The status of every plugin, in the order in which they are asked.
    pub fn status(&self) -> Vec<PluginStatus> {
        self.entries().iter().map(PluginStatus::of).collect()
    }
}

impl PluginStatus {
    fn of(entry: &Entry) -> PluginStatus {
        let held = entry.plugin.as_ref().and_then(|plugin| plugin.about().held_back());
        let (state, message) = match (&entry.state, held) {
            (State::Shadowed { by }, _) => ("Shadowed", format!("{by} has the same name and goes before it")),
            (State::Failed(error), _) if entry.plugin.is_some() => {
                ("Degraded", format!("{}; the version before it serves", Described(error.as_ref())))
            }
            (State::Failed(error), _) => ("Failed", Described(error.as_ref()).to_string()),
            (State::Serving, Some(left)) => {
                ("HeldBack", format!("calls are refused for another {}", human(left)))
            }
            (State::Serving, None) => ("Serving", String::new()),
        };
        PluginStatus {
            origin: entry.origin.to_string(),
            state,
            message,
            plugin: entry.plugin.as_ref().map(Plugin::about).map(ServingStatus::of),
        }
    }
}

impl ServingStatus {
    fn of(about: &About) -> ServingStatus {
        let (kinds, rules) = match &about.manifest().abilities {
            Abilities::Interprets(kinds) => (kinds.iter().map(KindStatus::of).collect(), Vec::new()),
            Abilities::Admits(rules) => (Vec::new(), rules.iter().map(RuleStatus::of).collect()),
        };
        let counts = about.counts();
        let mean = counts.time.as_micros().checked_div(u128::from(counts.calls)).unwrap_or(0);
        ServingStatus {
            name: about.name().to_string(),
            version: about.manifest().version.clone(),
            description: about.manifest().description.clone(),
            world: about.world().name(),
            digest: about.digest().to_string(),
            priority: about.config().priority,
            kinds,
            rules,
            limits: LimitsStatus::of(&about.config().limits),
            calls: counts.calls,
            mean_call_microseconds: u64::try_from(mean).unwrap_or(u64::MAX),
            failures: counts.failures,
            last_error: about.last_error().map(|error| error.to_string()),
        }
    }
}

impl KindStatus {
    fn of(support: &KindSupport) -> KindStatus {
        let simulates = support.operations.simulates_status.then_some("SimulateStatus");
        KindStatus {
            group: support.group.clone(),
            version: support.version.clone(),
            kind: support.kind.clone(),
            operations: support
                .operations
                .iter()
                .map(|operation| operation.name())
                .chain(simulates)
                .collect(),
        }
    }
}

impl RuleStatus {
    fn of(rule: &Rule) -> RuleStatus {
        RuleStatus {
            group: rule.group.clone(),
            version: rule.version.clone(),
            resource: rule.resource.clone(),
            verbs: rule.verbs.iter().copied().map(Verb::name).collect(),
        }
    }
}

impl LimitsStatus {
    fn of(limits: &Limits) -> LimitsStatus {
        LimitsStatus {
            deadline: human(limits.deadline),
            memory: format!("{}Mi", limits.memory_bytes >> 20),
            answer: format!("{}Mi", limits.answer_bytes >> 20),
            concurrency: limits.concurrency,
            calls_per_instance: limits.calls_per_instance,
            isolation: limits.isolation.name(),
        }
    }
}
