//! Cases of interpreters.

use serde_json::{Value, json};

use super::apply::apply;
use super::case::{Case, Outcome};
use super::declarations;
use crate::interpreter::Operations;
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::{
    Change, ComponentPods, Guest, MemberStatus, PreservationRule, Preserved, Questions, Rejection,
};
use crate::interpreter::bindings::windlass::interpreter::types as wire;

/// The operations by name, and the question that each is, if it is one.
const OPERATIONS: [(&str, Operations, Questions); 11] = [
    ("InterpretReplica", Operations::INTERPRET_REPLICA, Questions::REPLICAS),
    ("InterpretComponent", Operations::INTERPRET_COMPONENT, Questions::COMPONENTS),
    ("InterpretDependency", Operations::INTERPRET_DEPENDENCY, Questions::DEPENDENCIES),
    ("InterpretStatus", Operations::INTERPRET_STATUS, Questions::STATUS),
    ("InterpretHealth", Operations::INTERPRET_HEALTH, Questions::HEALTH),
    ("ReviseReplica", Operations::REVISE_REPLICA, Questions::empty()),
    ("Retain", Operations::RETAIN, Questions::empty()),
    ("AggregateStatus", Operations::AGGREGATE_STATUS, Questions::empty()),
    ("PreserveState", Operations::PRESERVE_STATE, Questions::empty()),
    ("RestoreState", Operations::RESTORE_STATE, Questions::empty()),
    ("SimulateStatus", Operations::SIMULATE_STATUS, Questions::empty()),
];

/// What the plugin answers to an input.
pub(super) fn answer<P: Guest>(input: &Value) -> Outcome {
    let object = input["object"].to_string();
    let operation = input["operation"].as_str().unwrap_or_default();
    match operation {
        "ReviseReplica" => {
            let replicas = input["replicas"].as_i64().and_then(|n| n.try_into().ok()).unwrap_or_default();
            changed(input, P::revise_replica(object, replicas))
        }
        "Retain" => {
            let observed = input["observed"].to_string();
            let declared = declarations::retain::<P>(&object, &observed);
            changed(input, declared.unwrap_or_else(|| P::retain(object, observed)))
        }
        "AggregateStatus" => changed(input, P::aggregate_status(object, items(&input["items"]))),
        "PreserveState" => refused(P::preserve_state(object, rules(&input["rules"])).map(|state| {
            state.into_iter().map(|Preserved { label, value }| (label, Value::String(value))).collect()
        })),
        "RestoreState" => changed(input, P::restore_state(object, state(&input["state"]))),
        "SimulateStatus" => {
            let nodes = input["nodes"].as_u64().and_then(|n| n.try_into().ok()).unwrap_or(1);
            refused(P::simulate_status(object, pods(&input["pods"]), nodes).map(|status| parsed(&status)))
        }
        _ => {
            let question =
                OPERATIONS.iter().find(|(name, ..)| *name == operation).map(|(.., question)| *question);
            inspected::<P>(object, question.unwrap_or_else(|| panic!("{operation:?} is no operation")))
        }
    }
}

fn inspected<P: Guest>(object: String, question: Questions) -> Outcome {
    if question == Questions::STATUS
        && let Some(answer) = declarations::status::<P>(&object)
    {
        return refused(answer.map(|status| parsed(&status)));
    }
    let inspection = P::inspect(object, question);
    assert_eq!(inspection.answered(), question, "what is asked is answered, and nothing else");
    let requirements = |json: Option<String>| json.map_or(Value::Null, |json| parsed(&json));
    if let Some(answer) = inspection.replicas {
        return refused(answer.map(
            |answer| json!({"replicas": answer.replicas, "requirements": requirements(answer.requirements)}),
        ));
    }
    if let Some(answer) = inspection.components {
        return refused(answer.map(|components| {
            let component = |component: wire::Component| {
                json!({"name": component.name, "replicas": component.replicas,
                       "replicaRequirements": requirements(component.requirements)})
            };
            components.into_iter().map(component).collect()
        }));
    }
    if let Some(answer) = inspection.dependencies {
        return refused(answer.map(|dependents| dependents.into_iter().map(dependent).collect()));
    }
    if let Some(answer) = inspection.status {
        return refused(answer.map(|status| parsed(&status)));
    }
    refused(inspection.health.expect("one question was asked and answered").map(Value::Bool))
}

fn dependent(dependent: wire::Dependent) -> Value {
    let mut value = json!({"apiVersion": dependent.api_version, "kind": dependent.kind});
    for (name, text) in [("namespace", dependent.namespace), ("name", dependent.name)] {
        if !text.is_empty() {
            value[name] = Value::String(text);
        }
    }
    if let Some(selector) = dependent.label_selector {
        value["labelSelector"] = parsed(&selector);
    }
    value
}

/// What is answered: apiVersion, kind and operation.
pub(super) fn declared<P: Guest>() -> Vec<(String, String, &'static str)> {
    let mut all = Vec::new();
    for support in P::describe().kinds {
        let operations = declarations::operations(&support);
        let api_version = match support.group.as_str() {
            "" | "*" => support.version,
            group => format!("{group}/{}", support.version),
        };
        for (operation, flag, _) in OPERATIONS {
            if operations.contains(flag) {
                all.push((api_version.clone(), support.kind.clone(), operation));
            }
        }
    }
    all
}

/// Kinds with operations that no case asks for.
pub(super) fn uncovered<P: Guest>(cases: &[Case]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let asked: Vec<(String, String, String)> = cases
        .iter()
        .map(|case| {
            let object = &case.input["object"];
            (text(&object["apiVersion"]), text(&object["kind"]), text(&case.input["operation"]))
        })
        .collect();
    let is_covered = |(api_version, kind, operation): &(String, String, &str)| {
        asked.iter().any(|(asked_version, asked_kind, asked)| {
            asked == operation && (kind == "*" || (asked_kind == kind && asked_version == api_version))
        })
    };
    let missing = declared::<P>().into_iter().filter(|declared| !is_covered(declared));
    missing
        .map(|(api_version, kind, operation)| {
            format!("there is no case of {operation} for {api_version} {kind}")
        })
        .collect()
}

fn refused(answer: Result<Value, Rejection>) -> Outcome {
    answer.map_err(|Rejection { field, message }| (field, message))
}

fn changed(input: &Value, changes: Result<Vec<Change>, Rejection>) -> Outcome {
    let changes = changes.map_err(|Rejection { field, message }| (field, message))?;
    let mut object = input["object"].clone();
    for Change { path, value } in changes {
        apply(&mut object, &path, value.map(|value| parsed(&value)));
    }
    Ok(object)
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("the answer is no JSON: {error}: {json}"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn items(items: &Value) -> Vec<MemberStatus> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list(items)
        .map(|item| MemberStatus {
            cluster: text(&item["clusterName"]),
            applied: item["applied"].as_bool().unwrap_or_default(),
            applied_message: text(&item["appliedMessage"]),
            health: text(&item["health"]),
            status: (!item["status"].is_null()).then(|| item["status"].to_string()),
        })
        .collect()
}

/// A policy's `statePreservation.rules`.
fn rules(rules: &Value) -> Vec<PreservationRule> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rule = |rule: &Value| PreservationRule {
        label: text(&rule["aliasLabelName"]),
        json_path: text(&rule["jsonPath"]),
    };
    list(rules).map(rule).collect()
}

fn state(state: &Value) -> Vec<Preserved> {
    let preserved = |(label, value): (&String, &Value)| Preserved {
        label: label.clone(),
        value: value.as_str().unwrap_or_default().to_owned(),
    };
    state.as_object().into_iter().flatten().map(preserved).collect()
}

fn pods(pods: &Value) -> Vec<ComponentPods> {
    let count = |value: &Value| value.as_u64().and_then(|n| n.try_into().ok()).unwrap_or_default();
    list(pods)
        .map(|pods| ComponentPods {
            component: pods["component"].as_str().unwrap_or_default().to_owned(),
            desired: count(&pods["desired"]),
            created: count(&pods["created"]),
            ready: count(&pods["ready"]),
            succeeded: count(&pods["succeeded"]),
            failed: count(&pods["failed"]),
            outdated: count(&pods["outdated"]),
            outdated_ready: count(&pods["outdatedReady"]),
        })
        .collect()
}
