//! The built-in plugins, asked through the dispatcher.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use windlass_api::work::Component;
use windlass_core::{Ask, Gvk, Interpreter as _, Object, Operation};
use windlass_interpreter::{Dispatcher, MemoCounts};
use windlass_plugins::{Catalogue, CodeCache, Engine, EngineConfig, Origin, PluginConfig};

const MEMO_BYTES: usize = 1 << 20;

/// The built-in plugins, compiled once for all tests of this file.
static PLUGINS: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let catalogue = catalogue();
    for plugin in windlass_bundle::PLUGINS {
        load(&catalogue, plugin.name);
    }
    Arc::new(catalogue)
});

fn catalogue() -> Catalogue {
    let engine = Engine::new(EngineConfig { instances: 20, ..EngineConfig::default() }).expect("an engine");
    Catalogue::new(engine, CodeCache::disabled())
}

fn load(catalogue: &Catalogue, name: &str) {
    let plugin = windlass_bundle::PLUGINS.iter().find(|plugin| plugin.name == name).expect("it is built in");
    let loaded = catalogue.load(&Origin::BuiltIn(name.into()), plugin.wasm, PluginConfig::default());
    assert!(loaded.is_ok(), "{name} loads: {:?}", loaded.err());
}

fn dispatcher(memo_bytes: usize) -> Dispatcher {
    Dispatcher::new(Arc::clone(&PLUGINS), memo_bytes)
}

fn object(value: Value) -> Object {
    Object::from_value(&value).expect("an object")
}

fn flink() -> Object {
    object(json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {"name": "flink-example", "namespace": "default"},
        "spec": {
            "jobManager": {"replicas": 1, "resource": {"cpu": 1, "memory": "1024m"}},
            "taskManager": {"replicas": 2, "resource": {"cpu": 2, "memory": "2048m"}}
        }
    }))
}

fn deployment() -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "nginx", "namespace": "default"},
        "spec": {
            "replicas": 10,
            "template": {"spec": {"containers": [{"name": "nginx", "resources": {"requests": {"cpu": "250m"}}}]}}
        }
    }))
}

#[test]
fn flink_has_two_components_and_what_each_requests() {
    let components = dispatcher(0).inspect(&flink(), Ask::TEMPLATE).components.expect("flink is known");
    assert_eq!(components.by.as_ref(), "flink");
    let shown = |component: &Component| {
        let requests = &component.replica_requirements.as_ref().expect("requirements").resource_request;
        (component.name.clone(), component.replicas, requests["cpu"].0.clone(), requests["memory"].0.clone())
    };
    let components: Vec<_> = components.result.expect("components").iter().map(shown).collect();
    assert_eq!(
        components,
        [
            ("jobmanager".to_owned(), 1, "1".to_owned(), "1.024".to_owned()),
            ("taskmanager".to_owned(), 2, "2".to_owned(), "2.048".to_owned())
        ]
    );
}

#[test]
fn a_deployment_has_replicas_and_they_are_revised() {
    let dispatcher = dispatcher(0);
    let replicas = dispatcher.inspect(&deployment(), Ask::TEMPLATE).replicas.expect("it is known");
    assert_eq!(replicas.result.expect("replicas").replicas, 10);
    let revised = dispatcher.revise_replica(&deployment(), 3).expect("it is known").result.expect("revised");
    assert_eq!(revised.part("spec")["replicas"], 3);
}

#[test]
fn an_answer_is_remembered() {
    let dispatcher = dispatcher(MEMO_BYTES);
    let ask = |object: &Object| {
        let inspection = dispatcher.inspect(object, Ask::TEMPLATE);
        inspection.components.expect("flink is known").result.expect("components")
    };
    assert_eq!(ask(&flink()), ask(&flink()));
    assert_eq!(dispatcher.memo_counts(), MemoCounts { hits: 1, misses: 1 });
}

#[test]
fn what_cannot_be_answered_names_the_field() {
    let mut value = deployment().to_value();
    value["spec"]["replicas"] = json!("many");
    let replicas = dispatcher(0).inspect(&object(value), Ask::TEMPLATE).replicas.expect("it is known");
    let error = replicas.result.expect_err("a rejection");
    assert!(error.to_string().contains("spec.replicas"), "{error}");
}

#[test]
fn kinds_that_nobody_knows_have_no_answer() {
    let dispatcher = dispatcher(0);
    let gvk = Gvk::new("nobody.example.io/v1", "Thing");
    assert_eq!(dispatcher.enabled(&gvk, Operation::InterpretReplica), None);
    let thing =
        object(json!({"apiVersion": "nobody.example.io/v1", "kind": "Thing", "metadata": {"name": "a"}}));
    assert!(dispatcher.inspect(&thing, Ask::TEMPLATE).replicas.is_none());
    assert!(dispatcher.revise_replica(&thing, 1).is_none());
}

#[test]
fn the_next_call_sees_what_the_catalogue_changes() {
    let catalogue = catalogue();
    load(&catalogue, "flink");
    let dispatcher = Dispatcher::new(Arc::new(catalogue), MEMO_BYTES);
    let gvk = flink().gvk().clone();
    assert!(dispatcher.enabled(&gvk, Operation::InterpretComponent).is_some());
    dispatcher.catalogue().remove(&Origin::BuiltIn("flink".into()));
    assert_eq!(dispatcher.enabled(&gvk, Operation::InterpretComponent), None);
    assert!(dispatcher.inspect(&flink(), Ask::TEMPLATE).components.is_none());
}

#[test]
fn what_is_declared_is_answered_by_whom_it_is_declared() {
    let dispatcher = dispatcher(MEMO_BYTES);
    let service = |spec: Value, status: Value| {
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec, "status": status}),
        )
    };
    let observed = service(json!({"clusterIP": "10.0.0.1", "type": "ClusterIP"}), json!({"any": "thing"}));
    let retained = dispatcher.retain(&service(json!({}), Value::Null), &observed).expect("it is declared");
    assert_eq!(retained.by.as_ref(), "kubernetes");
    assert_eq!(retained.result.expect("retained").part("spec"), json!({"clusterIP": "10.0.0.1"}));
    // A Service's status takes code. What is declared for any kind doesn't come before it.
    let status = |object: &Object| dispatcher.inspect(object, Ask::only(Operation::InterpretStatus)).status;
    assert!(status(&observed).expect("it is known").result.expect("a status").is_null());
    let pod =
        object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": {"a": [1]}}));
    for _ in 0..2 {
        assert_eq!(status(&pod).expect("any kind is").result.expect("a status").text(), r#"{"a":[1]}"#);
    }
    assert_eq!(dispatcher.memo_counts(), MemoCounts { hits: 1, misses: 2 });
}
