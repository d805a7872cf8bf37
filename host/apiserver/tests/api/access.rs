use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};

use crate::fixture::{CONFIG_MAPS, Fixture, request, server};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

async fn allow_reading(server: &Fixture, user: &str) {
    let role = json!({"metadata": {"name": "reader"}, "rules": [
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"]}]});
    let binding = json!({"metadata": {"name": "reader"}, "subjects": [{"kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}});
    for (plural, object) in [("roles", role), ("rolebindings", binding)] {
        let made = server.call("POST", &format!("{RBAC}/{plural}"), &object).await;
        assert_eq!(made.code, 201, "{}", made.text);
    }
}

#[tokio::test]
async fn a_user_may_do_what_a_role_says_and_no_more() {
    let server = server().await;
    let api: Api<ConfigMap> = Api::default_namespaced(server.server.client_as("ann", []));
    let error = api.list(&ListParams::default()).await.unwrap_err().to_string();
    assert!(
        error.contains(
            r#"User "ann" cannot list resource "configmaps" in API group "" in the namespace "default""#
        ),
        "{error}"
    );
    allow_reading(&server, "ann").await;
    api.list(&ListParams::default()).await.unwrap();
    assert!(api.create(&PostParams::default(), &crate::fixture::config_map("a", &[])).await.is_err());
    let all: Api<ConfigMap> = Api::all(server.server.client_as("ann", []));
    assert!(all.list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn what_another_part_answers_is_for_those_who_may_ask_it() {
    let server = server().await;
    let unknown = server.get("/scheduler/queue").await;
    assert_eq!(unknown.code, 404, "{}", unknown.text);
    server.server.serve_below(
        "/scheduler",
        Box::new(|method, path, body| (200, json!({"asked": format!("{method} {path} {}", body.len())}))),
    );
    let answer = server.call("POST", "/scheduler/dry-run", &json!({})).await;
    assert_eq!((answer.code, &answer.json()["asked"]), (200, &json!("POST dry-run 2")));
    assert_eq!(server.get("/schedulers").await.code, 404);

    let ann = server.server.client_as("ann", []);
    let ask = || request("GET", "/scheduler/queue").body(kube::client::Body::empty()).unwrap();
    assert_eq!(ann.send(ask()).await.unwrap().status(), 403);
    let role = json!({"metadata": {"name": "asks"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/scheduler/*"]}]});
    let binding = json!({"metadata": {"name": "asks"}, "subjects": [{"kind": "User", "name": "ann"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "asks"}});
    for (plural, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{plural}");
        let made = server.call("POST", &path, &object).await;
        assert_eq!(made.code, 201, "{}", made.text);
    }
    assert_eq!(ann.send(ask()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn reviews_answer_by_the_same_rules() {
    let server = server().await;
    allow_reading(&server, "ann").await;
    let ann = server.server.client_as("ann", ["staff".to_owned()]);
    let review = |path: &str, spec: Value| {
        let ask = request("POST", path).header("content-type", "application/json");
        let body = kube::client::Body::from(json!({"spec": spec}).to_string().into_bytes());
        let (ann, ask) = (ann.clone(), ask.body(body).unwrap());
        async move {
            let body = ann.send(ask).await.unwrap().into_body().collect_bytes().await.unwrap();
            serde_json::from_slice::<Value>(&body).unwrap()["status"].clone()
        }
    };
    let access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, allowed) in [("get", true), ("delete", false)] {
        let asked =
            json!({"resourceAttributes": {"verb": verb, "resource": "configmaps", "namespace": "default"}});
        assert_eq!(review(access, asked).await["allowed"], allowed);
    }
    let me = review("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await;
    assert_eq!((&me["userInfo"]["username"], &me["userInfo"]["groups"][0]), (&json!("ann"), &json!("staff")));
    let rules =
        review("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json!({"namespace": "default"}))
            .await;
    assert_eq!(rules["resourceRules"][0]["resources"], json!(["configmaps"]));
    let others = server
        .call(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            &json!({"spec": {"user": "ann", "resourceAttributes": {"verb": "list", "resource": "configmaps", "namespace": "default"}}}),
        )
        .await;
    assert_eq!(others.json()["status"]["allowed"], true);
}

#[tokio::test]
async fn a_master_may_be_taken_for_somebody_else() {
    let server = server().await;
    let ask = request("GET", CONFIG_MAPS).header("impersonate-user", "ann");
    server.send(ask, "").await.refused(403, "Forbidden");
}
