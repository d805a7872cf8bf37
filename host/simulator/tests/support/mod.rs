//! A member to test with: an embedded API server in a directory of its own, and an interpreter of two kinds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_api::work::{
    AggregatedStatusItem, Component, ComponentReplicaRequirements, ReplicaRequirements,
};
use windlass_apiserver::{ApiServer, Config};
use windlass_core::{
    Answer, Answered, Ask, Gvk, Inspection, Interpreter, Object, Operation, ReplicaAnswer, WorkloadPods,
};
use windlass_simulator::{Member, MemberSpecFile, MemberState};

pub(crate) struct Running {
    pub(crate) client: Client,
    _interpreters: watch::Sender<u64>,
    _stop: DropGuard,
    _data: tempfile::TempDir,
}

impl Running {
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }
}

/// The one member of the specification, up and running.
pub(crate) async fn started(spec: &str) -> Running {
    let spec = MemberSpecFile::parse(spec).unwrap().members.remove(0);
    let data = tempfile::tempdir().unwrap();
    let state = MemberState::default();
    let server = ApiServer::open(Config {
        data_dir: data.path().to_owned(),
        name: spec.name.clone(),
        definitions: Vec::new(),
        hooks: vec![Arc::new(state.clone())],
        store: Default::default(),
    })
    .await
    .unwrap();
    let client = server.client();
    let (interpreters, interpreters_changed) = watch::channel(0);
    let shutdown = CancellationToken::new();
    let member = Member {
        client: client.clone(),
        spec,
        interpreter: Arc::new(Kinds),
        interpreters_changed,
        state,
        clock: jiff::Timestamp::now,
    };
    let stop = shutdown.clone();
    tokio::spawn(async move { member.run(stop).await.unwrap() });
    Running { client, _interpreters: interpreters, _stop: shutdown.drop_guard(), _data: data }
}

/// Waits until `holds`, for at most a minute.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("not so after a minute: {what}"));
}

/// Deployments have replicas; Gangs have a leader and followers.
struct Kinds;

fn by<T>(answer: T) -> Answer<T> {
    Some(Answered { by: "test".into(), result: Ok(answer) })
}

fn number(object: &Value, pointer: &str) -> i32 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default() as i32
}

impl Interpreter for Kinds {
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>> {
        let answers = match gvk.kind.as_str() {
            "Deployment" => operation == Operation::InterpretReplica,
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
                Inspection { replicas: by(answer), ..Inspection::default() }
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
            "Deployment" => by(json!({"replicas": created, "readyReplicas": ready,
                "observedGeneration": object.to_value().pointer("/metadata/generation")})),
            "Gang" => by(json!({"ready": ready})),
            _ => None,
        }
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
