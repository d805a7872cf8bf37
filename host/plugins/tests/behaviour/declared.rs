//! What plugins declare is answered without them, and yet in their name.

use serde_json::json;
use windlass_core::{Ask, Blame, Object, Operation};
use windlass_plugins::{InterpreterPlugin, Limits, LoadError, Plugin, PluginConfig};

use crate::setting::{built_in, catalogue, interpreter, thing, tight};
use windlass_test_guests::{GOOD, HEALTH, Interpreter, RETAINS, REVISES, revise};

const DECLARING: Interpreter =
    Interpreter { reflects_status: true, keeps: Some("/spec/address"), in_inspect: "unreachable", ..GOOD };

fn object(spec: serde_json::Value, status: serde_json::Value) -> Object {
    let value = json!({"apiVersion": "example.io/v1", "kind": "Thing",
        "metadata": {"name": "one", "namespace": "default"}, "spec": spec, "status": status});
    Object::from_value(&value).expect("an object")
}

const STATUS: Ask =
    Ask { replicas: false, components: false, dependencies: false, status: true, health: false };

#[test]
fn no_instance_is_asked_for_what_is_declared() {
    let plugin = interpreter(&catalogue(), &DECLARING.component(), Limits::default());
    let seen = object(json!({"address": "10.0.0.1", "replicas": 3}), json!({"ready": 2}));
    let status = plugin.inspect(&seen, STATUS).status.expect("it is declared");
    assert_eq!(status.by.as_ref(), "good");
    assert_eq!(status.result.expect("a status").text(), r#"{"ready":2}"#);
    let retained = plugin.retain(&thing(), &seen).expect("it is declared");
    assert_eq!(retained.part("spec")["address"], "10.0.0.1");
    assert_eq!(retained.part("spec")["replicas"], thing().part("spec")["replicas"]);
    let counts = plugin.about().counts();
    assert_eq!((counts.calls, counts.declared), (0, 2));
    let journal = Plugin::Interpreter(plugin).take_journal();
    assert_eq!(journal.memory_bytes, 0, "there was no instance");
}

#[test]
fn what_is_declared_is_answered_beside_what_is_not() {
    let plugin = Interpreter { in_inspect: "", ..DECLARING };
    let plugin = interpreter(&catalogue(), &plugin.component(), Limits::default());
    let ask = Ask { health: true, ..STATUS };
    let answers = plugin.inspect(&object(json!({}), json!({"ready": 2})), ask);
    assert_eq!(answers.status.expect("it is declared").result.expect("a status").text(), r#"{"ready":2}"#);
    assert_eq!(answers.health.expect("it is asked").result, Ok(true));
    assert!(answers.replicas.is_none());
}

#[test]
fn an_object_that_is_not_made_for_what_is_declared_is_rejected_by_its_field() {
    let plugin = interpreter(&catalogue(), &DECLARING.component(), Limits::default());
    let status = plugin.inspect(&object(json!({}), json!("ready")), STATUS).status.expect("it is declared");
    let error = status.result.expect_err("a rejection");
    assert_eq!(
        error.to_string(),
        "plugin good rejects Thing default/one in InterpretStatus: status: must be an object"
    );
    let error = plugin.retain(&thing(), &object(json!(7), json!({}))).expect_err("a rejection");
    assert_eq!(error.blame, Blame::Rejected { field: Some("observed.spec".to_owned()) });
    assert_eq!(plugin.about().counts().failures, [("Rejected", 2)].into());
}

#[test]
fn a_good_answer_that_is_declared_does_not_speak_for_the_plugin() {
    let plugin = interpreter(&catalogue(), &DECLARING.component(), tight());
    let status = || plugin.inspect(&thing(), STATUS).status.is_some_and(|status| status.result.is_ok());
    let fail = |plugin: &InterpreterPlugin| plugin.revise_replica(&thing(), revise::LOOP_FOR_EVER).is_err();
    // Each of these takes 50 ms, and wastes them.
    while plugin.about().held_back().is_none() {
        assert!(fail(&plugin) && status());
    }
    assert!(status(), "it is answered while the plugin is held back, too");
    assert!(plugin.about().held_back().is_some());
}

#[test]
fn what_is_declared_is_shown() {
    let catalogue = catalogue();
    let plugin = interpreter(&catalogue, &DECLARING.component(), Limits::default());
    assert!(plugin.declares(thing().gvk(), Operation::Retain));
    assert!(!plugin.declares(thing().gvk(), Operation::ReviseReplica));
    let status = serde_json::to_value(catalogue.snapshot().status()).expect("JSON");
    let kind = &status[0]["kinds"][0];
    assert_eq!(kind["operations"], json!(["ReviseReplica", "Retain", "InterpretStatus", "InterpretHealth"]));
    assert_eq!(
        kind["declared"],
        json!([{"operation": "InterpretStatus", "answer": "the whole status"},
            {"operation": "Retain", "answer": "/spec/address unless empty"}])
    );
}

#[test]
fn what_can_not_be_declared_is_refused_by_its_field() {
    for (guest, wanted, part) in [
        (
            Interpreter { operations: RETAINS | REVISES, ..DECLARING },
            "kinds[0].declared.retain",
            "Retain is among its operations too",
        ),
        (
            Interpreter { operations: HEALTH | 64, ..DECLARING },
            "kinds[0].declared.status",
            "InterpretStatus is among its operations too",
        ),
        (
            Interpreter { keeps: Some("spec"), ..DECLARING },
            "kinds[0].declared.retain[0].path",
            "JSON pointer",
        ),
        (
            Interpreter { keeps: Some("/metadata/uid"), ..DECLARING },
            "kinds[0].declared.retain[0].path",
            "outside what this operation may change",
        ),
        (
            Interpreter { keeps: Some("/metadata"), ..DECLARING },
            "kinds[0].declared.retain[0].path",
            "outside",
        ),
    ] {
        let loaded = catalogue().load(&built_in("test"), &guest.component(), PluginConfig::default());
        match &*loaded.err().expect("a refusal") {
            LoadError::Manifest { field, problem, .. } => {
                assert_eq!(field, wanted);
                assert!(problem.contains(part), "{problem}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_plugin_may_do_nothing_but_declare() {
    let plugin = Interpreter { operations: 0, ..DECLARING };
    let plugin = interpreter(&catalogue(), &plugin.component(), Limits::default());
    assert!(plugin.inspect(&thing(), STATUS).status.is_some());
    let nothing = Interpreter { operations: 0, ..GOOD }.component();
    let refused = catalogue().load(&built_in("test"), &nothing, PluginConfig::default()).err();
    assert!(
        matches!(&*refused.expect("a refusal"), LoadError::Manifest { field, .. } if field == "kinds[0].operations")
    );
}
