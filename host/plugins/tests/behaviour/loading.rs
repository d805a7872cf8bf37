//! What is loaded, what is refused and why, and what serves meanwhile.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_core::Ask;
use windlass_plugins::{
    Abilities, Candidate, Catalogue, Isolation, Limits, LoadError, Origin, Plugin, PluginConfig, State, Wasm,
};

use crate::setting::{built_in, catalogue, interpreter, limited, revised, thing, tight};
use windlass_test_guests::{GOOD, HOLDING, Interpreter, revise, stranger};

fn refused(wasm: &[u8]) -> Arc<LoadError> {
    let catalogue = catalogue();
    let error = catalogue.load(&built_in("test"), wasm, limited(tight())).err().expect("a refusal");
    assert!(error.to_string().contains("built-in test"), "the error names the plugin: {error}");
    assert!(matches!(catalogue.snapshot().entries()[0].state, State::Failed(_)));
    error
}

#[test]
fn what_is_no_component_is_refused_by_what_it_is() {
    assert!(matches!(*refused(b"not wasm"), LoadError::NotWasm { .. }));
    assert!(matches!(*refused(b""), LoadError::NotWasm { .. }));
    let module = b"\0asm\x01\0\0\0".to_vec();
    assert!(matches!(*refused(&module), LoadError::CoreModule { .. }));
    let component = GOOD.component();
    for length in [8, 100, component.len() / 2, component.len() - 1] {
        assert!(matches!(
            *refused(&component[..length]),
            LoadError::Compile { .. } | LoadError::WrongWorld { .. }
        ));
    }
}

#[test]
fn a_component_of_another_world_or_version_is_refused() {
    let other =
        stranger("package a:b@1.0.0; interface c { d: func(); } world w { export c; }", "a:b/c@1.0.0#d");
    let error = refused(&other);
    assert!(matches!(*error, LoadError::WrongWorld { .. }));
    assert!(error.to_string().contains("a:b/c@1.0.0"), "{error}");

    let newer = stranger(
        "package windlass:interpreter@9.0.0; interface interpreter { d: func(); } world w { export interpreter; }",
        "windlass:interpreter/interpreter@9.0.0#d",
    );
    let error = refused(&newer);
    assert!(matches!(*error, LoadError::UnknownVersion { .. }));
    assert!(error.to_string().contains("0.1.0"), "{error}");

    let changed = stranger(
        "package windlass:interpreter@0.1.0; interface interpreter { describe: func(); } world w { export interpreter; }",
        "windlass:interpreter/interpreter@0.1.0#describe",
    );
    assert!(matches!(*refused(&changed), LoadError::Contract { .. }));
}

#[test]
fn a_plugin_that_fails_before_it_says_what_it_is_is_refused() {
    let endless = "(loop $again (br $again))";
    for (guest, blame) in [
        (Interpreter { in_describe: endless, ..GOOD }, "Deadline"),
        (Interpreter { in_start: endless, ..GOOD }, "Deadline"),
        (Interpreter { in_describe: "unreachable", ..GOOD }, "Trap"),
        (Interpreter { in_start: "unreachable", ..GOOD }, "Trap"),
        (Interpreter { pages: 4_096, ..GOOD }, "OutOfMemory"),
    ] {
        match &*refused(&guest.component()) {
            LoadError::Describe { blame: found, .. } => assert_eq!(found.reason(), blame),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_is_refused_by_its_field() {
    for (guest, field) in [
        (Interpreter { name: "Not A Name", ..GOOD }, "name"),
        (Interpreter { version: "latest", ..GOOD }, "version"),
        (Interpreter { kind: "", ..GOOD }, "kinds[0].kind"),
    ] {
        match &*refused(&guest.component()) {
            LoadError::Manifest { field: found, .. } => assert_eq!(found, field),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn limits_out_of_bounds_are_refused() {
    let limits = Limits { memory_bytes: 1 << 40, ..Limits::default() };
    let error =
        catalogue().load(&built_in("test"), &GOOD.component(), limited(limits)).err().expect("a refusal");
    assert!(matches!(*error, LoadError::Limit { field: "memory", .. }));
}

#[test]
fn a_loaded_plugin_says_what_it_is() {
    let catalogue = catalogue();
    let plugin = interpreter(&catalogue, &GOOD.component(), Limits::default());
    let about = plugin.about();
    assert_eq!((about.name().as_ref(), about.manifest().version.as_str()), ("good", "1.0.0"));
    let Abilities::Interprets(kinds) = &about.manifest().abilities else { panic!("an interpreter") };
    let operations: Vec<_> = kinds[0].operations().iter().map(|operation| operation.name()).collect();
    assert_eq!(operations, ["ReviseReplica", "InterpretHealth"]);

    plugin.revise_replica(&thing(), revise::TRAP).expect_err("a trap");
    let status = serde_json::to_value(catalogue.snapshot().status()).expect("JSON");
    assert_eq!(status[0]["state"], "Serving");
    assert_eq!(status[0]["world"], "windlass:interpreter@0.1.0");
    assert_eq!(status[0]["failures"], json!({"Trap": 1}));
    assert!(status[0]["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    assert!(status[0]["lastError"].as_str().is_some_and(|error| error.contains("Thing default/one")));
}

#[test]
fn a_broken_new_version_leaves_the_last_good_one_serving() {
    let catalogue = catalogue();
    let origin = built_in("test");
    interpreter(&catalogue, &GOOD.component(), Limits::default());
    catalogue.load(&origin, b"broken", PluginConfig::default()).err().expect("a refusal");
    let snapshot = catalogue.snapshot();
    revised(snapshot.interpreters().next().expect("one serves").revise_replica(&thing(), revise::WELL));
    let status = &snapshot.status()[0];
    assert_eq!(status.state.name(), "Degraded");
    assert!(status.message.contains("not WebAssembly"), "{}", status.message);

    let newer = Interpreter { version: "1.1.0", ..GOOD };
    catalogue.load(&origin, &newer.component(), PluginConfig::default()).expect("a good version");
    let status = &catalogue.snapshot().status()[0];
    assert_eq!(
        (status.state.name(), status.plugin.as_ref().map(|plugin| plugin.version.as_str())),
        ("Serving", Some("1.1.0"))
    );
}

#[test]
fn the_same_bytes_again_are_the_same_plugin_and_end_a_failure() {
    let catalogue = catalogue();
    let plugin = interpreter(&catalogue, &GOOD.component(), Limits::default());
    plugin.revise_replica(&thing(), revise::TRAP).expect_err("a trap");
    catalogue.load(&built_in("test"), b"broken", PluginConfig::default()).err().expect("a refusal");
    let again = interpreter(&catalogue, &GOOD.component(), Limits::default());
    assert!(Arc::ptr_eq(&plugin, &again));
    assert_eq!(catalogue.snapshot().status()[0].state.name(), "Serving");
}

#[test]
fn many_are_loaded_together_and_the_bad_ones_alone_fail() {
    let catalogue = catalogue();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("good.wasm");
    std::fs::write(&file, GOOD.component()).expect("written");
    let missing = directory.path().join("missing.wasm");
    let candidate =
        |name: &str, wasm| Candidate { origin: built_in(name), wasm, config: PluginConfig::default() };
    let hook = HOLDING.component();
    let loaded = catalogue.load_all(&[
        candidate("file", Wasm::File(&file)),
        candidate("missing", Wasm::File(&missing)),
        candidate("bytes", Wasm::Bytes(&hook)),
        candidate("broken", Wasm::Bytes(b"broken")),
    ]);
    assert_eq!(loaded.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(catalogue.generation(), 1, "they are published together");
    let states: Vec<_> = catalogue
        .snapshot()
        .status()
        .into_iter()
        .map(|status| (status.origin, status.state.name()))
        .collect();
    assert!(states.contains(&("built-in missing".into(), "Failed")), "{states:?}");
    assert!(states.contains(&("built-in bytes".into(), "Serving")), "{states:?}");
}

#[test]
fn no_call_is_dropped_while_versions_change() {
    let catalogue = catalogue();
    let origin = built_in("test");
    let versions = [GOOD.component(), Interpreter { version: "2.0.0", ..GOOD }.component()];
    interpreter(&catalogue, &versions[0], Limits::default());
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let snapshot = catalogue.snapshot();
                        let plugin = snapshot.interpreters().next().expect("one always serves");
                        assert!(
                            plugin.inspect(&thing(), Ask { health: true, ..Ask::default() }).health.is_some()
                        );
                        revised(plugin.revise_replica(&thing(), revise::WELL));
                    }
                })
            })
            .collect();
        let mut version = 0;
        while callers.iter().any(|caller| !caller.is_finished()) {
            version += 1;
            catalogue.load(&origin, &versions[version % 2], PluginConfig::default()).expect("a plugin");
        }
    });
}

#[test]
fn who_an_administrator_chose_goes_first_and_a_name_serves_once() {
    let catalogue = catalogue();
    let load = |origin: &Origin, name: &'static str, priority: i32| {
        let config = PluginConfig { priority, ..PluginConfig::default() };
        catalogue.load(origin, &Interpreter { name, ..GOOD }.component(), config).expect("a plugin");
    };
    load(&built_in("a"), "same", 9);
    load(&Origin::File("/plugins/b.wasm".into()), "low", 1);
    load(&Origin::Installed("c".into()), "high", 5);
    let names = |catalogue: &Catalogue| -> Vec<String> {
        catalogue.snapshot().interpreters().map(|plugin| plugin.about().name().to_string()).collect()
    };
    assert_eq!(names(&catalogue), ["high", "low", "same"]);

    let file = Origin::File("/plugins/d.wasm".into());
    load(&file, "same", 0);
    assert_eq!(names(&catalogue), ["high", "low", "same"]);
    let snapshot = catalogue.snapshot();
    let shadowed =
        snapshot.entries().iter().find(|entry| entry.origin == built_in("a")).expect("it is still listed");
    assert!(matches!(&shadowed.state, State::Shadowed { by } if *by == file));

    catalogue.remove(&file);
    let snapshot = catalogue.snapshot();
    assert!(snapshot.entries().iter().all(|entry| matches!(entry.state, State::Serving)));
}

#[test]
fn another_configuration_keeps_the_counts_and_is_refused_as_a_whole() {
    let catalogue = catalogue();
    let origin = built_in("test");
    interpreter(&catalogue, &GOOD.component(), Limits::default())
        .revise_replica(&thing(), revise::TRAP)
        .expect_err("a trap");
    let plugin = catalogue.configure(&origin, limited(tight())).expect("it is loaded").expect("good limits");
    assert_eq!(plugin.about().config().limits, tight());
    assert_eq!(plugin.about().counts().failures["Trap"], 1);
    assert!(catalogue.configure(&built_in("nobody"), PluginConfig::default()).is_none());

    let hook = built_in("hook");
    catalogue.load(&hook, &HOLDING.component(), PluginConfig::default()).expect("a plugin");
    let config = PluginConfig { settings: json!({"what": 1}), ..PluginConfig::default() };
    let error =
        catalogue.configure(&hook, config).expect("it is loaded").err().expect("settings are refused");
    assert!(error.to_string().contains("settings: unknown"), "{error}");
    assert_eq!(catalogue.snapshot().admission().count(), 1);
}

fn with_settings(settings: Value) -> PluginConfig {
    PluginConfig { settings, ..PluginConfig::default() }
}

fn replicas_of(plugin: &Plugin, asked: i32) -> Value {
    let Plugin::Interpreter(plugin) = plugin else { panic!("not an interpreter") };
    plugin.revise_replica(&thing(), asked).expect("a revised object").part("spec")["replicas"].clone()
}

#[test]
fn every_instance_of_an_interpreter_is_given_its_settings_before_it_is_asked() {
    let catalogue = catalogue();
    let wasm = GOOD.component();
    let plain = catalogue.load(&built_in("plain"), &wasm, PluginConfig::default()).expect("a plugin");
    assert_eq!(replicas_of(&plain, revise::SETTING), 0, "none are given");

    let config = PluginConfig {
        limits: Limits { isolation: Isolation::PerCall, ..Limits::default() },
        ..with_settings(json!(5))
    };
    let isolated = catalogue.load(&Origin::File("/a.wasm".into()), &wasm, config).expect("a plugin");
    assert_eq!(replicas_of(&isolated, revise::SETTING), 5);
    assert_eq!(replicas_of(&isolated, revise::SETTING), 5, "each call has an instance of its own");
    assert_eq!(isolated.about().digest(), plain.about().digest());
    assert_ne!(isolated.about().identity(), plain.about().identity(), "their answers differ");
}

#[test]
fn an_interpreter_that_refuses_new_settings_goes_on_with_what_it_had() {
    let catalogue = catalogue();
    let origin = built_in("plain");
    catalogue.load(&origin, &GOOD.component(), with_settings(json!(3))).expect("a plugin");
    let refused = catalogue.configure(&origin, with_settings(json!("text"))).expect("it is loaded");
    let error = refused.err().expect("it refuses a string");
    assert!(error.is_about_settings(), "{error}");
    assert!(error.to_string().contains("must not be a string"), "{error}");

    let snapshot = catalogue.snapshot();
    let serving = snapshot.entries()[0].plugin.clone().expect("the earlier one serves");
    assert_eq!(replicas_of(&serving, revise::SETTING), 3);
}

#[test]
fn a_template_is_as_many_plugins_as_it_is_given_settings() {
    let catalogue = catalogue();
    let template = catalogue.template(&built_in("scripts"), &GOOD.component()).expect("a template");
    let customization = |name: &str, setting: u8| {
        let origin = Origin::Customization(name.into());
        catalogue.load_template(&origin, &template, with_settings(json!(setting))).expect("a plugin")
    };
    let (one, two) = (customization("one", 1), customization("two.example.io", 2));
    assert_eq!(
        (replicas_of(&one, revise::SETTING), replicas_of(&two, revise::SETTING)),
        (json!(1), json!(2))
    );
    assert_eq!(&**two.about().name(), "customization.two.example.io");
    assert_eq!(catalogue.snapshot().interpreters().count(), 2, "the template itself is none");
    assert_eq!(replicas_of(&customization("one", 4), revise::SETTING), 4, "a new version");

    let hook = catalogue.template(&built_in("hook"), &HOLDING.component());
    assert!(hook.err().expect("a hook is no interpreter").to_string().contains("windlass:admission"));
}
