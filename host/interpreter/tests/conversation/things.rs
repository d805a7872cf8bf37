//! An interpreter of Things, behind the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_api::config::DependentObjectReference;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::{AggregatedStatusItem, Component};
use windlass_core::{
    Answer, Answered, Ask, Blame, CallError, Gvk, Inspection, Interpreter, Json, Object, Operation,
    ReplicaAnswer, WorkloadPods,
};

/// Three replicas, healthy; counts what it is asked, and takes its time.
#[derive(Default)]
pub(crate) struct Things {
    pub(crate) asked: AtomicUsize,
    pub(crate) pause: Duration,
}

impl Things {
    fn answer<T>(&self, result: Result<T, CallError>) -> Answer<T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.pause);
        Some(Answered { by: Arc::from("things"), result })
    }
}

fn whole(value: &Value) -> Object {
    Object::from_value(value).expect("it was an object before")
}

impl Interpreter for Things {
    fn enabled(&self, _: &Gvk, _: Operation) -> Option<Arc<str>> {
        Some(Arc::from("things"))
    }

    fn inspect(&self, _: &Object, ask: Ask) -> Inspection {
        let component = Component { name: "only".to_owned(), replicas: 3, ..Component::default() };
        let dependent = DependentObjectReference {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            name: "key".to_owned(),
            ..DependentObjectReference::default()
        };
        let replicas = ReplicaAnswer { replicas: 3, requirements: None };
        Inspection {
            replicas: ask.replicas.then(|| self.answer(Ok(replicas))).flatten(),
            components: ask.components.then(|| self.answer(Ok(vec![component]))).flatten(),
            dependencies: ask.dependencies.then(|| self.answer(Ok(vec![dependent]))).flatten(),
            status: ask.status.then(|| self.answer(Ok(Json::from(&json!({"ready": 2}))))).flatten(),
            health: ask.health.then(|| self.answer(Ok(true))).flatten(),
        }
    }

    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Object> {
        let mut changed = object.to_value();
        changed["spec"]["replicas"] = json!(replicas);
        let refused = CallError {
            plugin: "things".into(),
            call: "ReviseReplica",
            object: object.id().clone().into(),
            blame: Blame::Rejected { field: Some("spec.replicas".to_owned()) },
            message: "must not be negative".to_owned(),
        };
        self.answer(if replicas < 0 { Err(refused) } else { Ok(whole(&changed)) })
    }

    fn retain(&self, desired: &Object, observed: &Object) -> Answer<Object> {
        let mut kept = desired.to_value();
        kept["spec"]["paused"] = observed.to_value()["spec"]["paused"].clone();
        self.answer(Ok(whole(&kept)))
    }

    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Object> {
        let mut changed = object.to_value();
        changed["status"] = json!({"members": items.len()});
        self.answer(Ok(whole(&changed)))
    }

    fn preserve_state(&self, _: &Object, _: &[StatePreservationRule]) -> Answer<BTreeMap<String, String>> {
        None
    }

    fn restore_state(&self, _: &Object, _: &BTreeMap<String, String>) -> Answer<Object> {
        None
    }

    fn simulate_status(&self, _: &Object, _: &WorkloadPods, _: u32) -> Answer<Value> {
        None
    }
}
