//! A directory of plugins that changes while it is watched.

use std::fs;
use std::path::Path;

use serde_json::json;
use windlass_plugins::{Catalogue, DirectoryWatch, PluginConfig, PluginStatus};

use crate::setting::{catalogue, revised, thing, until};
use windlass_test_guests::{GOOD, HOLDING, Interpreter, revise};

fn status(catalogue: &Catalogue, file: &Path) -> Option<PluginStatus> {
    let origin = file.display().to_string();
    catalogue.snapshot().status().into_iter().find(|status| status.origin == origin)
}

fn stands(catalogue: &Catalogue, file: &Path) -> (&'static str, String) {
    status(catalogue, file).map_or(("", String::new()), |status| {
        (status.state.name(), status.plugin.map_or(String::new(), |plugin| plugin.version))
    })
}

#[test]
fn files_are_loaded_replaced_and_removed_without_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("good.wasm");
    fs::write(&file, GOOD.component()).expect("written");
    fs::write(directory.path().join("notes.txt"), "not a plugin").expect("written");

    let catalogue = catalogue();
    let watch =
        DirectoryWatch::start(catalogue.clone(), directory.path(), PluginConfig::default()).expect("a watch");
    assert_eq!(stands(&catalogue, &file), ("Serving", "1.0.0".into()), "what is there is loaded at once");
    assert_eq!(catalogue.snapshot().entries().len(), 1);

    fs::write(&file, Interpreter { version: "1.1.0", ..GOOD }.component()).expect("written");
    until("the new version serves", || stands(&catalogue, &file) == ("Serving", "1.1.0".into()));

    let component = Interpreter { version: "1.2.0", ..GOOD }.component();
    fs::write(&file, &component[..component.len() / 2]).expect("written");
    until("half a file is reported", || stands(&catalogue, &file) == ("Degraded", "1.1.0".into()));
    let snapshot = catalogue.snapshot();
    revised(
        snapshot.interpreters().next().expect("the last good one").revise_replica(&thing(), revise::WELL),
    );
    fs::write(&file, &component).expect("written");
    until("the whole file serves", || stands(&catalogue, &file) == ("Serving", "1.2.0".into()));

    let second = directory.path().join("second.wasm");
    fs::write(&second, Interpreter { name: "second", ..GOOD }.component()).expect("written");
    until("a new file serves", || stands(&catalogue, &second).0 == "Serving");

    fs::remove_file(&file).expect("removed");
    until("a removed file is gone", || status(&catalogue, &file).is_none());
    drop(watch);
    assert_eq!(stands(&catalogue, &second).0, "Serving");
}

#[test]
fn settings_beside_a_plugin_are_its_settings() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("holding.wasm");
    let settings = directory.path().join("holding.settings.json");
    fs::write(&file, HOLDING.component()).expect("written");
    fs::write(&settings, "{}").expect("written");
    let catalogue = catalogue();
    let _watch =
        DirectoryWatch::start(catalogue.clone(), directory.path(), PluginConfig::default()).expect("a watch");
    let given = |catalogue: &Catalogue| {
        catalogue.snapshot().admission().next().map(|plugin| plugin.about().config().settings.clone())
    };
    assert_eq!(given(&catalogue), Some(json!({})));

    fs::write(&settings, r#"{"unknown": true}"#).expect("written");
    until("refused settings are reported", || stands(&catalogue, &file).0 == "Degraded");
    assert_eq!(given(&catalogue), Some(json!({})), "the last good ones hold");

    fs::write(&settings, "no json at all").expect("written");
    until("settings that are not JSON are reported", || {
        status(&catalogue, &file).is_some_and(|status| status.message.contains("not JSON"))
    });
    fs::remove_file(&settings).expect("removed");
    until("without settings it serves", || stands(&catalogue, &file).0 == "Serving");
}

#[test]
fn a_directory_that_is_not_there_is_an_error_that_names_it() {
    let error = DirectoryWatch::start(catalogue(), Path::new("/nowhere/at/all"), PluginConfig::default())
        .err()
        .expect("an error");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}
