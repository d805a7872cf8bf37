//! What asking a plugin costs: `cargo bench -p windlass-plugins`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::{Ask, Object};
use windlass_plugins::{
    Candidate, Catalogue, CodeCache, Digest, Engine, EngineConfig, InterpreterPlugin, Isolation, Limits,
    Origin, Plugin, PluginConfig, Wasm,
};

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path().join("code");
    let catalogue = catalogue(&directory);
    let bundled =
        windlass_bundle::PLUGINS.iter().find(|plugin| plugin.name == "flink").expect("flink is built in");
    let object = flink();
    println!(
        "FlinkDeployment of {} bytes, its components; plugin of {} bytes",
        object.json().len(),
        bundled.wasm.len()
    );

    let warm = load(&catalogue, bundled.wasm, Isolation::Warm);
    report("a call, warm instance", Duration::from_micros(15), median(20_000, || ask(&warm, &object)));
    let fresh = load(&catalogue, bundled.wasm, Isolation::PerCall);
    report("a call, fresh instance", Duration::from_micros(50), median(20_000, || ask(&fresh, &object)));

    let plugins: Vec<Vec<u8>> = (0..1_000).map(|number| distinct(bundled.wasm, number)).collect();
    fill_cache(&directory, bundled.wasm, &plugins);
    let again = self::catalogue(&directory);
    let files = || fs::read_dir(&directory).expect("the cache is there").count();
    let before = files();
    report("1,000 plugins from the cache", Duration::from_secs(2), load_all(&again, &plugins));
    assert_eq!(files(), before, "none was compiled");
}

fn catalogue(directory: &Path) -> Catalogue {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    Catalogue::new(engine, CodeCache::open(directory).expect("a cache"))
}

fn load(catalogue: &Catalogue, wasm: &[u8], isolation: Isolation) -> Arc<InterpreterPlugin> {
    let limits = Limits { isolation, ..Limits::default() };
    let config = PluginConfig { limits, ..PluginConfig::default() };
    match catalogue.load(&Origin::BuiltIn("flink".into()), wasm, config).expect("flink loads") {
        Plugin::Interpreter(plugin) => plugin,
        Plugin::Admission(_) => unreachable!("flink is an interpreter"),
    }
}

fn load_all(catalogue: &Catalogue, plugins: &[Vec<u8>]) -> Duration {
    let candidates: Vec<_> = plugins
        .iter()
        .enumerate()
        .map(|(number, wasm)| Candidate {
            origin: Origin::BuiltIn(number.to_string().into()),
            wasm: Wasm::Bytes(wasm),
            config: PluginConfig::default(),
        })
        .collect();
    let begun = Instant::now();
    let loaded = catalogue.load_all(&candidates);
    let took = begun.elapsed();
    assert!(loaded.iter().all(Result::is_ok), "all plugins load");
    took
}

/// Puts the compiled code of `compiled` into the cache for all of `plugins` too. A custom section is no code, so it is
/// what compiling each of them would give, which takes minutes; each is a file of its own, read, verified and mapped
/// on its own.
fn fill_cache(directory: &Path, compiled: &[u8], plugins: &[Vec<u8>]) {
    let digest = Digest::of(compiled).hex();
    let artifacts: Vec<_> = fs::read_dir(directory)
        .expect("the cache is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter(|name| name.starts_with(&digest))
        .collect();
    assert_eq!(artifacts.len(), 2, "compiled code and its digest: {artifacts:?}");
    for plugin in plugins {
        let own = Digest::of(plugin).hex();
        for artifact in &artifacts {
            let copy = directory.join(artifact.replace(&digest, &own));
            fs::copy(directory.join(artifact), copy).expect("the cache can be written");
        }
    }
}

fn ask(plugin: &InterpreterPlugin, object: &Object) {
    let inspection = plugin.inspect(black_box(object), Ask { components: true, ..Ask::default() });
    assert_eq!(
        inspection.components.and_then(|answer| answer.result.ok()).map_or(0, |components| components.len()),
        2
    );
}

fn median(rounds: usize, mut run: impl FnMut()) -> Duration {
    (0..rounds / 10).for_each(|_| run());
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2]
}

fn report(what: &str, target: Duration, took: Duration) {
    println!("{what:<32} {took:>12.1?}   (target {target:?})");
}

/// The same plugin with a custom section more, so that its digest is its own.
fn distinct(wasm: &[u8], number: u32) -> Vec<u8> {
    let mut distinct = wasm.to_vec();
    // Section 0, its length, its name's length, its name, its content.
    distinct.extend([0, 6, 1, b'n']);
    distinct.extend(number.to_le_bytes());
    distinct
}

fn flink() -> Object {
    let properties: serde_json::Map<_, _> = (0..20)
        .map(|number| {
            (format!("taskmanager.memory.setting-{number:02}.fraction"), json!(format!("0.{number}25")))
        })
        .collect();
    let value = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {
            "name": "flink-example", "namespace": "default", "uid": "0b0f7c2e-4c43-4f0f-9b3e-5d9e9a6f1c11",
            "generation": 2, "labels": {"app": "flink-example", "team": "streams"}
        },
        "spec": {
            "image": "flink:1.20", "flinkVersion": "v1_20", "serviceAccount": "flink",
            "flinkConfiguration": properties,
            "jobManager": {"replicas": 1, "resource": {"cpu": 1, "memory": "1024m"}},
            "taskManager": {"replicas": 2, "resource": {"cpu": 2, "memory": "2048m"}},
            "job": {
                "jarURI": "local:///opt/flink/examples/streaming/StateMachineExample.jar",
                "parallelism": 2, "upgradeMode": "savepoint", "state": "running"
            }
        },
        "status": {
            "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
            "jobStatus": {"jobId": "3f6c1a52f0b1b2a1d0d2b7c2a9a5e0f1", "state": "RUNNING", "startTime": "1700000000000"},
            "reconciliationStatus": {"state": "DEPLOYED", "reconciliationTimestamp": 1_700_000_000_000_u64}
        }
    });
    Object::from_value(&value).expect("an object")
}
