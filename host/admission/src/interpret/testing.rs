//! An interpreter of things, and questions to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use windlass_api::config::DependentObjectReference;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::{AggregatedStatusItem, Component};
use windlass_core::{
    Answer, Answered, Ask, Blame, CallError, Gvk, Inspection, Interpreter, Json, Object, Operation,
    ReplicaAnswer, WorkloadPods,
};

/// Answers for `example.io/v1, Kind=Thing`: two replicas, always healthy, no status.
pub(super) struct Things;

fn by_things<T>(object: &Object, result: Result<T, CallError>) -> Answer<T> {
    (object.gvk().kind == "Thing").then(|| Answered { by: Arc::from("things"), result })
}

fn failed(object: &Object, call: &'static str, blame: Blame, message: &str) -> CallError {
    CallError {
        plugin: "things".into(),
        call,
        object: object.id().clone().into(),
        blame,
        message: message.to_owned(),
    }
}

fn whole(value: &Value) -> Object {
    Object::from_value(value).expect("it was an object before")
}

impl Interpreter for Things {
    fn enabled(&self, gvk: &Gvk, _: Operation) -> Option<Arc<str>> {
        (gvk.kind == "Thing").then(|| Arc::from("things"))
    }

    fn inspect(&self, object: &Object, _: Ask) -> Inspection {
        let component = Component { name: "only".to_owned(), replicas: 2, ..Component::default() };
        let dependent = DependentObjectReference { name: "settings".to_owned(), ..Default::default() };
        Inspection {
            replicas: by_things(object, Ok(ReplicaAnswer { replicas: 2, requirements: None })),
            components: by_things(object, Ok(vec![component])),
            dependencies: by_things(object, Ok(vec![dependent])),
            status: by_things(object, Ok(Json::from(&Value::Null))),
            health: by_things(object, Ok(true)),
        }
    }

    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Object> {
        let mut changed = object.to_value();
        changed["spec"]["replicas"] = json!(replicas);
        let field = Some("spec.replicas".to_owned());
        by_things(
            object,
            match replicas {
                -1 => Err(failed(object, "ReviseReplica", Blame::Rejected { field }, "must not be negative")),
                99 => Err(failed(object, "ReviseReplica", Blame::Trap, "unreachable")),
                _ => Ok(whole(&changed)),
            },
        )
    }

    fn retain(&self, desired: &Object, observed: &Object) -> Answer<Object> {
        let mut kept = desired.to_value();
        kept["spec"]["paused"] = observed.to_value()["spec"]["paused"].clone();
        by_things(desired, Ok(whole(&kept)))
    }

    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Object> {
        let mut changed = object.to_value();
        changed["status"] = items.first().and_then(|item| item.status.clone()).unwrap_or_default();
        by_things(object, Ok(whole(&changed)))
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

/// A question about a thing, with `more` in its request.
pub(super) fn context(operation: &str, more: Value) -> Vec<u8> {
    let mut request = json!({"uid": "u1", "kind": {"group": "example.io", "version": "v1", "kind": "Thing"},
        "name": "t", "namespace": "shop", "operation": operation,
        "object": {"apiVersion": "example.io/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"replicas": 2}}});
    for (field, value) in more.as_object().expect("fields of a request") {
        request[field] = value.clone();
    }
    let context = json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterContext", "request": request});
    serde_json::to_vec(&context).expect("JSON")
}
