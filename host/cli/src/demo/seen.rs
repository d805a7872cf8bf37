//! What the demo does to the API, and how it looks at what came of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// How long a step may take on a slow machine before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the API is asked.
const PAUSE: Duration = Duration::from_millis(10);

/// The objects of one kind, in a namespace or (empty) cluster-wide.
pub(super) fn objects(
    client: &kube::Client,
    api_version: &str,
    kind: &str,
    namespace: &str,
) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Server-side applies each document of a YAML stream, as `kubectl apply --server-side` does.
pub(super) async fn apply(client: &kube::Client, yaml: &str) -> anyhow::Result<()> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).context("the demo's own YAML is broken")?;
    for object in documents {
        let (kind, name) = (text(&object, "/kind"), text(&object, "/metadata/name"));
        let api = objects(client, text(&object, "/apiVersion"), kind, text(&object, "/metadata/namespace"));
        let deadline = Instant::now() + PATIENCE;
        // A kind whose CRD was applied a moment ago may not be served yet.
        loop {
            match api.patch(name, &PatchParams::apply("windlass-demo").force(), &Patch::Apply(&object)).await
            {
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.code == 404 && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error).with_context(|| format!("cannot apply {kind} {name}")),
            }
        }
    }
    Ok(())
}

/// Asks the API until `wanted` holds of the object, and says how long that took.
pub(super) async fn wait_for(
    api: &Api<DynamicObject>,
    name: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<(Value, Duration)> {
    let began = Instant::now();
    let mut last;
    loop {
        match api.get_opt(name).await {
            Ok(Some(object)) => {
                last = serde_json::to_value(object)?;
                if wanted(&last) {
                    return Ok((last, began.elapsed()));
                }
            }
            Ok(None) => last = Value::Null,
            Err(kube::Error::Api(status)) if status.code == 404 => last = Value::Null,
            Err(error) => return Err(error).with_context(|| format!("cannot get {name}")),
        }
        if began.elapsed() > PATIENCE {
            bail!(
                "{name} is not {what} after {PATIENCE:?}; last seen:\n{}",
                serde_json::to_string_pretty(&last)?
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The condition of that type, where the object has one.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether the condition of that type has that status.
pub(super) fn has_condition(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

/// The names of a binding's clusters.
pub(super) fn clusters(binding: &Value) -> Vec<&str> {
    binding["spec"]["clusters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|cluster| cluster["name"].as_str())
        .collect()
}
