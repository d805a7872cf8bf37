//! What `windlass plugin list` and `inspect` show, and what a status is made of.

use serde::Serialize;
use windlass_api::errors::in_one_line;
use windlass_api::plugin::{
    AdmissionRule, DeclaredAnswer, InterpretedKind, PluginLimits, PluginState, ServingPlugin,
};
use windlass_core::declared::{Declared, Kept};
use windlass_core::{Operation, Verb};

use crate::catalogue::{Entry, Snapshot, State};
use crate::contract::{Abilities, KindSupport, Rule};
use crate::fault::human;
use crate::limits::Limits;
use crate::plugin::{About, Plugin};

/// One plugin, as people and tools read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    pub origin: String,
    pub state: PluginState,
    /// Why, where it isn't plainly serving.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What serves; absent where nothing does.
    #[serde(flatten)]
    pub plugin: Option<ServingPlugin>,
}

impl Snapshot {
    /// The status of every plugin, in the order in which they are asked.
    pub fn status(&self) -> Vec<PluginStatus> {
        self.entries().iter().map(Entry::status).collect()
    }
}

impl Entry {
    /// How it stands.
    pub fn status(&self) -> PluginStatus {
        let held = self.plugin.as_ref().and_then(|plugin| plugin.about().held_back());
        let (state, message) = match (&self.state, held) {
            (State::Shadowed { by }, _) => {
                (PluginState::Shadowed, format!("{by} has the same name and goes before it"))
            }
            (State::Failed(error), _) if self.plugin.is_some() => {
                let message = format!("{}; what served before still does", in_one_line(error.as_ref()));
                (PluginState::Degraded, message)
            }
            (State::Failed(error), _) => (PluginState::Failed, in_one_line(error.as_ref())),
            (State::Serving, Some(left)) => {
                (PluginState::HeldBack, format!("calls are refused for another {}", human(left)))
            }
            (State::Serving, None) => (PluginState::Serving, String::new()),
        };
        PluginStatus {
            origin: self.origin.to_string(),
            state,
            message,
            plugin: self.plugin.as_ref().map(Plugin::about).map(serving),
        }
    }
}

fn serving(about: &About) -> ServingPlugin {
    let (kinds, rules) = match &about.manifest().abilities {
        Abilities::Interprets(kinds) => (kinds.iter().map(kind).collect(), Vec::new()),
        Abilities::Admits(rules) => (Vec::new(), rules.iter().map(rule).collect()),
    };
    let counts = about.counts();
    let mean = counts.time.as_micros().checked_div(u128::from(counts.calls)).unwrap_or(0);
    ServingPlugin {
        name: about.name().to_string(),
        version: about.manifest().version.clone(),
        description: about.manifest().description.clone(),
        world: about.world().name().to_owned(),
        digest: about.digest().to_string(),
        priority: about.config().priority,
        kinds,
        rules,
        limits: limits(&about.config().limits),
        calls: counts.calls + counts.declared,
        mean_call_microseconds: u64::try_from(mean).unwrap_or(u64::MAX),
        failures: counts.failures.into_iter().map(|(blame, count)| (blame.to_owned(), count)).collect(),
        last_error: about.last_error().map(|error| error.to_string()),
    }
}

fn kind(support: &KindSupport) -> InterpretedKind {
    let operations = support.operations();
    let simulates = operations.simulates_status.then_some("SimulateStatus");
    let Declared { status, retain } = &support.declared;
    let declares = |operation: Operation, answer: String| DeclaredAnswer {
        operation: operation.name().to_owned(),
        answer,
    };
    let kept = || retain.iter().map(Kept::to_string).collect::<Vec<_>>().join(", ");
    let declared = status
        .iter()
        .map(|reflection| declares(Operation::InterpretStatus, reflection.to_string()))
        .chain((!retain.is_empty()).then(|| declares(Operation::Retain, kept())))
        .collect();
    InterpretedKind {
        group: support.group.clone(),
        version: support.version.clone(),
        kind: support.kind.clone(),
        operations: operations
            .iter()
            .map(|operation| operation.name())
            .chain(simulates)
            .map(str::to_owned)
            .collect(),
        declared,
    }
}

fn rule(rule: &Rule) -> AdmissionRule {
    AdmissionRule {
        group: rule.group.clone(),
        version: rule.version.clone(),
        resource: rule.resource.clone(),
        verbs: rule.verbs.iter().copied().map(Verb::name).map(str::to_owned).collect(),
    }
}

fn limits(limits: &Limits) -> PluginLimits {
    PluginLimits {
        deadline: human(limits.deadline),
        memory: format!("{}Mi", limits.memory_bytes >> 20),
        answer: format!("{}Mi", limits.answer_bytes >> 20),
        concurrency: limits.concurrency,
        calls_per_instance: limits.calls_per_instance,
        isolation: limits.isolation.name().to_owned(),
    }
}
