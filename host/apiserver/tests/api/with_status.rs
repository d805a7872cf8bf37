//! A patch of an object and its status: what comes of it is what comes of two.

use std::sync::Arc;

use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use windlass_apiserver::store;
use windlass_core::{AdmissionRequest, CallError, Hook, Verdict};

use crate::fixture::{
    Answer, DEFINITIONS, Events, Fixture, WIDGETS, request, server, server_with, version, widget,
    widget_definition,
};

async fn with_widgets(server: &Fixture) {
    assert_eq!(server.call("POST", DEFINITIONS, &widget_definition()).await.code, 201);
}

async fn create(server: &Fixture, name: &str) -> Value {
    server.call("POST", WIDGETS, &widget(name, 1)).await.json()
}

async fn patch(server: &Fixture, path: &str, patch: &Value) -> Answer {
    let request = request("PATCH", &format!("{WIDGETS}/{path}"));
    server.send(request.header("content-type", "application/merge-patch+json"), patch.to_string()).await
}

/// Without what no two writes have in common.
fn normal(mut object: Value) -> Value {
    for name in ["name", "uid", "creationTimestamp", "resourceVersion"] {
        object["metadata"].as_object_mut().unwrap().remove(name);
    }
    for entry in object["metadata"]["managedFields"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("time");
    }
    object
}

#[tokio::test]
async fn one_patch_of_both_parts_leaves_what_two_patches_leave() {
    let server = server().await;
    with_widgets(&server).await;
    let both = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"size": 7}, "status": {"size": 3}});
    create(&server, "two").await;
    patch(&server, "two", &both).await;
    let two = patch(&server, "two/status", &both).await.json();

    let created = create(&server, "one").await;
    let from = version(&created);
    let mut events = Events::open(&server.client, &format!("{WIDGETS}?watch=1&resourceVersion={from}")).await;
    let one = patch(&server, "one?withStatus=true", &both).await.json();
    assert_eq!((&one["spec"]["size"], &one["status"]["size"]), (&json!(7), &json!(3)));
    assert_eq!(one["metadata"]["generation"], 2);
    assert_eq!(normal(one.clone()), normal(two));
    assert_eq!(version(&events.expect("MODIFIED", "one").await), version(&one), "both came at once");

    let again = patch(&server, "one?withStatus=true", &both).await.json();
    assert_eq!(version(&again), version(&one), "what changes nothing is no write");
    let unasked = patch(&server, "one", &json!({"status": {"size": 4}})).await.json();
    assert_eq!(unasked["status"]["size"], 3);
    let imagined = patch(&server, "one?withStatus=true&dryRun=All", &json!({"status": {"size": 5}})).await;
    assert_eq!(imagined.json()["status"]["size"], 5);
    let kept = server.get(&format!("{WIDGETS}/one")).await.json();
    assert_eq!((version(&kept), &kept["status"]["size"]), (version(&one), &json!(3)));
}

#[tokio::test]
async fn a_patch_of_both_parts_is_refused_as_a_whole() {
    let server = server().await;
    with_widgets(&server).await;
    let created = create(&server, "a").await;
    let wrong = json!({"spec": {"size": 7}, "status": {"size": "three"}});
    patch(&server, "a?withStatus=true", &wrong).await.refused(422, "Invalid");
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"size": 7}, "status": {"size": 3}});
    patch(&server, "a?withStatus=true", &stale).await.refused(409, "Conflict");
    assert_eq!(server.get(&format!("{WIDGETS}/a")).await.json(), created);
}

#[tokio::test]
async fn who_may_not_write_the_status_may_not_write_it_with_the_rest() {
    let server = server().await;
    with_widgets(&server).await;
    create(&server, "a").await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = |resources: Value| {
        json!({"metadata": {"name": "writes"}, "rules": [
            {"verbs": ["patch"], "apiGroups": ["example.com"], "resources": resources}]})
    };
    let binding = json!({"metadata": {"name": "writes"}, "subjects": [{"kind": "User", "name": "ann"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writes"}});
    server.call("POST", &format!("{rbac}/roles"), &role(json!(["widgets"]))).await;
    assert_eq!(server.call("POST", &format!("{rbac}/rolebindings"), &binding).await.code, 201);
    let ann = server.server.client_as("ann", []);
    let write = async || {
        let body = json!({"spec": {"size": 7}, "status": {"size": 3}}).to_string();
        let request = request("PATCH", &format!("{WIDGETS}/a?withStatus=true"))
            .header("content-type", "application/merge-patch+json");
        ann.send(request.body(Body::from(body.into_bytes())).unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(write().await, 403);
    let mut both = role(json!(["widgets", "widgets/status"]));
    both["metadata"]["resourceVersion"] =
        server.get(&format!("{rbac}/roles/writes")).await.json()["metadata"]["resourceVersion"].clone();
    assert_eq!(server.call("PUT", &format!("{rbac}/roles/writes"), &both).await.code, 200);
    assert_eq!(write().await, 200);
}

/// Remembers which parts of widgets it was asked about, and refuses a size in the status that is above 8.
#[derive(Default)]
struct Watchman(Mutex<Vec<(String, Value, Value)>>);

impl Hook for Watchman {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        if request.resource != "widgets" || request.old_object.is_null() {
            return Ok(Verdict::UNCHANGED);
        }
        let part = |object: &Value| json!([object["spec"]["size"], object["status"]["size"]]);
        let asked = (request.subresource.clone(), part(&request.old_object), part(&request.object));
        self.0.lock().push(asked);
        if request.object["status"]["size"].as_i64() > Some(8) {
            return Ok(Verdict::Denied { message: "too large".to_owned(), causes: Vec::new() });
        }
        Ok(Verdict::UNCHANGED)
    }
}

#[tokio::test]
async fn each_part_is_admitted_by_itself() {
    let watchman = Arc::new(Watchman::default());
    let server = server_with(vec![watchman.clone()], store::Options::default()).await;
    with_widgets(&server).await;
    let created = create(&server, "a").await;
    let refused =
        patch(&server, "a?withStatus=true", &json!({"spec": {"size": 7}, "status": {"size": 9}})).await;
    assert!(refused.text.contains("too large"), "{}", refused.text);
    assert_eq!(server.get(&format!("{WIDGETS}/a")).await.json(), created);
    let asked = std::mem::take(&mut *watchman.0.lock());
    assert_eq!(
        asked,
        [
            (String::new(), json!([1, null]), json!([7, null])),
            ("status".to_owned(), json!([7, null]), json!([7, 9])),
        ]
    );
}
