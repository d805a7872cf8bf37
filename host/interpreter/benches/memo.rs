//! What asking again costs: `cargo bench -p windlass-interpreter`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::{Ask, Interpreter as _, Object};
use windlass_interpreter::Dispatcher;
use windlass_plugins::{Catalogue, CodeCache, Engine, EngineConfig, Origin, PluginConfig};

fn main() {
    let engine = Engine::new(EngineConfig { instances: 20, ..EngineConfig::default() }).expect("an engine");
    let catalogue = Arc::new(Catalogue::new(engine, CodeCache::disabled()));
    for plugin in windlass_bundle::PLUGINS {
        let loaded =
            catalogue.load(&Origin::BuiltIn(plugin.name.into()), plugin.wasm, PluginConfig::default());
        assert!(loaded.is_ok(), "a built-in plugin loads");
    }
    let object = deployment();
    println!("Deployment of {} bytes: replicas and components", object.json().len());
    let asked = Dispatcher::new(Arc::clone(&catalogue), 0);
    println!("asked each time    {:>10.1?}", median(&asked, &object));
    let remembered = Dispatcher::new(catalogue, 1 << 20);
    println!("remembered         {:>10.1?}   (target 2µs)", median(&remembered, &object));
}

fn median(dispatcher: &Dispatcher, object: &Object) -> Duration {
    let rounds = 20_000;
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            let inspection = dispatcher.inspect(black_box(object), Ask::TEMPLATE);
            let took = begun.elapsed();
            assert!(inspection.replicas.is_some_and(|answer| answer.result.is_ok()));
            took
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2]
}

fn deployment() -> Object {
    let env: Vec<_> =
        (0..24).map(|number| json!({"name": format!("SETTING_{number}"), "value": "a".repeat(24)})).collect();
    let value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "nginx", "namespace": "default", "labels": {"app": "nginx"}},
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": {"app": "nginx"}},
            "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [
                {"name": "nginx", "image": "nginx:1.27", "env": env, "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}
            ]}}
        }
    });
    Object::from_value(&value).expect("an object")
}
