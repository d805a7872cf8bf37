//! The conformance cases of the built-in plugins, asked through WebAssembly as the control plane asks.

#![allow(clippy::unwrap_used, reason = "all of it is test code: a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use windlass_interpreter::Dispatcher;
use windlass_kit::{Case, Outcome, Question, Subject};
use windlass_plugins::{Catalogue, CodeCache, Engine, EngineConfig, Limits, Origin, PluginConfig};

/// Where the cases of a plugin are.
fn folder(plugin: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance").join(plugin)
}

fn check(case: &Case, outcome: &Outcome) {
    let differences = case.differences(outcome);
    assert!(differences.is_empty(), "{}: {differences:#?}", case.name);
}

#[test]
fn every_case_is_answered_the_same_through_webassembly() {
    let mut asked = 0;
    for plugin in windlass_bundle::PLUGINS {
        let origin = Origin::BuiltIn(plugin.name.into());
        let subject = Subject::of(origin, plugin.wasm.to_vec(), CodeCache::disabled()).unwrap();
        let cases = Case::read_all(&folder(plugin.name)).unwrap();
        for case in &cases {
            let outcome = subject.ask(&case.input);
            check(case, &outcome.unwrap_or_else(|error| panic!("{}: {error}", case.name)));
        }
        let uncovered = subject.uncovered(&cases);
        assert!(uncovered.is_empty(), "{}: {uncovered:?}", plugin.name);
        asked += cases.len();
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
    let cases = Case::read_all(&folder("lua")).unwrap();
    // A script without end is to end by the instructions that it may take, however busy the machine is.
    let limits = Limits { deadline: Duration::from_secs(60), ..Limits::default() };
    for case in &cases {
        let file = folder("lua").join(&case.name).join("customization.yaml");
        let customization: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let config = PluginConfig {
            settings: customization["spec"].clone(),
            limits: limits.clone(),
            ..PluginConfig::default()
        };
        let origin = Origin::Customization("example".into());
        let outcome = match catalogue.load_template(&origin, &template, config) {
            Ok(_) => Question::read(&case.input).unwrap().ask(&interpreter),
            Err(error) => Outcome::refused(&error),
        };
        check(case, &outcome);
        catalogue.remove(&origin);
    }
    assert!(cases.len() > 20, "only {} cases were found", cases.len());
}
