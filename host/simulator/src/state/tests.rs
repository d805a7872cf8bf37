//! Decisions, without a server: news in, actions out.

#[path = "../../tests/support/interpreter.rs"]
mod interpreter;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::{Action, Kind, KindAccess, Outcome, State};
use crate::feed::News;
use crate::quota::ResourceName;
use interpreter::Kinds;

/// A state, the API server that it thinks it talks to, and a clock.
struct World {
    state: State,
    now: Timestamp,
    pods: BTreeMap<String, Pod>,
    uids: u32,
    version: u64,
    status: Value,
    forgotten: bool,
}

impl Default for World {
    fn default() -> World {
        World {
            state: State::default(),
            now: Timestamp::UNIX_EPOCH,
            pods: BTreeMap::new(),
            uids: 0,
            version: 0,
            status: Value::Null,
            forgotten: false,
        }
    }
}

impl World {
    fn with_node(cpu: &str) -> World {
        let mut world = World::default();
        world.node("n1", cpu);
        world
    }

    fn settle(&mut self) -> Vec<Action> {
        self.state.settle(&Kinds, self.now)
    }

    fn node(&mut self, name: &str, cpu: &str) {
        self.node_with(
            name,
            json!({"status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"},
            "conditions": [{"type": "Ready", "status": "True"}]}}),
        );
    }

    fn node_with(&mut self, name: &str, mut node: Value) {
        node["metadata"]["name"] = json!(name);
        let node: Node = serde_json::from_value(node).unwrap();
        self.state.node_news(News::Seen(node), self.now);
    }

    /// A Deployment of pods that each request a CPU.
    fn workload(&mut self, replicas: i64) {
        self.deployment(replicas, "v1", json!({}));
    }

    fn deployment(&mut self, replicas: i64, image: &str, annotations: Value) {
        let container = json!({"name": "c", "image": image, "resources": {"requests": {"cpu": "1"}}});
        self.object(
            "Deployment",
            json!({"metadata": {"annotations": annotations}, "spec": {"replicas": replicas,
            "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [container]}}}}),
        );
    }

    fn job(&mut self, spec: Value) {
        let mut job = json!({"spec": {"parallelism": 1, "completions": 1, "backoffLimit": 6,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}});
        for (name, value) in spec.as_object().unwrap() {
            job["spec"][name] = value.clone();
        }
        job["metadata"]["annotations"] = job["spec"]["annotations"].take();
        self.object("Job", job);
    }

    fn object(&mut self, kind: &str, mut object: Value) {
        self.version += 1;
        let gvk = GroupVersionKind::gvk("example.com", "v1", kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, "workloads");
        let access = Arc::new(KindAccess { resource, status_subresource: true });
        for (name, value) in [("name", "w"), ("namespace", "d"), ("uid", "w1")] {
            object["metadata"][name] = json!(value);
        }
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["status"] = self.status.clone();
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let kind = Kind { group: "example.com".to_owned(), kind: kind.to_owned() };
        self.state.workload_news(&kind, &access, News::Seen(object), &Kinds);
    }

    fn annotate(&mut self, pod: &str, name: &str, value: &str) {
        let pod = self.pods.get_mut(pod).unwrap();
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(format!("simulator.windlass.io/{name}"), value.to_owned());
        let pod = pod.clone();
        self.state.pod_news(News::Seen(pod));
    }

    /// Carries out what is decided within the next second; says what it was.
    fn run(&mut self) -> Vec<&'static str> {
        self.run_for(1)
    }

    fn run_for(&mut self, seconds: i64) -> Vec<&'static str> {
        let end = self.now + SignedDuration::from_secs(seconds);
        let mut done = Vec::new();
        loop {
            let actions = self.settle();
            if actions.is_empty() {
                match self.state.next_due().filter(|due| *due <= end) {
                    Some(due) => self.now = due,
                    None => {
                        self.now = end;
                        return done;
                    }
                }
            }
            done.extend(actions.into_iter().map(|action| self.carry_out(action)));
        }
    }

    fn carry_out(&mut self, action: Action) -> &'static str {
        match action {
            Action::CreatePod(mut pod) => {
                self.uids += 1;
                pod.metadata.uid = Some(format!("p{}", self.uids));
                let bound = pod.spec.as_ref().unwrap().node_name.is_some();
                self.pods.insert(pod.metadata.name.clone().unwrap(), *pod.clone());
                self.state.ended(Outcome::PodCreated(pod));
                if bound { "create bound" } else { "create" }
            }
            Action::BindPod { key, node, .. } => {
                if let Some(pod) = self.pods.get_mut(&key.1) {
                    pod.spec.as_mut().unwrap().node_name = Some(node);
                    self.state.pod_news(News::Seen(pod.clone()));
                }
                "bind"
            }
            Action::PodStatus { key, status, .. } => {
                let phase = status["phase"].as_str().unwrap().to_owned();
                if let Some(pod) = self.pods.get_mut(&key.1) {
                    let mut whole = serde_json::to_value(&pod.status).unwrap();
                    for (name, value) in status.as_object().unwrap() {
                        whole[name] = value.clone();
                    }
                    pod.status = Some(serde_json::from_value(whole).unwrap());
                    self.state.ended(Outcome::PodWritten(Box::new(pod.clone())));
                }
                match phase.as_str() {
                    "Running" => "run",
                    "Pending" => "wait",
                    _ => "end",
                }
            }
            Action::DeletePod { key, .. } => {
                self.pods.remove(&key.1);
                self.state.pod_news(News::Gone(key));
                "delete"
            }
            Action::WorkloadStatus { key, patch, .. } => {
                if !self.status.is_object() {
                    self.status = json!({});
                }
                for (name, value) in patch["status"].as_object().unwrap() {
                    self.status[name] = value.clone();
                }
                let written = json!({"status": self.status});
                self.state.ended(Outcome::WorkloadWritten(key, Box::new(written)));
                "status"
            }
            Action::DeleteWorkload { .. } => {
                self.forgotten = true;
                "forget"
            }
            Action::NodeStatus { .. } | Action::NodeTaints { .. } => "node",
            Action::QuotaStatus { .. } => "quota",
        }
    }

    fn in_phase(&self, phase: &str) -> usize {
        let of = |pod: &&Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some(phase);
        self.pods.values().filter(of).count()
    }
}

fn times(done: &[&str], what: &str) -> usize {
    done.iter().filter(|one| **one == what).count()
}

#[test]
fn pods_are_created_bound_started_and_counted_once_each() {
    let mut world = World::with_node("8");
    world.workload(2);
    let done = world.run();
    for (what, times) in [("create bound", 2), ("run", 2), ("status", 1), ("create", 0), ("bind", 0)] {
        assert_eq!(self::times(&done, what), times, "{what}: {done:?}");
    }
    assert_eq!(
        world.status,
        json!({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "observedGeneration": null})
    );
    assert!(world.settle().is_empty(), "nothing is left to do");
}

#[test]
fn a_pod_without_room_waits_and_is_bound_when_there_is_some() {
    let mut world = World::with_node("1");
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
    let mut world = World::with_node("8");
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
    let mut world = World::with_node("8");
    world.workload(3);
    world.run();
    world.workload(1);
    assert_eq!(world.run().iter().filter(|done| **done == "delete").count(), 2);
    world.state.node_news(News::Gone((String::new(), "n1".to_owned())), world.now);
    let done = world.run();
    assert!(done.contains(&"delete") && done.contains(&"create"), "{done:?}");
}

#[test]
fn a_changed_template_is_rolled_out_without_a_gap() {
    let mut world = World::with_node("8");
    world.workload(4);
    world.run();
    world.deployment(4, "v2", json!({}));
    let mut fewest = usize::MAX;
    for _ in 0..100 {
        for action in world.settle() {
            world.carry_out(action);
            fewest = fewest.min(world.in_phase("Running"));
        }
        world.now = world.state.next_due().unwrap_or(world.now);
    }
    assert!(fewest >= 3, "only {fewest} ran meanwhile");
    let image = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
    assert_eq!(world.pods.values().map(image).collect::<Vec<_>>(), ["v2"; 4]);
    assert_eq!((&world.status["replicas"], &world.status["updatedReplicas"]), (&json!(4), &json!(4)));
}

#[test]
fn a_job_runs_until_it_is_complete_and_keeps_its_pods() {
    let mut world = World::with_node("8");
    world.job(json!({"parallelism": 2, "completions": 5, "ttlSecondsAfterFinished": 100}));
    world.run();
    assert_eq!((world.in_phase("Running"), world.in_phase("Succeeded")), (2, 0));
    world.run_for(20);
    assert_eq!((world.in_phase("Running"), world.in_phase("Succeeded")), (0, 5));
    assert_eq!(world.status["conditions"][0]["type"], "Complete");
    assert!(world.status["conditions"][0]["lastTransitionTime"].is_string());
    let pod = world.pods.keys().next().unwrap().clone();
    world.state.pod_news(News::Gone(("d".to_owned(), pod)));
    assert!(world.run().is_empty(), "what is complete stays so");
    assert!(!world.forgotten);
    world.run_for(100);
    assert!(world.forgotten);
}

#[test]
fn a_job_ends_by_whatever_name_its_controller_has_for_it() {
    for name in ["Complete", "Completed", "Succeeded", "Finished"] {
        let mut world = World::with_node("8");
        world.job(json!({"completions": 2, "ttlSecondsAfterFinished": 100, "ends": name}));
        world.run_for(30);
        assert_eq!(world.status["conditions"][0]["type"], name);
        assert_eq!((world.pods.len(), world.in_phase("Succeeded")), (2, 2), "{name}");
        world.run_for(100);
        assert!(world.forgotten, "{name}");
    }
}

#[test]
fn a_job_whose_pods_fail_is_given_up() {
    let mut world = World::with_node("8");
    let annotations = json!({"simulator.windlass.io/exit-code": "3", "simulator.windlass.io/run-time": "1s"});
    world.job(json!({"backoffLimit": 2, "annotations": annotations}));
    world.run_for(60);
    assert_eq!((world.in_phase("Failed"), world.pods.len()), (3, 3));
    assert_eq!(world.status["conditions"][0]["type"], "Failed");
}

#[test]
fn a_suspended_job_has_no_pods_until_it_is_resumed() {
    let mut world = World::with_node("8");
    world.job(json!({"suspend": true}));
    assert_eq!(world.run(), ["status"]);
    world.job(json!({"suspend": false}));
    world.run();
    assert_eq!(world.in_phase("Running"), 1);
    world.job(json!({"suspend": true}));
    world.run();
    assert!(world.pods.is_empty());
}

#[test]
fn annotations_take_health_away_and_give_it_back() {
    let mut world = World::with_node("8");
    world.workload(2);
    world.run();
    let pod = world.pods.keys().next().unwrap().clone();
    world.annotate(&pod, "ready", "false");
    world.run();
    assert_eq!(world.status["readyReplicas"], 1);
    world.deployment(2, "v1", json!({"simulator.windlass.io/ready": "false"}));
    world.run();
    assert_eq!(world.status["readyReplicas"], 0);
    world.workload(2);
    world.annotate(&pod, "ready", "true");
    world.run();
    assert_eq!(world.status["readyReplicas"], 2);
}

#[test]
fn what_ends_and_should_not_is_started_again_ever_more_slowly() {
    let mut world = World::with_node("8");
    world.deployment(
        1,
        "v1",
        json!({"simulator.windlass.io/exit-code": "1", "simulator.windlass.io/run-time": "1s"}),
    );
    world.run_for(3600);
    let pod = world.pods.values().next().unwrap();
    let container = &pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0];
    assert!((50..80).contains(&container.restart_count), "{}", container.restart_count);
    let waiting = container.state.as_ref().unwrap().waiting.as_ref();
    assert!(waiting.is_none_or(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff")));
}

#[test]
fn a_pod_that_cannot_start_says_why() {
    let mut world = World::with_node("8");
    world.deployment(1, "v1", json!({"simulator.windlass.io/waiting-reason": "ImagePullBackOff"}));
    world.run();
    assert_eq!((world.in_phase("Pending"), &world.status["readyReplicas"]), (1, &json!(0)));
    world.workload(1);
    world.run();
    assert_eq!(world.in_phase("Running"), 1);
}

#[test]
fn a_node_that_is_lost_takes_readiness_at_once_and_pods_later() {
    let mut world = World::with_node("8");
    world.workload(2);
    world.run();
    world.node("n2", "8");
    let lost = json!({"spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]},
        "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "10"},
            "conditions": [{"type": "Ready", "status": "False"}]}});
    world.node_with("n1", lost);
    world.run();
    assert_eq!((world.in_phase("Running"), &world.status["readyReplicas"]), (2, &json!(0)));
    world.run_for(298);
    assert_eq!(world.status["readyReplicas"], 0);
    world.run_for(3);
    assert_eq!(world.status["readyReplicas"], 2);
    let on = |pod: &Pod| pod.spec.as_ref().unwrap().node_name.clone().unwrap();
    assert_eq!(world.pods.values().map(on).collect::<Vec<_>>(), ["n2", "n2"]);
}

#[test]
fn a_pod_that_was_admitted_and_never_came_is_given_back_in_time() {
    let mut world = World::default();
    let quota = json!({"metadata": {"name": "q", "namespace": "d"}, "spec": {"hard": {"pods": "1"}}});
    world.state.quota_news(News::Seen(serde_json::from_value(quota).unwrap()));
    world.settle();
    let pod = json!({"spec": {"containers": [{"name": "c"}]}});
    let admit = |world: &mut World, name: &str| {
        let key = ("d".to_owned(), name.to_owned());
        world.state.admit(ResourceName::new("", "pods"), key, &pod, false)
    };
    assert_eq!(admit(&mut world, "a"), None);
    let want = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
    assert_eq!(admit(&mut world, "b").as_deref(), Some(want));
    world.now += SignedDuration::from_secs(11);
    world.settle();
    assert_eq!(admit(&mut world, "b"), None);
}
