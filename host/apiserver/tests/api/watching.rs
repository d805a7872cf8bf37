use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use kube::api::{Api, PartialObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use serde_json::json;
use windlass_apiserver::store;

use crate::fixture::{Events, LEASES, lease, request, server, server_with, version};

#[tokio::test]
async fn a_watch_goes_on_from_the_revision_it_names() {
    let server = server().await;
    let first = server.create_lease("a").await.resource_version().unwrap();
    server.create_lease("b").await;
    let mut events = Events::open(&server.client, &format!("{LEASES}?watch=1&resourceVersion={first}")).await;
    let added = version(&events.expect("ADDED", "b").await);
    server.leases().delete("a", &Default::default()).await.unwrap();
    let deleted = version(&events.expect("DELETED", "a").await);
    assert!(deleted > added, "a deletion has a revision of its own");
}

#[tokio::test]
async fn a_watch_from_nowhere_begins_with_what_there_is() {
    let server = server().await;
    server.create_lease("a").await;
    for query in ["", "&resourceVersion=0"] {
        let mut events = Events::open(&server.client, &format!("{LEASES}?watch=1{query}")).await;
        events.expect("ADDED", "a").await;
    }
    let mut events = Events::open(&server.client, &format!("{LEASES}?watch=1&timeoutSeconds=1")).await;
    events.expect("ADDED", "a").await;
    assert!(events.next().await.is_none(), "it ends in time");
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let server = server().await;
    server.create_lease("a").await;
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = Events::open(&server.client, &format!("{LEASES}?{query}")).await;
    events.expect("ADDED", "a").await;
    let bookmark = events.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(bookmark["object"]["kind"], "Lease");
    server.create_lease("b").await;
    events.expect("ADDED", "b").await;
    server.get(&format!("{LEASES}?watch=1&sendInitialEvents=true")).await.refused(422, "Invalid");
}

#[tokio::test]
async fn objects_enter_and_leave_a_selection() {
    let server = server().await;
    let api = server.leases();
    let path = format!("{LEASES}?watch=1&labelSelector=tier%3Dweb");
    let mut events = Events::open(&server.client, &path).await;
    api.create(&PostParams::default(), &lease("a", &[("tier", "db")])).await.unwrap();
    let label = |tier: &str| {
        let (api, patch) = (api.clone(), Patch::Merge(json!({"metadata": {"labels": {"tier": tier}}})));
        async move { api.patch("a", &PatchParams::default(), &patch).await.unwrap() }
    };
    label("web").await;
    events.expect("ADDED", "a").await;
    let left = label("db").await.resource_version().unwrap();
    let gone = events.expect("DELETED", "a").await;
    assert_eq!(gone["metadata"]["labels"]["tier"], "web", "as it was when it was selected");
    assert_eq!(version(&gone).to_string(), left);
}

#[tokio::test]
async fn history_that_is_gone_is_told_by_code_410() {
    let small = store::Options { log_events_max: 4, ..store::Options::default() };
    let server = server_with(Vec::new(), small).await;
    let old = server.create_lease("a").await.resource_version().unwrap();
    let first = server.get(&format!("{LEASES}?limit=1")).await.json();
    for n in 0..8 {
        server.create_lease(&format!("b{n}")).await;
    }
    let mut events = Events::open(&server.client, &format!("{LEASES}?watch=1&resourceVersion={old}")).await;
    let error = events.next().await.unwrap();
    assert_eq!((error["type"].as_str(), &error["object"]["code"]), (Some("ERROR"), &json!(410)));
    assert!(events.next().await.is_none());
    assert_eq!(first["metadata"]["continue"], json!(null), "one object was all there was");
    let page = server.get(&format!("{LEASES}?limit=2")).await.json();
    let token = page["metadata"]["continue"].as_str().unwrap().to_owned();
    for n in 0..8 {
        server.create_lease(&format!("c{n}")).await;
    }
    let expired = server.get(&format!("{LEASES}?limit=2&continue={token}")).await;
    expired.refused(410, "Expired");
    let on = expired.json()["metadata"]["continue"].as_str().unwrap().to_owned();
    let rest = server.get(&format!("{LEASES}?continue={on}")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 15);
}

#[tokio::test]
async fn watches_have_the_shape_that_is_asked_for() {
    let server = server().await;
    server.create_lease("a").await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let ask = request("GET", &format!("{LEASES}?watch=1&timeoutSeconds=1")).header("accept", table);
    let text = server.send(ask, "").await.text;
    let event: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (event["object"]["kind"].as_str(), &event["object"]["rows"][0]["cells"][0]),
        (Some("Table"), &json!("a"))
    );
    let api: Api<PartialObjectMeta<Lease>> = Api::default_namespaced(server.client.clone());
    let mut metadata = watcher(api, watcher::Config::default()).applied_objects().boxed();
    assert_eq!(metadata.try_next().await.unwrap().unwrap().name_any(), "a");
}

#[tokio::test]
async fn kubes_watchers_and_reflectors_follow() {
    for config in [watcher::Config::default().page_size(1), watcher::Config::default().streaming_lists()] {
        let server = server().await;
        server.create_lease("a").await;
        server.create_lease("b").await;
        let (reader, writer) = reflector::store::<Lease>();
        let mut stream =
            reflector(writer, watcher(server.leases(), config)).default_backoff().applied_objects().boxed();
        for name in ["a", "b"] {
            assert_eq!(stream.try_next().await.unwrap().unwrap().name_any(), name);
        }
        server.create_lease("c").await;
        assert_eq!(stream.try_next().await.unwrap().unwrap().name_any(), "c");
        assert!(reader.state().iter().any(|object| object.name_any() == "c"));
    }
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_up_nobody() {
    let server = server().await;
    let _idle = Events::open(&server.client, &format!("{LEASES}?watch=1")).await;
    let mut busy = Events::open(&server.client, &format!("{LEASES}?watch=1")).await;
    let writes = async {
        for n in 0..200 {
            server.create_lease(&format!("a{n}")).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), writes).await.expect("writes go on");
    for n in 0..200 {
        busy.expect("ADDED", &format!("a{n}")).await;
    }
}
