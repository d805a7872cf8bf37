//! Decisions, without a server: news in, actions out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{
    Answer, Answered, Ask, Gvk, Inspection, Interpreter, Object, Operation, ReplicaAnswer, WorkloadPods,
};

use super::{Action, Kind, KindAccess, Outcome, State};
use crate::feed::News;

/// Replicas from the spec, ready pods into the status.
struct Replicas;

fn by<T>(answer: T) -> Answer<T> {
    Some(Answered { by: "test".into(), result: Ok(answer) })
}

impl Interpreter for Replicas {
    fn enabled(&self, _: &Gvk, _: Operation) -> Option<Arc<str>> {
        Some("test".into())
    }

    fn inspect(&self, object: &Object, _: Ask) -> Inspection {
        let replicas =
            object.to_value().pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default() as i32;
        let requirements = serde_json::from_value(json!({"resourceRequest": {"cpu": "1"}})).unwrap();
        Inspection {
            replicas: by(ReplicaAnswer { replicas, requirements: Some(requirements) }),
            ..Inspection::default()
        }
    }

    fn simulate_status(&self, _: &Object, pods: &WorkloadPods, _: u32) -> Answer<Value> {
        by(json!({"ready": pods.values().map(|count| count.ready).sum::<u32>()}))
    }

    fn revise_replica(&self, _: &Object, _: i32) -> Answer<Value> {
        None
    }

    fn retain(&self, _: &Object, _: &Object) -> Answer<Value> {
        None
    }

    fn aggregate_status(&self, _: &Object, _: &[AggregatedStatusItem]) -> Answer<Value> {
        None
    }

    fn preserve_state(&self, _: &Object) -> Answer<BTreeMap<String, String>> {
        None
    }

    fn restore_state(&self, _: &Object, _: &BTreeMap<String, String>) -> Answer<Value> {
        None
    }
}

/// A state, and the API server that it thinks it talks to.
#[derive(Default)]
struct World {
    state: State,
    uids: u32,
    version: u64,
    status: Value,
}

impl World {
    fn settle(&mut self) -> Vec<Action> {
        self.state.settle(&Replicas, Timestamp::UNIX_EPOCH)
    }

    fn node(&mut self, name: &str, cpu: &str) {
        let node = json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        let node: Node = serde_json::from_value(node).unwrap();
        self.state.node_news(News::Seen(node), Timestamp::UNIX_EPOCH);
    }

    fn workload(&mut self, replicas: i64) {
        self.version += 1;
        let gvk = GroupVersionKind::gvk("example.com", "v1", "Gang");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "gangs");
        let access = Arc::new(KindAccess { resource, status_subresource: true });
        let object = json!({"metadata": {"name": "g", "namespace": "d", "uid": "g1", "resourceVersion": self.version.to_string()},
            "spec": {"replicas": replicas}, "status": self.status});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let kind = Kind { group: "example.com".to_owned(), kind: "Gang".to_owned() };
        self.state.workload_news(&kind, &access, News::Seen(object), &Replicas);
    }

    /// Carries out what was decided, until nothing more is; says what it was.
    fn run(&mut self) -> Vec<&'static str> {
        let mut done = Vec::new();
        let mut pods: BTreeMap<String, Pod> = BTreeMap::new();
        loop {
            let actions = self.settle();
            if actions.is_empty() {
                return done;
            }
            for action in actions {
                match action {
                    Action::CreatePod(mut pod) => {
                        self.uids += 1;
                        pod.metadata.uid = Some(format!("p{}", self.uids));
                        done.push(if pod.spec.as_ref().unwrap().node_name.is_some() {
                            "create bound"
                        } else {
                            "create"
                        });
                        pods.insert(pod.metadata.name.clone().unwrap(), *pod.clone());
                        self.state.pod_news(News::Seen(*pod));
                    }
                    Action::BindPod { key, node, .. } => {
                        done.push("bind");
                        if let Some(pod) = pods.get_mut(&key.1) {
                            pod.spec.as_mut().unwrap().node_name = Some(node);
                            self.state.pod_news(News::Seen(pod.clone()));
                        }
                    }
                    Action::StartPod { key, status, .. } | Action::MarkUnschedulable { key, status, .. } => {
                        done.push(if status["phase"] == "Running" { "start" } else { "wait" });
                        if let Some(pod) = pods.get_mut(&key.1) {
                            pod.status = Some(serde_json::from_value(status).unwrap());
                            self.state.pod_news(News::Seen(pod.clone()));
                        }
                    }
                    Action::DeletePod { key, .. } => {
                        done.push("delete");
                        self.state.pod_news(News::Gone(key));
                    }
                    Action::WorkloadStatus { key, patch, .. } => {
                        done.push("status");
                        self.status = patch["status"].clone();
                        let written = json!({"status": self.status});
                        self.state.ended(Outcome::WorkloadWritten(key, Box::new(written)));
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        }
    }
}

#[test]
fn pods_are_created_bound_started_and_counted_once_each() {
    let mut world = World::default();
    world.node("n1", "8");
    world.workload(2);
    let done = world.run();
    for (what, times) in [("create bound", 2), ("start", 2), ("create", 0), ("bind", 0)] {
        assert_eq!(done.iter().filter(|done| **done == what).count(), times, "{what}: {done:?}");
    }
    assert_eq!(world.status, json!({"ready": 2}));
    assert!(world.settle().is_empty(), "nothing is left to do");
}

#[test]
fn a_pod_without_room_waits_and_is_bound_when_there_is_some() {
    let mut world = World::default();
    world.node("n1", "1");
    world.workload(1);
    world.run();
    world.workload(2);
    assert!(world.run().contains(&"wait"));
    world.node("n2", "1");
    let actions = world.settle();
    assert!(
        actions.iter().any(|action| matches!(action, Action::BindPod { node, .. } if node == "n2")),
        "{actions:?}"
    );
}

#[test]
fn a_write_that_failed_is_tried_again_but_not_at_once() {
    let mut world = World::default();
    world.node("n1", "8");
    world.workload(1);
    let Some(Action::CreatePod(pod)) =
        world.settle().into_iter().find(|action| matches!(action, Action::CreatePod(_)))
    else {
        panic!("no pod was created")
    };
    let key = crate::feed::key_of(&*pod);
    world.state.ended(Outcome::PodRefused(key));
    let creates = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::CreatePod(_)));
    assert!(!creates(&world.settle()));
    world.state.retry_failed();
    assert!(creates(&world.settle()));
}

#[test]
fn pods_follow_the_replicas_down_and_leave_with_their_node() {
    let mut world = World::default();
    world.node("n1", "8");
    world.workload(3);
    world.run();
    world.workload(1);
    assert_eq!(world.run().iter().filter(|done| **done == "delete").count(), 2);
    world.state.node_news(News::Gone((String::new(), "n1".to_owned())), Timestamp::UNIX_EPOCH);
    let done = world.run();
    assert!(done.contains(&"delete") && done.contains(&"create"), "{done:?}");
}
