//! An interpreter for tests. It is part of the unit tests too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::{
    AggregatedStatusItem, Component, ComponentReplicaRequirements, ReplicaRequirements,
};
use windlass_core::{
    Answer, Answered, Ask, Gvk, Inspection, Interpreter, Object, Operation, ReplicaAnswer, WorkloadPods,
};

/// Deployments have replicas, which are their one component; Gangs have a leader and followers; Jobs end.
pub(crate) struct Kinds;

fn by<T>(answer: T) -> Answer<T> {
    Some(Answered { by: "test".into(), result: Ok(answer) })
}

fn job_status(job: &Value, pods: &WorkloadPods) -> Value {
    let pods = pods.get("").cloned().unwrap_or_default();
    let number = |pointer: &str| u32::try_from(number(job, pointer)).unwrap();
    let condition = match () {
        () if job["spec"]["suspend"] == true => Some("Suspended"),
        () if pods.succeeded >= number("/spec/completions") => {
            job["spec"]["ends"].as_str().or(Some("Complete"))
        }
        () if pods.failed > number("/spec/backoffLimit") => Some("Failed"),
        () => None,
    };
    let conditions: Vec<Value> = condition
        .iter()
        .map(|name| json!({"type": name, "status": "True", "lastTransitionTime": null}))
        .collect();
    json!({"succeeded": pods.succeeded, "failed": pods.failed, "conditions": conditions})
}

fn number(object: &Value, pointer: &str) -> i32 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default() as i32
}

impl Interpreter for Kinds {
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>> {
        let answers = match gvk.kind.as_str() {
            "Deployment" if operation == Operation::InterpretComponent => true,
            "Deployment" | "Job" => operation == Operation::InterpretReplica,
            "Gang" => operation == Operation::InterpretComponent,
            _ => false,
        };
        answers.then(|| "test".into())
    }

    fn inspect(&self, object: &Object, _: Ask) -> Inspection {
        let value = object.to_value();
        match object.gvk().kind.as_str() {
            "Deployment" => {
                let requests = value.pointer("/spec/template/spec/containers/0/resources/requests").cloned();
                let requirements = ReplicaRequirements {
                    resource_request: serde_json::from_value(requests.unwrap_or_else(|| json!({}))).unwrap(),
                    ..ReplicaRequirements::default()
                };
                let answer = ReplicaAnswer {
                    replicas: number(&value, "/spec/replicas"),
                    requirements: Some(requirements),
                };
                let component = Component {
                    name: "deployment".to_owned(),
                    replicas: answer.replicas,
                    replica_requirements: None,
                };
                Inspection { replicas: by(answer), components: by(vec![component]), ..Inspection::default() }
            }
            "Job" => {
                let replicas = number(&value, "/spec/parallelism").min(number(&value, "/spec/completions"));
                Inspection {
                    replicas: by(ReplicaAnswer { replicas, requirements: None }),
                    ..Inspection::default()
                }
            }
            _ => {
                let component = |name: &str| Component {
                    name: name.to_owned(),
                    replicas: number(&value, &format!("/spec/{name}")),
                    replica_requirements: Some(ComponentReplicaRequirements::default()),
                };
                Inspection {
                    components: by(vec![component("leader"), component("followers")]),
                    ..Inspection::default()
                }
            }
        }
    }

    fn simulate_status(&self, object: &Object, pods: &WorkloadPods, _: u32) -> Answer<Value> {
        let sum = |count: fn(&windlass_core::PodCount) -> u32| pods.values().map(count).sum::<u32>();
        let (created, ready) = (sum(|pods| pods.created), sum(|pods| pods.ready));
        match object.gvk().kind.as_str() {
            "Deployment" => by(json!({"replicas": created + sum(|pods| pods.outdated),
                "updatedReplicas": created, "readyReplicas": ready + sum(|pods| pods.outdated_ready),
                "observedGeneration": object.to_value().pointer("/metadata/generation")})),
            "Gang" => by(json!({"ready": ready})),
            "Job" => by(job_status(&object.to_value(), pods)),
            _ => None,
        }
    }

    fn revise_replica(&self, _: &Object, _: i32) -> Answer<Object> {
        None
    }

    fn retain(&self, _: &Object, _: &Object) -> Answer<Object> {
        None
    }

    fn aggregate_status(&self, _: &Object, _: &[AggregatedStatusItem]) -> Answer<Object> {
        None
    }

    fn preserve_state(&self, _: &Object, _: &[StatePreservationRule]) -> Answer<BTreeMap<String, String>> {
        None
    }

    fn restore_state(&self, _: &Object, _: &BTreeMap<String, String>) -> Answer<Object> {
        None
    }
}
