//! kubeflow.org/v1 Notebook: one pod, and what its container does.

use windlass_sdk::json::{Entries, Int, Json, Numeric, Text, tree};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, pod_dependencies, pod_requirements};
use windlass_sdk::serde::Serialize;
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Replicas, Requirements};

use crate::progress::Aggregated;

windlass_sdk::shape! {
    pub(crate) struct Notebook<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        template: PodTemplate<'a>,
    }

    pub(crate) struct NotebookProgress<'a> {
        status: Json<'a>,
    }

    struct Status<'a> {
        ready_replicas: Numeric,
        container_state: Json<'a>,
    }

    struct Terminated<'a> {
        reason: Text<'a>,
        exit_code: Int<i64>,
    }
}

/// What is passed on of a notebook's status.
#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
pub(crate) struct Reflected<'a> {
    ready_replicas: Json<'a>,
    #[serde(skip_serializing_if = "Json::is_null")]
    container_state: Json<'a>,
    #[serde(skip_serializing_if = "Json::is_null")]
    conditions: Json<'a>,
}

/// The status of the notebooks in all members together.
#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct AggregatedStatus<'a> {
    ready_replicas: Numeric,
    container_state: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Aggregated<'a>>,
}

impl Notebook<'_> {
    /// A notebook is one pod.
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        let requirements = pod_requirements(&self.spec.template).map(Requirements::reread);
        Ok(Replicas { replicas: 1, requirements })
    }

    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        Ok(self.replicas()?.component("Notebook"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(pod_dependencies(&self.spec.template.spec, self.metadata.namespace_or_default()))
    }
}

impl<'a> NotebookProgress<'a> {
    pub(crate) fn status(&self) -> Answer<Option<Reflected<'a>>> {
        if self.status.is_null() {
            return Ok(None);
        }
        // To Karmada's script `false` is as good as nothing.
        let field =
            |name| Some(self.status.field(name)).filter(|value| !matches!(value.text(), "null" | "false"));
        let ready_replicas = field("readyReplicas");
        Ok(Some(Reflected {
            ready_replicas: ready_replicas.unwrap_or(Json::from_text("0")),
            container_state: field("containerState").unwrap_or_default(),
            conditions: field("conditions").filter(is_structured).unwrap_or_default(),
        }))
    }

    /// Healthy while its container runs, is being created, or has ended well.
    pub(crate) fn health(&self) -> Answer<bool> {
        let state = self.status.field("containerState");
        if !state.field("running").is_null() {
            return Ok(true);
        }
        let waiting = state.field("waiting");
        if !waiting.is_null() {
            return Ok(waiting.field("reason").string().is_some_and(|reason| reason == "ContainerCreating"));
        }
        let terminated = state.field("terminated");
        let Terminated { reason, exit_code } = terminated.read("status.containerState.terminated")?;
        let failed = matches!(reason.as_str(), "Error" | "OOMKilled" | "ContainerCannotRun");
        Ok(!terminated.is_null() && !failed && exit_code == Int(0))
    }

    /// How many are ready, and the state of the last container that doesn't run, or else of the one that came last.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        let reported = members.reported::<Status<'_>>()?;
        let (failed, running): (Vec<_>, Vec<_>) =
            reported.iter().partition(|member| is_failed(member.status.container_state));
        let running: Vec<Json<'_>> = running
            .iter()
            .map(|member| member.status.container_state.field("running"))
            .filter(|running| !running.is_null())
            .collect();
        let started = running.iter().filter_map(|running| running.field("startedAt").string()).max();
        let since = started.as_deref();

        let mut conditions = Vec::new();
        if !failed.is_empty() {
            let clusters: Vec<&str> = failed.iter().map(|member| member.cluster).collect();
            conditions.push(Aggregated {
                r#type: "Failed",
                status: "True",
                last_probe_time: None,
                last_transition_time: None,
                reason: "NotebookFailed".to_owned(),
                message: format!("Notebook executed failed in member clusters: {}", clusters.join(", ")),
            });
        } else if running.len() == members.len() {
            conditions.push(Aggregated {
                r#type: "Ready",
                status: "True",
                last_probe_time: since,
                last_transition_time: since,
                reason: "Ready".to_owned(),
                message: "All notebooks are ready".to_owned(),
            });
        }
        let container_state = match failed.last().map(|member| member.status.container_state) {
            Some(state) if is_nowhere(state) => json!({"waiting": {"reason": "Unschedulable"}}),
            Some(state) => tree("items[*].status.containerState", &state)?,
            None if running.is_empty() => Value::Null,
            None => match since {
                Some(started) => json!({"running": {"startedAt": started}}),
                None => json!({"running": {}}),
            },
        };
        let ready_replicas = reported.iter().map(|member| member.status.ready_replicas).sum();
        Ok(Changes::none().set("/status", AggregatedStatus { ready_replicas, container_state, conditions }))
    }

    /// What the notebook's controller copies from its pod.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of("");
        let ready = pods.ready > 0;
        let state =
            if ready { json!({"running": {}}) } else { json!({"waiting": {"reason": "ContainerCreating"}}) };
        Ok(json!({
            "readyReplicas": pods.ready,
            "containerState": state,
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" },
                "lastProbeTime": null, "lastTransitionTime": null}],
        }))
    }
}

/// Whether this is a list or an object.
fn is_structured(json: &Json<'_>) -> bool {
    json.text().starts_with(['[', '{'])
}

/// A container that has ended, waits, or isn't there.
fn is_failed(state: Json<'_>) -> bool {
    is_nowhere(state) || !state.field("terminated").is_null() || !state.field("waiting").is_null()
}

/// Whether this says nothing of a container's state: `{"running": null}` says no more than `{}`.
fn is_nowhere(state: Json<'_>) -> bool {
    let states: Option<Entries<'_, Json<'_>>> = state.read("containerState").ok();
    let says_nothing = |states: Entries<'_, Json<'_>>| states.iter().all(|(_, state)| state.is_null());
    states.map_or(state.is_empty() && !state.is(""), says_nothing)
}
