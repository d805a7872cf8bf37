//! Objects of any kind by YAML, and clients for them.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::wait;

/// The API of a kind in a namespace; an empty namespace for cluster-scoped kinds. The plural is regular for every
/// kind that the tests use.
pub fn api(client: &kube::Client, api_version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    }
}

/// The documents of a YAML stream.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).expect("the test's YAML is well formed")
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Server-side applies every document, waiting for kinds whose CRD is on its way.
pub async fn apply(client: &kube::Client, yaml: &str) {
    for object in documents(yaml) {
        let api = api(
            client,
            text(&object, "/apiVersion"),
            text(&object, "/kind"),
            text(&object, "/metadata/namespace"),
        );
        let name = text(&object, "/metadata/name");
        let parameters = PatchParams::apply("e2e").force();
        wait::until(
            &format!("{} {name} to be applied", text(&object, "/kind")),
            || async {
                api.patch(name, &parameters, &Patch::Apply(&object)).await.map_err(|error| error.to_string())
            },
            Result::is_ok,
        )
        .await
        .expect("just seen to be applied");
    }
}

/// Waits until the object exists and `wanted` holds of its JSON.
pub async fn wait_for(
    api: &Api<DynamicObject>,
    name: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    wait::until(
        &format!("{name}: {what}"),
        || async {
            match api.get_opt(name).await {
                Ok(Some(object)) => serde_json::to_value(object).expect("an object is JSON"),
                Ok(None) => Value::Null,
                Err(error) => Value::String(error.to_string()),
            }
        },
        |object| object.is_object() && wanted(object),
    )
    .await
}

/// The condition of that type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether the condition of that type has that status.
pub fn has_condition(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}
