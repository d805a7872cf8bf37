//! CustomResourceDefinitions: accepting their names, so that they are served at once, and cleaning up after them.

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::catalogue::{DEFINITIONS, DEFINITIONS_STORE, Resource, condition, store_name};
use crate::identity::User;
use crate::objects::field;
use crate::service;
use crate::state::{State, now};
use crate::store::Stored;

/// Keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Writes what follows from a new or changed definition into its status: the accepted names, the stored versions,
/// and whether it is established.
pub(crate) fn accept(state: &State, definition: &mut Value, old: Option<&Value>) {
    complete_names(definition);
    let taken = conflict(state, definition);
    let names = definition.pointer("/spec/names").cloned().unwrap_or_default();
    let stored = definition.pointer("/spec/versions").and_then(Value::as_array).and_then(|versions| {
        versions.iter().find(|version| version["storage"] == true).map(|version| version["name"].clone())
    });
    let (accepted, established) = match &taken {
        None => (
            json!({"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"}),
            json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted"}),
        ),
        Some((reason, message)) => (
            json!({"type": "NamesAccepted", "status": "False", "reason": reason, "message": message}),
            json!({"type": "Established", "status": "False", "reason": "NotAccepted",
                "message": "not all names are accepted"}),
        ),
    };
    set_condition(definition, accepted);
    // Once established, a definition stays so.
    if taken.is_none() || !old.is_some_and(|old| condition(old, "Established")) {
        set_condition(definition, established);
    }
    let status = field::child(definition, "status");
    if taken.is_none() || !status.contains_key("acceptedNames") {
        let names = if taken.is_none() { names } else { json!({"plural": "", "kind": ""}) };
        status.insert("acceptedNames".to_owned(), names);
    }
    let versions = status.entry("storedVersions").or_insert_with(|| json!([]));
    if versions.is_null() {
        *versions = json!([]);
    }
    if let (Some(versions), Some(stored)) = (versions.as_array_mut(), stored)
        && !versions.contains(&stored)
    {
        versions.push(stored);
    }
}

/// The names that follow from others where they are left out.
fn complete_names(definition: &mut Value) {
    let Some(names) = definition.pointer_mut("/spec/names").and_then(Value::as_object_mut) else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
        if names.get(name).and_then(Value::as_str).unwrap_or_default().is_empty() {
            names.insert(name.to_owned(), json!(value));
        }
    }
}

/// Why the definition's names can't be accepted: another definition of its group has one of them.
fn conflict(state: &State, definition: &Value) -> Option<(&'static str, String)> {
    let group = definition.pointer("/spec/group").and_then(Value::as_str)?;
    let own = field::meta(definition, "name");
    let text = |definition: &Value, name: &str| {
        definition
            .pointer("/spec/names")
            .and_then(|names| names.get(name))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let snapshot = state.store.snapshot(DEFINITIONS_STORE);
    let others: Vec<Value> = snapshot
        .iter()
        .filter(|stored| *stored.key.name != *own)
        .map(|stored| field::parse(stored))
        .filter(|other| other.pointer("/spec/group").and_then(Value::as_str) == Some(group))
        .filter(|other| condition(other, "Established"))
        .collect();
    for (name, reason) in [
        ("plural", "PluralConflict"),
        ("singular", "SingularConflict"),
        ("kind", "KindConflict"),
        ("listKind", "ListKindConflict"),
    ] {
        let Some(wanted) = text(definition, name) else { continue };
        if others.iter().any(|other| text(other, name).as_ref() == Some(&wanted)) {
            return Some((reason, format!("{wanted:?} is already in use")));
        }
    }
    None
}

/// Sets a condition; its transition time changes only with its status.
fn set_condition(definition: &mut Value, mut condition: Value) {
    let conditions = field::child(definition, "status").entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let conditions = conditions.as_array_mut().expect("made above");
    let place = conditions.iter_mut().find(|present| present["type"] == condition["type"]);
    let since = place.as_ref().filter(|present| present["status"] == condition["status"]);
    condition["lastTransitionTime"] =
        since.map_or_else(|| json!(now()), |present| present["lastTransitionTime"].clone());
    match place {
        Some(present) => *present = condition,
        None => conditions.push(condition),
    }
}

pub(crate) fn mark_terminating(definition: &mut Value) {
    set_condition(
        definition,
        json!({"type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress",
            "message": "CustomResource deletion is in progress"}),
    );
}

/// Goes on with the definitions that were being deleted when the process ended.
pub(crate) fn resume(state: &Arc<State>) {
    for stored in state.store.snapshot(DEFINITIONS_STORE).iter() {
        if field::is_being_deleted(&field::parse(stored)) {
            clean_up(state, &stored.key.name);
        }
    }
}

/// Deletes the objects of a definition that is being deleted, waits until they are gone, and lets go of it.
///
/// The task ends with that, with the server, or with an error that it logs; the next start takes it up again.
pub(crate) fn clean_up(state: &Arc<State>, name: &str) {
    let state = Arc::clone(state);
    let name = name.to_owned();
    state.tasks.clone().spawn(async move {
        let stopping = state.stopping.clone();
        tokio::select! {
            () = stopping.cancelled() => {}
            outcome = remove_objects(&state, &name) => match outcome {
                Ok(()) => tracing::debug!(server = %state.name, definition = name, "a definition's objects are gone"),
                Err(error) => tracing::error!(
                    server = %state.name, definition = name, error = &error as &dyn std::error::Error,
                    "a definition's objects could not be deleted"
                ),
            },
        }
    });
}

/// Deletes one object, if it is not being deleted already.
async fn delete_object(client: &Client, resource: &Resource, stored: &Stored) -> kube::Result<()> {
    if field::is_being_deleted(&field::parse(stored)) {
        return Ok(());
    }
    let kind = &resource.kind;
    let names = GroupVersionKind::gvk(&kind.group, &kind.version, &kind.names.kind);
    let api_resource = ApiResource::from_gvk_with_plural(&names, &kind.names.plural);
    let api: Api<DynamicObject> = match &*stored.key.namespace {
        "" => Api::all_with(client.clone(), &api_resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &api_resource),
    };
    match api.delete(&stored.key.name, &DeleteParams::background()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        outcome => outcome.map(drop),
    }
}

async fn remove_objects(state: &Arc<State>, name: &str) -> kube::Result<()> {
    let client = service::client(state, User::master("system:apiserver"));
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let resource = state.served().preferred(group, plural).cloned();
    let store = store_name(group, plural);
    loop {
        // Looked at again after each event: a creation that began before the definition was marked may end after.
        let (objects, mut watch) = state.store.snapshot_and_watch(&store);
        let Some(resource) = resource.as_ref().filter(|_| !objects.is_empty()) else { break };
        for stored in objects.iter() {
            delete_object(&client, resource, stored).await?;
        }
        // What has finalizers goes when their owners let it. An overrun log is a reason to look, too.
        let _ = watch.next().await;
    }
    let (plural, group) = DEFINITIONS;
    let definition = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(group, "v1", "CustomResourceDefinition"),
        plural,
    );
    let api: Api<DynamicObject> = Api::all_with(client, &definition);
    for object in api.list(&ListParams::default().fields(&format!("metadata.name={name}"))).await? {
        let finalizers: Vec<String> = object
            .metadata
            .finalizers
            .unwrap_or_default()
            .into_iter()
            .filter(|held| held != CLEANUP)
            .collect();
        let patch = json!({"metadata": {"finalizers": finalizers}});
        match api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            outcome => drop(outcome?),
        }
    }
    Ok(())
}
