//! Requests that are wrong: each gets the code and the Status that Kubernetes gives, and the server goes on.

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::raw::{get, send};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const POLICIES: &str = "/apis/policy.karmada.io/v1alpha1/namespaces/default/propagationpolicies";

async fn control_plane() -> (ControlPlane, kube::Client) {
    let control_plane = ControlPlane::start("members: []", &[]).await;
    let client = control_plane.client().await;
    (control_plane, client)
}

fn config_map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": "value"}})
}

fn policy(spec: serde_json::Value) -> String {
    json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "wrong"}, "spec": spec})
    .to_string()
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let (_control_plane, client) = control_plane().await;
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for (content_type, body) in [
        (JSON, "{\"apiVersion\": \"v1\",".to_owned()),
        (JSON, String::new()),
        (JSON, "null".to_owned()),
        (JSON, "[1, 2]".to_owned()),
        (JSON, deep),
        (YAML, "apiVersion: v1\n  kind: [".to_owned()),
        (YAML, "\t- a: b".to_owned()),
        (YAML, "just text".to_owned()),
    ] {
        let shown: String = body.chars().take(40).collect();
        for (method, path) in [("POST", CONFIG_MAPS), ("PUT", "/api/v1/namespaces/default/configmaps/a")] {
            let answer = send(&client, method, path, content_type, body.clone()).await;
            assert_eq!(answer.code, 400, "{method} {content_type} {shown}: {}", answer.text);
            answer.refused(400, "BadRequest");
        }
    }
    send(&client, "POST", CONFIG_MAPS, JSON, b"{\"apiVersion\": \"\xff\xfe\"}".to_vec())
        .await
        .refused(400, "BadRequest");
    assert_eq!(send(&client, "POST", CONFIG_MAPS, JSON, config_map("good").to_string()).await.code, 201);
}

#[tokio::test]
async fn size_type_and_version_are_checked() {
    let (_control_plane, client) = control_plane().await;
    let mut large = config_map("large");
    large["data"]["key"] = "x".repeat(3 * 1024 * 1024).into();
    send(&client, "POST", CONFIG_MAPS, JSON, large.to_string()).await.refused(413, "RequestEntityTooLarge");

    let body = config_map("a").to_string();
    for content_type in ["text/plain", "application/xml"] {
        send(&client, "POST", CONFIG_MAPS, content_type, body.clone())
            .await
            .refused(415, "UnsupportedMediaType");
    }
    let created = send(&client, "POST", CONFIG_MAPS, JSON, body.clone()).await;
    assert_eq!(created.code, 201, "{}", created.text);
    send(&client, "POST", CONFIG_MAPS, JSON, body.clone()).await.refused(409, "AlreadyExists");
    let path = format!("{CONFIG_MAPS}/a");
    send(&client, "PATCH", &path, JSON, "{}").await.refused(415, "UnsupportedMediaType");

    let mut first = created.json();
    first["data"]["key"] = "second".into();
    assert_eq!(send(&client, "PUT", &path, JSON, first.to_string()).await.code, 200);
    first["data"]["key"] = "third".into();
    let message = send(&client, "PUT", &path, JSON, first.to_string()).await.refused(409, "Conflict");
    assert!(message.contains("the object has been modified"), "{message}");
    first["metadata"]["resourceVersion"] = "nonsense".into();
    let answer = send(&client, "PUT", &path, JSON, first.to_string()).await;
    assert!(matches!(answer.code, 400 | 422), "{}", answer.text);
    assert_eq!(get(&client, &path).await.json()["data"]["key"], "second");
}

#[tokio::test]
async fn selectors_and_tokens_are_checked() {
    let (_control_plane, client) = control_plane().await;
    for query in [
        "labelSelector=a%20in%20(",
        "labelSelector=a%3D%3D%3Db",
        "labelSelector=%2F%2F",
        "fieldSelector=spec.nonsense%3D1",
        "fieldSelector=nonsense",
        "limit=many",
        "continue=nonsense",
        "continue=bm9uc2Vuc2U",
        "resourceVersionMatch=Exact",
    ] {
        for watch in ["", "&watch=true"] {
            // A continue token means nothing to a watch.
            if !watch.is_empty() && query.starts_with("continue") {
                continue;
            }
            let answer = get(&client, &format!("{CONFIG_MAPS}?{query}{watch}")).await;
            assert!(matches!(answer.code, 400 | 422), "{query}{watch}: {} {}", answer.code, answer.text);
            assert_eq!(answer.json()["kind"], "Status", "{query}");
        }
    }
    assert_eq!(get(&client, &format!("{CONFIG_MAPS}?labelSelector=a%20in%20(b,c),!d")).await.code, 200);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (_control_plane, client) = control_plane().await;
    for path in [
        "/api/v1/namespaces/default/nonsense",
        "/apis/nowhere.example.io/v1/things",
        "/apis/apps/v7/deployments",
        "/nonsense",
    ] {
        let answer = get(&client, path).await;
        assert_eq!(answer.code, 404, "{path}: {}", answer.text);
    }
    let message = get(&client, &format!("{CONFIG_MAPS}/nobody")).await.refused(404, "NotFound");
    assert_eq!(message, "configmaps \"nobody\" not found");
    let in_no_namespace = "/api/v1/namespaces/nowhere/configmaps";
    send(&client, "POST", in_no_namespace, JSON, config_map("a").to_string()).await.refused(404, "NotFound");
    let other_kind = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}).to_string();
    send(&client, "POST", CONFIG_MAPS, JSON, other_kind).await.refused(400, "BadRequest");
    let other_name =
        send(&client, "PUT", &format!("{CONFIG_MAPS}/a"), JSON, config_map("b").to_string()).await;
    other_name.refused(400, "BadRequest");
    let other_verb =
        send(&client, "POST", &format!("{CONFIG_MAPS}/a"), JSON, config_map("a").to_string()).await;
    other_verb.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn fields_are_checked_as_strictly_as_asked() {
    let (_control_plane, client) = control_plane().await;
    let selectors = json!([{"apiVersion": "v1", "kind": "ConfigMap"}]);
    let unknown = policy(json!({"resourceSelectors": selectors, "placment": {}}));
    let mut config_map = config_map("fields");
    config_map["dta"] = json!({});
    let config_map = config_map.to_string();
    for (path, body, field) in [(POLICIES, unknown, "spec.placment"), (CONFIG_MAPS, config_map, "dta")] {
        let strict =
            send(&client, "POST", &format!("{path}?fieldValidation=Strict"), JSON, body.clone()).await;
        let message = strict.refused(400, "BadRequest");
        assert!(message.contains("strict decoding error") && message.contains(field), "{message}");
        let warn =
            send(&client, "POST", &format!("{path}?fieldValidation=Warn&dryRun=All"), JSON, body.clone())
                .await;
        assert_eq!(warn.code, 201, "{}", warn.text);
        assert!(warn.warnings.iter().any(|warning| warning.contains(field)), "{:?}", warn.warnings);
        let ignore =
            send(&client, "POST", &format!("{path}?fieldValidation=Ignore&dryRun=All"), JSON, body.clone())
                .await;
        assert_eq!((ignore.code, ignore.warnings.len()), (201, 0), "{}", ignore.text);
        let other = send(&client, "POST", &format!("{path}?fieldValidation=Sometimes"), JSON, body).await;
        assert!(matches!(other.code, 400 | 422), "{}", other.text);
    }
    for (spec, path) in [
        (json!({"resourceSelectors": "all"}), "spec.resourceSelectors"),
        (json!({"resourceSelectors": []}), "spec.resourceSelectors"),
        (json!({}), "spec.resourceSelectors"),
        (json!({"resourceSelectors": selectors, "conflictResolution": "Fight"}), "spec.conflictResolution"),
        (
            json!({"resourceSelectors": selectors, "placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 3, "maxGroups": 1}]}}),
            "spec.placement.spreadConstraints",
        ),
    ] {
        let refused = send(&client, "POST", POLICIES, JSON, policy(spec)).await.refused(422, "Invalid");
        assert!(refused.contains(path), "{refused}");
    }
    let named =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not_A_Name"}}).to_string();
    let message = send(&client, "POST", CONFIG_MAPS, JSON, named).await.refused(422, "Invalid");
    assert!(message.contains("metadata.name"), "{message}");
}

#[tokio::test]
async fn patches_that_make_no_sense_are_refused() {
    let (_control_plane, client) = control_plane().await;
    send(&client, "POST", CONFIG_MAPS, JSON, config_map("a").to_string()).await;
    let path = format!("{CONFIG_MAPS}/a");
    for (kind, body) in [
        ("application/json-patch+json", "{}"),
        ("application/json-patch+json", "[{\"op\": \"dance\", \"path\": \"/data\"}]"),
        (
            "application/json-patch+json",
            "[{\"op\": \"test\", \"path\": \"/data/key\", \"value\": \"other\"}]",
        ),
        ("application/json-patch+json", "[{\"op\": \"remove\", \"path\": \"/data/nothing\"}]"),
        ("application/merge-patch+json", "[]"),
        ("application/merge-patch+json", "{\"data\": "),
        ("application/merge-patch+json", "{\"data\": 7}"),
        ("application/strategic-merge-patch+json", "{\"data\": {\"$patch\": \"dance\"}}"),
        ("application/apply-patch+yaml", "{}"),
    ] {
        let query = if kind.contains("apply") { "?fieldManager=test" } else { "" };
        let answer = send(&client, "PATCH", &format!("{path}{query}"), kind, body).await;
        assert!(matches!(answer.code, 400 | 422), "{kind} {body}: {} {}", answer.code, answer.text);
        assert_eq!(answer.json()["kind"], "Status");
    }
    assert_eq!(get(&client, &path).await.json()["data"], json!({"key": "value"}));
}
