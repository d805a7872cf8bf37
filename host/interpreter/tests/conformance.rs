//! The conformance cases of the interpreters, asked through WebAssembly and the dispatcher.

#![allow(clippy::unwrap_used, reason = "all of it is test code: a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{Answer, Answered, Ask, Blame, Interpreter, Object, Operation, PodCount};
use windlass_interpreter::Dispatcher;
use windlass_plugins::{Catalogue, CodeCache, Engine, EngineConfig, LoadError, Origin, PluginConfig};

/// What a case expects, or what was answered: the result, or the field that is to blame and the message.
type Outcome = Result<Value, (String, String)>;

#[test]
fn every_case_is_answered_the_same_through_webassembly() {
    let engine = Engine::new(EngineConfig { instances: 8, ..EngineConfig::default() }).unwrap();
    let mut asked = 0;
    for plugin in windlass_bundle::PLUGINS {
        let catalogue = Catalogue::new(Arc::clone(&engine), CodeCache::disabled());
        catalogue.load(&Origin::BuiltIn(plugin.name.into()), plugin.wasm, PluginConfig::default()).unwrap();
        if catalogue.snapshot().interpreters().next().is_none() {
            continue;
        }
        let interpreter = Dispatcher::new(Arc::new(catalogue), 0);
        for case in cases(plugin.name) {
            let input: Value = read(&case.join("input.yaml"));
            check(&case, &ask(&interpreter, &input));
            asked += 1;
        }
    }
    assert!(asked > 100, "only {asked} cases were found");
}

#[test]
fn every_case_of_a_customization_is_answered_the_same_through_webassembly() {
    let lua = windlass_bundle::TEMPLATES.iter().find(|template| template.name == "lua").unwrap();
    let engine = Engine::new(EngineConfig { instances: 8, ..EngineConfig::default() }).unwrap();
    let catalogue = Arc::new(Catalogue::new(engine, CodeCache::disabled()));
    let template = catalogue.template(&Origin::BuiltIn("lua".into()), lua.wasm).unwrap();
    let interpreter = Dispatcher::new(Arc::clone(&catalogue), 0);
    let mut asked = 0;
    for case in cases("lua") {
        let customization: Value = read(&case.join("customization.yaml"));
        let config = PluginConfig { settings: customization["spec"].clone(), ..PluginConfig::default() };
        let origin = Origin::Customization("example".into());
        let outcome = match catalogue.load_template(&origin, &template, config) {
            Ok(_) => ask(&interpreter, &read(&case.join("input.yaml"))),
            Err(error) => match error.as_ref() {
                LoadError::Settings { blame: Blame::Rejected { field }, message, .. } => {
                    Err((field.clone().unwrap_or_default(), message.clone()))
                }
                other => panic!("{}: {other}", case.display()),
            },
        };
        check(&case, &outcome);
        catalogue.remove(&origin);
        asked += 1;
    }
    assert!(asked > 20, "only {asked} cases were found");
}

/// The folders of a plugin's cases.
fn cases(plugin: &str) -> Vec<PathBuf> {
    folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance").join(plugin))
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn read(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn check(case: &Path, got: &Outcome) {
    let expected: Value = read(&case.join("expected.yaml"));
    let case = case.display();
    match (got, expected.get("error")) {
        (Ok(result), None) => {
            assert_eq!(without_nulls(result.clone()), without_nulls(expected["result"].clone()), "{case}");
        }
        (Err((field, message)), Some(error)) => {
            assert_eq!(field, error["field"].as_str().unwrap_or_default(), "{case}");
            let part = error["message"].as_str().unwrap_or_default();
            assert!(message.contains(part), "{case}: {message:?} does not contain {part:?}");
        }
        (got, _) => panic!("{case}: got {got:?}, expected {expected}"),
    }
}

fn ask(interpreter: &dyn Interpreter, input: &Value) -> Outcome {
    let object = Object::from_value(&input["object"]).unwrap();
    let operation = input["operation"].as_str().unwrap();
    if operation == "SimulateStatus" {
        let nodes = input["nodes"].as_u64().unwrap_or_default() as u32;
        return outcome(interpreter.simulate_status(&object, &pods(&input["pods"]), nodes));
    }
    let operation: Operation = operation.parse().unwrap();
    let inspected = || interpreter.inspect(&object, Ask::only(operation));
    match operation {
        Operation::InterpretReplica => outcome(inspected().replicas.map(|answered| {
            Answered {
                by: answered.by,
                result: answered
                    .result
                    .map(|found| json!({"replicas": found.replicas, "requirements": found.requirements})),
            }
        })),
        Operation::InterpretComponent => outcome(inspected().components),
        Operation::InterpretDependency => outcome(inspected().dependencies),
        Operation::InterpretStatus => outcome(inspected().status),
        Operation::InterpretHealth => outcome(inspected().health),
        Operation::ReviseReplica => {
            outcome(interpreter.revise_replica(&object, input["replicas"].as_i64().unwrap() as i32))
        }
        Operation::Retain => {
            // The host only ever has whole objects; a case may leave out what it is not about.
            let mut observed = input["observed"].clone();
            for field in ["apiVersion", "kind"] {
                if observed[field].is_null() {
                    observed[field] = input["object"][field].clone();
                }
            }
            outcome(interpreter.retain(&object, &Object::from_value(&observed).unwrap()))
        }
        Operation::AggregateStatus => {
            let items: Option<Vec<AggregatedStatusItem>> =
                serde_json::from_value(input["items"].clone()).unwrap();
            outcome(interpreter.aggregate_status(&object, &items.unwrap_or_default()))
        }
        Operation::PreserveState => {
            let rules: Option<Vec<StatePreservationRule>> =
                serde_json::from_value(input["rules"].clone()).unwrap();
            outcome(interpreter.preserve_state(&object, &rules.unwrap_or_default()))
        }
        Operation::RestoreState => {
            let state: BTreeMap<String, String> = serde_json::from_value(input["state"].clone()).unwrap();
            outcome(interpreter.restore_state(&object, &state))
        }
    }
}

fn pods(value: &Value) -> BTreeMap<String, PodCount> {
    let pods = |component: &Value| {
        let count = |field: &str| component[field].as_u64().unwrap_or_default() as u32;
        let count = PodCount {
            desired: count("desired"),
            created: count("created"),
            ready: count("ready"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            outdated: count("outdated"),
            outdated_ready: count("outdatedReady"),
        };
        (component["component"].as_str().unwrap_or_default().to_owned(), count)
    };
    value.as_array().into_iter().flatten().map(pods).collect()
}

fn outcome<T: serde::Serialize>(answer: Answer<T>) -> Outcome {
    match answer.map(|answered| answered.result) {
        None => Ok(Value::Null),
        Some(Ok(found)) => Ok(serde_json::to_value(found).unwrap()),
        Some(Err(error)) => match error.blame {
            Blame::Rejected { field } => Err((field.unwrap_or_default(), error.message)),
            blame => panic!("{}: {}", blame.reason(), error.message),
        },
    }
}

/// Absent and null mean the same.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
