//! Plugins of `--plugin-dir`: loaded, replaced while in use, and harmless when broken; and what the API says of them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use windlass_test_guests::{GOOD, HEALTH, Interpreter, REPLICAS};
use windlass_test_probe::{api, apply, condition, has_condition, until, wait_for};

use crate::control_plane::{ControlPlane, windlass};

const CONFIG_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}
---
{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: a, namespace: default},
 spec: {resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: a}], placement: {}}}";

pub(crate) const THINGS: &str = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.io},
 spec: {group: example.io, scope: Namespaced, names: {kind: Thing, listKind: ThingList, plural: things, singular: thing},
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object,
   properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}]}}";

pub(crate) const POLICY: &str = "{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: things, namespace: default},
 spec: {resourceSelectors: [{apiVersion: example.io/v1, kind: Thing}], placement: {}}}";

/// Answers for Things: how many replicas they have, and that they are healthy.
pub(crate) const THINKER: Interpreter =
    Interpreter { name: "thinker", operations: REPLICAS | HEALTH, replicas: 3, ..GOOD };

pub(crate) fn thing(name: &str) -> String {
    format!(
        "{{apiVersion: example.io/v1, kind: Thing, metadata: {{name: {name}, namespace: default}}, spec: {{size: 1}}}}"
    )
}

async fn with_things(plugins: &Path) -> (ControlPlane, kube::Client) {
    let arguments = ["--plugin-dir", plugins.to_str().expect("a path in UTF-8")];
    let control_plane = ControlPlane::start("members: [{name: member1}]", &arguments).await;
    let client = control_plane.client().await;
    apply(&control_plane.member("member1").await, THINGS).await;
    apply(&client, THINGS).await;
    apply(&client, POLICY).await;
    (control_plane, client)
}

pub(crate) fn bindings(client: &kube::Client) -> Api<DynamicObject> {
    api(client, "work.karmada.io/v1alpha2", "ResourceBinding", "default")
}

fn plugins(client: &kube::Client) -> Api<DynamicObject> {
    api(client, "plugins.windlass.io/v1alpha1", "Plugin", "")
}

/// The notes of all events with that reason.
pub(crate) async fn events(client: &kube::Client, reason: &str) -> Vec<String> {
    let events = api(client, "v1", "Event", "default").list(&ListParams::default()).await.unwrap();
    let noted = events.items.into_iter().filter(|event| event.data["reason"] == reason);
    noted.map(|event| event.data["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_broken_plugin_harms_nobody() {
    let plugins = tempfile::TempDir::new().unwrap();
    std::fs::write(plugins.path().join("text.wasm"), "this is no WebAssembly").unwrap();
    std::fs::write(plugins.path().join("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let control_plane = ControlPlane::start(
        "members: [{name: member1}]",
        &["--plugin-dir", plugins.path().to_str().unwrap()],
    )
    .await;
    let client = control_plane.client().await;
    apply(&client, CONFIG_MAP).await;
    let member = api(&control_plane.member("member1").await, "v1", "ConfigMap", "default");
    wait_for(&member, "a", "propagated", Value::is_object).await;
    let module = wait_for(&self::plugins(&client), "module.wasm", "reported", |plugin| {
        plugin["status"]["state"] == "Failed"
    })
    .await;
    assert!(module["status"]["message"].as_str().unwrap().contains("wasm32-wasip2"), "{module}");
}

#[tokio::test]
async fn a_plugin_is_replaced_while_it_is_asked_and_a_broken_one_replaces_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("thinker.wasm");
    let (_control_plane, client) = with_things(folder.path()).await;
    let (bindings, plugins) = (bindings(&client), plugins(&client));
    let replicas = |wanted: u64| move |binding: &Value| binding["spec"]["replicas"] == wanted;

    apply(&client, &thing("first")).await;
    let before = wait_for(&bindings, "first-thing", "made", Value::is_object).await;
    assert_eq!(before["spec"].get("replicas"), None, "nobody can tell");
    std::fs::write(&file, THINKER.component()).unwrap();
    wait_for(&bindings, "first-thing", "interpreted by the new plugin", replicas(3)).await;

    let stop = AtomicBool::new(false);
    let busy = async {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            apply(&client, &thing(&format!("busy-{count}"))).await;
            count += 1;
        }
        count
    };
    let replacing = async {
        wait_for(&bindings, "busy-5-thing", "interpreted", replicas(3)).await;
        std::fs::write(&file, Interpreter { version: "1.1.0", replicas: 5, ..THINKER }.component()).unwrap();
        wait_for(&bindings, "first-thing", "interpreted by the next version", replicas(5)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (count, ()) = futures::join!(busy, replacing);
    for index in 0..count {
        wait_for(&bindings, &format!("busy-{index}-thing"), "interpreted by the next version", replicas(5))
            .await;
    }
    let plugin = wait_for(&plugins, "thinker.wasm", "reported", |plugin| {
        plugin["status"]["serving"]["version"] == "1.1.0" && has_condition(plugin, "Serving", "True")
    })
    .await;
    assert_eq!(plugin["status"]["state"], "Serving");
    assert!(
        has_condition(&plugin, "Loaded", "True") && has_condition(&plugin, "Healthy", "True"),
        "{plugin}"
    );
    assert_eq!(plugin["status"]["serving"].get("failures"), None, "no call was dropped: {plugin}");
    assert_eq!(events(&client, "InterpretationFailed").await, [""; 0]);

    let broken = Interpreter { version: "1.2.0", ..THINKER }.component();
    std::fs::write(&file, &broken[..broken.len() / 2]).unwrap();
    let plugin = wait_for(&plugins, "thinker.wasm", "found to be broken", |plugin| {
        plugin["status"]["state"] == "Degraded"
    })
    .await;
    assert_eq!(condition(&plugin, "Serving").unwrap()["reason"], "LastGoodKept");
    assert_eq!(condition(&plugin, "Loaded").unwrap()["reason"], "LoadFailed");
    assert!(plugin["status"]["message"].as_str().unwrap().contains("thinker.wasm"), "{plugin}");
    assert_eq!(plugin["status"]["serving"]["version"], "1.1.0");
    apply(&client, &thing("last")).await;
    wait_for(&bindings, "last-thing", "interpreted by the last good version", replicas(5)).await;

    std::fs::remove_file(&file).unwrap();
    until(
        "the report to go with its file",
        || plugins.get_opt("thinker.wasm"),
        |found| matches!(found, Ok(None)),
    )
    .await
    .unwrap();
    wait_for(&bindings, "last-thing", "interpreted by nobody", |binding| {
        binding["spec"].get("replicas").is_none()
    })
    .await;
}

#[tokio::test]
async fn a_plugin_that_fails_is_blamed_where_people_look() {
    let folder = tempfile::TempDir::new().unwrap();
    let trapping = Interpreter { in_inspect: "unreachable", ..THINKER };
    std::fs::write(folder.path().join("thinker.wasm"), trapping.component()).unwrap();
    let (control_plane, client) = with_things(folder.path()).await;
    apply(&client, &thing("first")).await;
    let plugins = plugins(&client);
    let plugin =
        wait_for(&plugins, "thinker.wasm", "blamed", |plugin| has_condition(plugin, "Healthy", "False"))
            .await;
    let healthy = condition(&plugin, "Healthy").unwrap();
    assert_eq!(healthy["reason"], "Trap");
    let message = healthy["message"].as_str().unwrap();
    assert!(message.contains("thinker") && message.contains("first"), "{message}");
    let notes =
        until("the event", || events(&client, "InterpretationFailed"), |notes| !notes.is_empty()).await;
    assert!(notes.iter().all(|note| note.contains("Trap") && note.contains("thinker")), "{notes:?}");

    let kubeconfig = control_plane.path("data/kubeconfig");
    let listed = windlass(&["plugin", "list", "--kubeconfig", kubeconfig.to_str().unwrap(), "-o", "json"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let find = |name: &str| listed.as_array().unwrap().iter().find(|plugin| plugin["name"] == name).unwrap();
    assert_eq!(find("flink")["state"], "Serving");
    assert!(find("thinker")["failures"]["Trap"].as_u64().unwrap() > 0, "{listed}");
    let data = control_plane.path("data");
    let shown = windlass(&["plugin", "inspect", "thinker", "--data-dir", data.to_str().unwrap()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("Trap") && shown.contains("Deadline:") && shown.contains("sha256:"), "{shown}");
}

#[tokio::test]
async fn reports_are_the_control_planes_own() {
    let control_plane = ControlPlane::start("members: []", &[]).await;
    let client = control_plane.client().await;
    let plugins = plugins(&client);
    for name in ["flink", "kubernetes", "suspension"] {
        wait_for(&plugins, name, "serving", |plugin| plugin["status"]["state"] == "Serving").await;
    }
    let change = Patch::Merge(json!({"spec": {"source": {"builtIn": "other"}}}));
    plugins.patch("flink", &PatchParams::default(), &change).await.unwrap();
    wait_for(&plugins, "flink", "put back", |plugin| plugin["spec"]["source"]["builtIn"] == "flink").await;
    plugins.delete("suspension", &Default::default()).await.unwrap();
    wait_for(&plugins, "suspension", "made again", |plugin| plugin["status"]["state"] == "Serving").await;
    apply(
        &client,
        "{apiVersion: plugins.windlass.io/v1alpha1, kind: Plugin, metadata: {name: mine}, spec: {source: {file: /mine.wasm}}}",
    )
    .await;
    let mine =
        wait_for(&plugins, "mine", "answered", |plugin| has_condition(plugin, "Loaded", "False")).await;
    assert!(mine["status"]["message"].as_str().unwrap().contains("--plugin-dir"), "{mine}");
}

#[tokio::test]
async fn settings_that_name_no_plugin_are_reported_and_change_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("settings.yaml");
    std::fs::write(&file, "suspension: {namespaces: [default]}").unwrap();
    let control_plane =
        ControlPlane::start("members: []", &["--plugin-settings", file.to_str().unwrap()]).await;
    let plugins = plugins(&control_plane.client().await);
    wait_for(&plugins, "suspension", "serving", |plugin| plugin["status"]["state"] == "Serving").await;
    std::fs::write(&file, "suspnsion: {namespaces: [default, kube-system]}").unwrap();
    let plugin = wait_for(&plugins, "suspension", "found without its settings", |plugin| {
        has_condition(plugin, "Loaded", "False")
    })
    .await;
    let loaded = condition(&plugin, "Loaded").unwrap();
    assert_eq!(loaded["reason"], "SettingsRefused");
    assert!(loaded["message"].as_str().unwrap().contains("suspnsion"), "{loaded}");
    assert!(has_condition(&plugin, "Serving", "True"), "{plugin}");
    assert!(control_plane.log().contains("suspnsion"));
    std::fs::write(&file, "suspension: {namespaces: [default, kube-system]}").unwrap();
    wait_for(&plugins, "suspension", "well again", |plugin| has_condition(plugin, "Loaded", "True")).await;
}
