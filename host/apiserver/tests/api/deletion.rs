use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::fixture::{CONFIG_MAPS, Events, LEASES, config_map, lease, server};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod() -> serde_json::Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[tokio::test]
async fn an_object_goes_at_once_or_when_its_finalizers_are_gone() {
    let server = server().await;
    let api = server.config_maps();
    let uid = server.create("a").await.metadata.uid.unwrap();
    let gone = server.call("DELETE", &format!("{CONFIG_MAPS}/a"), &json!({})).await.json();
    assert_eq!(
        (gone["status"].as_str(), gone["details"]["uid"].as_str()),
        (Some("Success"), Some(uid.as_str()))
    );
    assert_eq!(gone["details"]["kind"], "configmaps");

    let mut held = config_map("b", &[]);
    held.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    api.create(&Default::default(), &held).await.unwrap();
    let marked =
        api.delete("b", &DeleteParams::default()).await.unwrap().left().expect("the object is still there");
    assert!(marked.metadata.deletion_timestamp.is_some());
    let again = api.delete("b", &DeleteParams::default()).await.unwrap().left().expect("it still is");
    assert_eq!(again.metadata.resource_version, marked.metadata.resource_version);
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("b", &PatchParams::default(), &release).await.unwrap();
    assert!(api.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_collection_is_deleted_as_far_as_it_is_selected() {
    let server = server().await;
    let api = server.leases();
    for (name, tier) in [("a", "web"), ("b", "db"), ("c", "web")] {
        api.create(&Default::default(), &lease(name, &[("tier", tier)])).await.unwrap();
    }
    api.delete_collection(&DeleteParams::default(), &ListParams::default().labels("tier=web")).await.unwrap();
    let left: Vec<_> = api.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].metadata.name.as_deref(), Some("b"));
}

#[tokio::test]
async fn propagation_is_left_to_the_collector_as_finalizers() {
    let server = server().await;
    server.create_lease("a").await;
    let foreground = server.call("DELETE", &format!("{LEASES}/a?propagationPolicy=Bogus"), &json!({})).await;
    foreground.refused(422, "Invalid");
    let events = format!("{LEASES}?watch=1");
    let mut events = Events::open(&server.client, &events).await;
    events.expect("ADDED", "a").await;
    server.call("DELETE", &format!("{LEASES}/a"), &json!({"propagationPolicy": "Foreground"})).await;
    let marked = events.expect("MODIFIED", "a").await;
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
}

#[tokio::test]
async fn nothing_new_comes_into_a_namespace_that_ends() {
    let server = server().await;
    let path = "/api/v1/namespaces/old";
    let mut namespace = json!({"metadata": {"name": "old", "finalizers": ["example.com/hold"]}});
    assert_eq!(server.call("POST", "/api/v1/namespaces", &namespace).await.code, 201);
    let marked = server.call("DELETE", path, &json!({})).await.json();
    assert_eq!(marked["status"]["phase"], "Terminating");
    let refused =
        server.call("POST", &format!("{path}/configmaps"), &json!({"metadata": {"name": "a"}})).await;
    assert!(refused.refused(403, "Forbidden").contains("because it is being terminated"));
    assert_eq!(refused.json()["details"]["causes"][0]["reason"], "NamespaceTerminating");
    namespace["spec"] = json!({"finalizers": []});
    assert_eq!(server.call("PUT", &format!("{path}/finalize"), &namespace).await.code, 200);
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(server.client.clone());
    api.patch("old", &PatchParams::default(), &release).await.unwrap();
    server.get(path).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_bound_pod_gets_its_grace_period_and_an_unbound_one_goes_at_once() {
    let server = server().await;
    let path = format!("{PODS}/p");
    assert_eq!(server.call("POST", PODS, &pod()).await.code, 201);
    assert_eq!(server.call("DELETE", &path, &json!({})).await.json()["kind"], "Pod");
    server.call("POST", PODS, &pod()).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "n"}});
    assert_eq!(server.call("POST", &format!("{path}/binding"), &binding).await.code, 201);
    server.call("POST", &format!("{path}/binding"), &binding).await.refused(409, "Conflict");
    assert_eq!(server.get(&path).await.json()["spec"]["nodeName"], "n");
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    assert_eq!(server.call("POST", &format!("{path}/eviction"), &eviction).await.code, 201);
    assert_eq!(server.get(&path).await.json()["metadata"]["deletionGracePeriodSeconds"], 30);
    server.call("DELETE", &path, &json!({"gracePeriodSeconds": 0})).await;
    server.get(&path).await.refused(404, "NotFound");
}
