//! Plugins of `--plugin-dir`: loaded, replaced while in use, and harmless when broken.

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::objects::{api, apply, wait_for};

const CONFIG_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}
---
{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: a, namespace: default},
 spec: {resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: a}], placement: {}}}";

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
}
