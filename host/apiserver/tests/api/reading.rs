use kube::api::ListParams;
use kube::client::Body;
use kube::discovery::Discovery;
use serde_json::{Value, json};

use crate::fixture::{DEFINITIONS, LEASES, lease, request, server, version, widget_definition};

#[tokio::test]
async fn discovery_lists_the_same_in_both_forms_and_by_etag() {
    let server = server().await;
    let legacy = Discovery::new(server.client.clone()).run().await.unwrap();
    let aggregated = Discovery::new(server.client.clone()).run_aggregated().await.unwrap();
    for discovery in [&legacy, &aggregated] {
        let apps = discovery.get("apps").unwrap();
        assert!(apps.recommended_resources().iter().any(|(resource, _)| resource.plural == "deployments"));
    }
    assert_eq!(legacy.groups().count(), aggregated.groups().count());
    assert!(legacy.has_group("authorization.k8s.io") && aggregated.has_group("authorization.k8s.io"));

    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let ask = |tag: &str| request("GET", "/apis").header("accept", accept).header("if-none-match", tag);
    let first = server.send(ask(""), "").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(server.send(ask(&tag), "").await.code, 304);
    server.call("POST", DEFINITIONS, &widget_definition()).await;
    assert_eq!(server.send(ask(&tag), "").await.code, 200);
}

#[tokio::test]
async fn health_version_and_documents_are_served() {
    let server = server().await;
    assert_eq!(server.client.apiserver_version().await.unwrap().minor, "36");
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(server.get(path).await.text, "ok");
    }
    assert!(server.get("/readyz?verbose").await.text.contains("[+]store ok"));
    let index = server.get("/openapi/v3").await.json();
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    assert!(server.get(&url).await.json()["components"]["schemas"].is_object());
    assert!(server.get("/openapi/v2").await.json()["definitions"].is_object());
    server.get("/nonsense").await.refused(404, "NotFound");
    server.get("/apis/apps/v1/nonsense").await.refused(404, "NotFound");
    server.get("/apis/apps/v1/deployments/a").await.refused(404, "NotFound");
}

#[tokio::test]
async fn open_api_v2_is_served_as_client_go_asks_for_it() {
    let server = server().await;
    server.call("POST", DEFINITIONS, &widget_definition()).await;
    let accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let ask = || request("GET", "/openapi/v2").header("accept", accept);
    let response = server.client.send(ask().body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    assert_eq!(headers["vary"], "Accept");
    let document = response.into_body().collect_bytes().await.unwrap();
    assert!(document.starts_with(b"\x0a\x032.0"));
    let name = b"com.example.v1.Widget";
    assert!(document.windows(name.len()).any(|found| found == name));
    assert_eq!(server.send(ask().header("if-none-match", &headers["etag"]), "").await.code, 304);
    let json = server.get("/openapi/v2").await;
    assert_eq!(json.headers["content-type"], "application/json");
    assert_ne!(json.headers["etag"], headers["etag"]);
}

#[tokio::test]
async fn pages_are_of_one_revision_and_say_how_much_is_left() {
    let server = server().await;
    for name in ["a", "b", "c", "d", "e"] {
        server.create_lease(name).await;
    }
    let api = server.leases();
    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((first.items.len(), first.metadata.remaining_item_count), (2, Some(3)));
    // What happens between two pages is not seen.
    server.create_lease("bb").await;
    api.delete("d", &Default::default()).await.unwrap();
    let token = first.metadata.continue_.clone().unwrap();
    let second = api.list(&ListParams::default().limit(10).continue_token(&token)).await.unwrap();
    let names: Vec<_> = second.items.iter().map(|item| item.metadata.name.clone().unwrap()).collect();
    assert_eq!(names, ["c", "d", "e"]);
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(second.metadata.continue_, None);
    server.get(&format!("{LEASES}?continue=nonsense")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_list_is_of_the_revision_that_is_asked_for() {
    let server = server().await;
    let before = server.create_lease("a").await.metadata.resource_version.unwrap();
    server.create_lease("b").await;
    let list = |query: String| {
        let server = &server;
        async move { server.get(&format!("{LEASES}?{query}")).await }
    };
    let count = |answer: &Value| answer["items"].as_array().unwrap().len();
    assert_eq!(count(&list("resourceVersion=0".into()).await.json()), 2);
    let exact = list(format!("resourceVersion={before}&resourceVersionMatch=Exact")).await.json();
    assert_eq!((count(&exact), exact["metadata"]["resourceVersion"].as_str()), (1, Some(before.as_str())));
    let newer = list(format!("resourceVersion={before}&resourceVersionMatch=NotOlderThan")).await.json();
    assert_eq!(count(&newer), 2);
    list("resourceVersion=99999".into()).await.refused(504, "Timeout");
    list("resourceVersionMatch=Exact".into()).await.refused(422, "Invalid");
}

#[tokio::test]
async fn selectors_choose_by_label_and_field() {
    let server = server().await;
    let api = server.leases();
    for (name, tier) in [("a", "web"), ("b", "db"), ("c", "web")] {
        api.create(&Default::default(), &lease(name, &[("tier", tier)])).await.unwrap();
    }
    let names = |params: ListParams| {
        let api = api.clone();
        async move {
            let list = api.list(&params).await.unwrap();
            list.items.into_iter().map(|item| item.metadata.name.unwrap()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(ListParams::default().labels("tier in (web)")).await, ["a", "c"]);
    assert_eq!(names(ListParams::default().labels("tier!=web")).await, ["b"]);
    assert_eq!(names(ListParams::default().fields("metadata.name=c")).await, ["c"]);
    assert_eq!(names(ListParams::default().labels("tier=web").limit(1)).await, ["a"]);
    let message = server.get(&format!("{LEASES}?fieldSelector=spec.x%3D1")).await.refused(400, "BadRequest");
    assert!(message.contains("field label not supported"), "{message}");
    server.get(&format!("{LEASES}?labelSelector=a%3D%3D%3Db")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn objects_come_as_rows_or_as_metadata_where_that_is_asked_for() {
    let server = server().await;
    server.create_lease("a").await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    for path in [LEASES.to_owned(), format!("{LEASES}/a")] {
        let table = server.send(request("GET", &path).header("accept", table), "").await.json();
        assert_eq!(table["kind"], "Table");
        assert_eq!(table["columnDefinitions"][0]["name"], "Name");
        assert_eq!(table["rows"][0]["cells"][0], "a");
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    }
    let whole = format!("{LEASES}?includeObject=Object");
    let whole = server.send(request("GET", &whole).header("accept", table), "").await.json();
    assert_eq!(whole["rows"][0]["object"]["kind"], "Lease");

    let metadata = server.leases().list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(metadata.items[0].metadata.name.as_deref(), Some("a"));
    assert_eq!(server.leases().get_metadata("a").await.unwrap().metadata.name.as_deref(), Some("a"));

    let yaml = server.send(request("GET", LEASES).header("accept", "application/yaml"), "").await;
    assert!(yaml.text.contains("kind: LeaseList"), "{}", yaml.text);
    let proto = request("GET", LEASES).header("accept", "application/vnd.kubernetes.protobuf");
    server.send(proto, "").await.refused(406, "NotAcceptable");
}

#[tokio::test]
async fn namespaces_hold_their_objects_apart() {
    let server = server().await;
    server.call("POST", "/api/v1/namespaces", &json!({"metadata": {"name": "other"}})).await;
    server.create_lease("a").await;
    let other = &LEASES.replace("/default/", "/other/");
    assert_eq!(server.call("POST", other, &json!({"metadata": {"name": "a"}})).await.code, 201);
    assert_eq!(server.get(other).await.json()["items"].as_array().unwrap().len(), 1);
    let all = server.get("/apis/coordination.k8s.io/v1/leases").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    assert!(version(&all) >= version(&all["items"][1]));
}
