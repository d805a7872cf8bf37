//! What services are given: cluster IPs and node ports.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::fixture::{Fixture, request, server};

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ADDRESSES: &str = "/apis/networking.k8s.io/v1/ipaddresses";

fn service(name: &str, spec: Value) -> Value {
    let mut object =
        json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}});
    for (name, value) in spec.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    object
}

async fn created(server: &Fixture, name: &str, spec: Value) -> Value {
    let answer = server.call("POST", SERVICES, &service(name, spec)).await;
    assert_eq!(answer.code, 201, "{}", answer.text);
    answer.json()
}

async fn merge(server: &Fixture, name: &str, patch: Value) -> crate::fixture::Answer {
    let request = request("PATCH", &format!("{SERVICES}/{name}"))
        .header("content-type", "application/merge-patch+json");
    server.send(request, patch.to_string()).await
}

#[tokio::test]
async fn a_service_gets_an_address_that_is_its_own() {
    let server = server().await;
    let made = created(&server, "web", json!({})).await;
    let address = made["spec"]["clusterIP"].as_str().unwrap();
    assert!(address.starts_with("10."), "{address}");
    assert_eq!(made["spec"]["clusterIPs"], json!([address]));
    assert_eq!(
        (
            &made["spec"]["ipFamilies"],
            &made["spec"]["ipFamilyPolicy"],
            &made["spec"]["internalTrafficPolicy"]
        ),
        (&json!(["IPv4"]), &json!("SingleStack"), &json!("Cluster"))
    );
    let held = server.get(&format!("{ADDRESSES}/{address}")).await.json();
    assert_eq!(
        held["spec"]["parentRef"],
        json!({"resource": "services", "namespace": "default", "name": "web"})
    );
    let taken = server.call("POST", SERVICES, &service("other", json!({"clusterIP": address}))).await;
    assert!(taken.refused(422, "Invalid").contains("provided IP is already allocated"), "{}", taken.text);
    assert_eq!(taken.json()["details"]["causes"][0]["field"], "spec.clusterIPs");
    let outside = server.call("POST", SERVICES, &service("other", json!({"clusterIP": "192.168.0.1"}))).await;
    assert!(outside.refused(422, "Invalid").contains("does not match the current range"), "{}", outside.text);

    let moved = merge(&server, "web", json!({"spec": {"clusterIP": "10.96.0.77"}})).await;
    assert!(moved.refused(422, "Invalid").contains("may not change once set"), "{}", moved.text);
    // Whoever replaces a service without naming what it was given does not lose it.
    let replaced = server.call("PUT", &format!("{SERVICES}/web"), &service("web", json!({}))).await;
    assert_eq!(replaced.json()["spec"]["clusterIP"], address, "{}", replaced.text);
    assert_eq!(server.call("DELETE", &format!("{SERVICES}/web"), &json!({})).await.code, 200);
    server.get(&format!("{ADDRESSES}/{address}")).await.refused(404, "NotFound");
    assert_eq!(created(&server, "other", json!({"clusterIP": address})).await["spec"]["clusterIP"], address);
}

#[tokio::test]
async fn concurrent_services_never_share_an_address_or_a_port() {
    let server = server().await;
    let path = |at: usize| service(&format!("s{at}"), json!({"type": "NodePort"}));
    let bodies: Vec<Value> = (0..40).map(path).collect();
    let answers =
        futures::future::join_all(bodies.iter().map(|body| server.call("POST", SERVICES, body))).await;
    let mut addresses = HashSet::new();
    let mut ports = HashSet::new();
    for answer in answers {
        let spec = answer.json()["spec"].take();
        assert!(addresses.insert(spec["clusterIP"].to_string()), "{}", answer.text);
        let port = spec["ports"][0]["nodePort"].as_i64().unwrap();
        assert!((30000..=32767).contains(&port) && ports.insert(port), "{port}");
    }
}

#[tokio::test]
async fn headless_and_external_services_have_none() {
    let server = server().await;
    let headless = created(&server, "headless", json!({"clusterIP": "None"})).await;
    assert_eq!(
        (&headless["spec"]["clusterIPs"], &headless["spec"]["ipFamilies"]),
        (&json!(["None"]), &json!(["IPv4"]))
    );
    let external =
        created(&server, "external", json!({"type": "ExternalName", "externalName": "example.com"})).await;
    assert!(external["spec"].get("clusterIP").is_none() && external["spec"].get("ipFamilies").is_none());
    let back = merge(&server, "external", json!({"spec": {"type": "ClusterIP", "externalName": null}})).await;
    assert!(back.json()["spec"]["clusterIP"].as_str().unwrap().starts_with("10."), "{}", back.text);
    let away =
        merge(&server, "external", json!({"spec": {"type": "ExternalName", "externalName": "example.com"}}))
            .await;
    assert!(away.json()["spec"].get("clusterIP").is_none(), "{}", away.text);
    let addresses = server.get(ADDRESSES).await.json();
    let held: Vec<&str> = addresses["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["spec"]["parentRef"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(held, ["kubernetes"]);
}

#[tokio::test]
async fn node_ports_are_kept_chosen_and_let_go() {
    let server = server().await;
    let made = created(
        &server,
        "web",
        json!({"type": "NodePort", "ports": [
        {"name": "a", "port": 80, "nodePort": 30080}, {"name": "b", "port": 81}]}),
    )
    .await;
    assert_eq!(made["spec"]["ports"][0]["nodePort"], 30080);
    let second = made["spec"]["ports"][1]["nodePort"].as_i64().unwrap();
    let other =
        |port: i64| service("other", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}));
    let taken = server.call("POST", SERVICES, &other(second)).await;
    assert!(taken.refused(422, "Invalid").contains("provided port is already allocated"));
    assert_eq!(taken.json()["details"]["causes"][0]["field"], "spec.ports[0].nodePort");
    let outside = server.call("POST", SERVICES, &other(80)).await;
    assert!(outside.refused(422, "Invalid").contains("The range of valid ports is 30000-32767"));

    let replaced = server
        .call(
            "PUT",
            &format!("{SERVICES}/web"),
            &service(
                "web",
                json!({"type": "NodePort", "ports": [
            {"name": "a", "port": 8080}, {"name": "b", "port": 81}]}),
            ),
        )
        .await;
    let ports = replaced.json()["spec"]["ports"].clone();
    assert_eq!((&ports[0]["nodePort"], &ports[1]["nodePort"]), (&json!(30080), &json!(second)));
    let inside = merge(&server, "web", json!({"spec": {"type": "ClusterIP"}})).await;
    assert!(inside.json()["spec"]["ports"][0].get("nodePort").is_none(), "{}", inside.text);
    assert_eq!(server.call("POST", SERVICES, &other(30080)).await.code, 201);
}
