//! The small world of one test: an engine, a catalogue, and objects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::{CallError, Object};
use windlass_plugins::{
    Catalogue, CodeCache, Engine, EngineConfig, InterpreterPlugin, Limits, Origin, Plugin, PluginConfig,
};

pub(crate) fn engine(instances: u32) -> Arc<Engine> {
    Engine::new(EngineConfig { instances, ..EngineConfig::default() }).expect("an engine")
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::new(engine(50), CodeCache::disabled()))
}

pub(crate) fn built_in(name: &str) -> Origin {
    Origin::BuiltIn(name.into())
}

pub(crate) fn limited(limits: Limits) -> PluginConfig {
    PluginConfig { limits, ..PluginConfig::default() }
}

/// Limits under which faults are quick.
pub(crate) fn tight() -> Limits {
    Limits { deadline: Duration::from_millis(50), memory_bytes: 64 << 20, ..Limits::default() }
}

pub(crate) fn interpreter(catalogue: &Catalogue, wasm: &[u8], limits: Limits) -> Arc<InterpreterPlugin> {
    match catalogue.load(&built_in("test"), wasm, limited(limits)).expect("a plugin") {
        Plugin::Interpreter(plugin) => plugin,
        Plugin::Admission(_) => panic!("not an interpreter"),
    }
}

pub(crate) fn thing() -> Object {
    let value = json!({
        "apiVersion": "example.io/v1", "kind": "Thing",
        "metadata": {"name": "one", "namespace": "default"},
        "spec": {"replicas": 1}
    });
    Object::from_value(&value).expect("an object")
}

/// What a plugin of these tests makes of the object when all goes well.
pub(crate) fn revised(result: Result<Object, CallError>) {
    assert_eq!(result.expect("a revised object").part("spec")["replicas"], 7);
}

/// Waits until `holds`, with a deadline that only a defect reaches.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::yield_now();
    }
}
