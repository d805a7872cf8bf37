//! An interpreter that knows `spec.replicas`, the two parts of a FlinkDeployment, and statuses that add up.

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

/// See the module's documentation.
pub(crate) struct Plain;

fn answer<T>(result: Result<T, CallError>) -> Answer<T> {
    Some(Answered { by: Arc::from("plain"), result })
}

fn changed(value: &Value) -> Object {
    Object::from_value(value).expect("it was an object before")
}

fn rejected(object: &Object, message: &str) -> CallError {
    CallError {
        plugin: Arc::from("plain"),
        call: "InterpretReplica",
        object: object.id().clone().into(),
        blame: Blame::Rejected { field: Some("spec.replicas".to_owned()) },
        message: message.to_owned(),
    }
}

impl Interpreter for Plain {
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>> {
        let can = match operation {
            Operation::InterpretReplica | Operation::ReviseReplica => gvk.kind == "Deployment",
            Operation::InterpretComponent => matches!(gvk.kind.as_str(), "FlinkDeployment" | "Deployment"),
            Operation::InterpretStatus | Operation::InterpretHealth | Operation::AggregateStatus => true,
            Operation::InterpretDependency => gvk.kind == "Deployment",
            _ => false,
        };
        can.then(|| Arc::from("plain"))
    }

    fn inspect(&self, object: &Object, ask: Ask) -> Inspection {
        let value = object.to_value();
        let kind = object.gvk().kind.as_str();
        let mut inspection = Inspection::default();
        if ask.replicas && kind == "Deployment" {
            inspection.replicas = answer(match value["spec"]["replicas"].as_i64() {
                Some(13) => Err(rejected(object, "13 brings bad luck")),
                replicas => Ok(ReplicaAnswer {
                    replicas: i32::try_from(replicas.unwrap_or(1)).unwrap(),
                    requirements: serde_json::from_value(json!({"resourceRequest": {"cpu": "1"}})).unwrap(),
                }),
            });
        }
        if ask.components && kind == "Deployment" {
            // A plain workload has one component, which says no more than its replicas.
            let component = json!({"name": "deployment", "replicas": value["spec"]["replicas"]});
            inspection.components = answer(Ok(serde_json::from_value(json!([component])).unwrap()));
        }
        if ask.components && kind == "FlinkDeployment" {
            let part = |name: &str| {
                let part = &value["spec"][name];
                serde_json::from_value::<Component>(json!({"name": name.to_lowercase(), "replicas": part["replicas"],
                    "replicaRequirements": {"resourceRequest": {"cpu": part["resource"]["cpu"].to_string()}}}))
                .unwrap()
            };
            inspection.components = answer(Ok(vec![part("jobManager"), part("taskManager")]));
        }
        if ask.dependencies && kind == "Deployment" {
            let name = value.pointer("/metadata/annotations/needs").and_then(Value::as_str);
            let needs = name.map(|name| DependentObjectReference {
                api_version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: object.id().namespace.clone(),
                name: name.to_owned(),
                label_selector: None,
            });
            inspection.dependencies = answer(Ok(needs.into_iter().collect()));
        }
        if ask.status {
            inspection.status = answer(Ok(Json::from(value.get("status").unwrap_or(&Value::Null))));
        }
        if ask.health {
            inspection.health = answer(Ok(value["status"]["readyReplicas"].as_i64().is_some()));
        }
        inspection
    }

    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Object> {
        let mut value = object.to_value();
        value["spec"]["replicas"] = json!(replicas);
        answer(Ok(changed(&value)))
    }

    fn retain(&self, _desired: &Object, _observed: &Object) -> Answer<Object> {
        None
    }

    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Object> {
        let mut value = object.to_value();
        let ready = |item: &AggregatedStatusItem| item.status.as_ref()?.get("readyReplicas")?.as_i64();
        let total: i64 = items.iter().filter_map(ready).sum();
        if total > 0 {
            value["status"]["readyReplicas"] = json!(total);
        }
        answer(Ok(changed(&value)))
    }

    /// Paths are `{.field}`.
    fn preserve_state(
        &self,
        object: &Object,
        rules: &[StatePreservationRule],
    ) -> Answer<BTreeMap<String, String>> {
        let status = object.part("status");
        let value = |rule: &StatePreservationRule| {
            let field = rule.json_path.trim_matches(['{', '.', '}']);
            Some((rule.alias_label_name.clone(), status.get(field)?.to_string()))
        };
        answer(Ok(rules.iter().filter_map(value).collect()))
    }

    fn restore_state(&self, _object: &Object, _state: &BTreeMap<String, String>) -> Answer<Object> {
        None
    }

    fn simulate_status(&self, _object: &Object, _pods: &WorkloadPods, _nodes: u32) -> Answer<Value> {
        None
    }
}
