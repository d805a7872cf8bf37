//! The report on one binding, as JSON and as text.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};
use windlass_api::conditions::SCHEDULED;
use windlass_api::work::{ObjectReference, TargetCluster};
use windlass_scheduler::Explanation;

use crate::index::{Binding, binding_resource};

/// Who made the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A scheduler at work, with all that it knows.
    Scheduler,
    /// Nobody but whoever asks, from the API's objects: the queue, promised room and node-exact room are not known.
    Objects,
}

/// What is to be told of one binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub source: Source,
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
    /// What the binding is of.
    pub resource: ObjectReference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// `spec.clusters`: where it is now.
    pub clusters: Vec<TargetCluster>,
    /// Its condition Scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<WrittenCondition>,
    /// The generation that was decided on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scheduled_time: Option<Time>,
    /// Its place; absent where no scheduler was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queued>,
    /// The room that is kept free for it until its members show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promised: Vec<Promised>,
    /// What would be decided now.
    pub explanation: Explanation,
}

/// A condition, as the binding's status has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenCondition {
    pub status: String,
    pub reason: String,
    pub message: String,
    pub since: Time,
}

/// A place in the scheduler's queue, or beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// Active, Backoff, Unschedulable, Writing, Suspended, Settled or NotOurs.
    pub place: String,
    /// How many are decided on before it, where it waits in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// After how long it is looked at again without anything happening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    pub priority: i32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waits_for: String,
}

/// Room kept free in one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promised {
    pub cluster: String,
    /// How many pods.
    pub pods: i64,
}

impl Report {
    /// What the binding itself says, with an explanation of what would be decided.
    pub(crate) fn of(binding: &Binding, source: Source, explanation: Explanation) -> Report {
        let namespace = binding.metadata.namespace.clone().unwrap_or_default();
        let status = binding.status.as_ref();
        let condition = status
            .and_then(|status| status.conditions.iter().find(|condition| condition.type_ == SCHEDULED))
            .map(|condition| WrittenCondition {
                status: condition.status.clone(),
                reason: condition.reason.clone(),
                message: condition.message.clone(),
                since: condition.last_transition_time.clone(),
            });
        Report {
            source,
            kind: binding_resource(!namespace.is_empty()).kind,
            namespace,
            name: binding.metadata.name.clone().unwrap_or_default(),
            resource: binding.spec.resource.clone(),
            generation: binding.metadata.generation,
            clusters: binding.spec.clusters.clone(),
            condition,
            observed_generation: status
                .map(|status| status.scheduler_observed_generation)
                .filter(|observed| *observed != 0),
            last_scheduled_time: status.and_then(|status| status.last_scheduled_time.clone()),
            queue: None,
            promised: Vec::new(),
            explanation,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |namespace: &str, name: &str| match namespace {
            "" => name.to_owned(),
            namespace => format!("{namespace}/{name}"),
        };
        let mut line = |head: &str, text: &dyn fmt::Display| writeln!(f, "{head:<12} {text}");
        line(&self.kind, &id(&self.namespace, &self.name))?;
        let ObjectReference { kind, namespace, name, .. } = &self.resource;
        line("Of", &format_args!("{kind} {}", id(namespace, name)))?;
        line("Assigned", &targets(&self.clusters))?;
        match &self.condition {
            Some(WrittenCondition { status, reason, message, since }) => {
                let head = if status == "True" { "Scheduled" } else { "Unscheduled" };
                line(head, &format_args!("{reason}, since {}: {message}", since.0))?;
            }
            None => line("Scheduled", &"nobody has said anything about it yet")?,
        }
        if let (Some(generation), Some(observed)) = (self.generation, self.observed_generation)
            && generation != observed
        {
            line("Decided on", &format_args!("generation {observed}, and there is {generation}"))?;
        }
        match &self.queue {
            Some(queued) => line("Queue", queued)?,
            None if self.source == Source::Objects => {
                line("Queue", &"not known: no scheduler was asked, and this is from the API's objects alone")?
            }
            None => {}
        }
        if !self.promised.is_empty() {
            let promised: Vec<String> = self
                .promised
                .iter()
                .map(|Promised { cluster, pods }| format!("{cluster} ({pods} pods)"))
                .collect();
            line("Kept free", &promised.join(", "))?;
        }
        write!(f, "\nIf it were decided on now: {}", self.explanation)
    }
}

fn targets(clusters: &[TargetCluster]) -> String {
    if clusters.is_empty() {
        return "no cluster".to_owned();
    }
    let each = clusters.iter().map(|target| match target.replicas {
        0 => target.name.clone(),
        replicas => format!("{} ({replicas})", target.name),
    });
    each.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(ahead) = self.ahead {
            write!(f, ", {ahead} before it")?;
        }
        if let Some(seconds) = self.seconds {
            write!(f, ", for {seconds:.1} s at most")?;
        }
        if self.priority != 0 {
            write!(f, ", priority {}", self.priority)?;
        }
        if !self.waits_for.is_empty() {
            write!(f, "; waits for {}", self.waits_for)?;
        }
        Ok(())
    }
}
