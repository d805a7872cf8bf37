//! What single built-in kinds do beside being stored.

use serde_json::{Value, json};

use crate::fixture::{Fixture, request, server};

const ACCOUNT: &str = "/api/v1/namespaces/default/serviceaccounts/robot";

async fn robot() -> Fixture {
    let server = server().await;
    let made = server
        .call("POST", "/api/v1/namespaces/default/serviceaccounts", &json!({"metadata": {"name": "robot"}}))
        .await;
    assert_eq!(made.code, 201, "{}", made.text);
    server
}

async fn review(server: &Fixture, spec: Value) -> Value {
    let answer =
        server.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", &json!({ "spec": spec })).await;
    assert_eq!(answer.code, 201, "{}", answer.text);
    answer.json()["status"].take()
}

#[tokio::test]
async fn a_service_accounts_token_is_good_while_the_account_is_there() {
    let server = robot().await;
    let path = format!("{ACCOUNT}/token");
    let issued = server.call("POST", &path, &json!({"spec": {"expirationSeconds": 600}})).await;
    assert_eq!(issued.code, 201, "{}", issued.text);
    let issued = issued.json();
    assert_eq!(
        (&issued["kind"], &issued["spec"]["expirationSeconds"]),
        (&json!("TokenRequest"), &json!(600))
    );
    let token = issued["status"]["token"].clone();
    let known = review(&server, json!({ "token": token })).await;
    assert_eq!(known["authenticated"], true, "{known}");
    assert_eq!(known["user"]["username"], "system:serviceaccount:default:robot");
    assert_eq!(
        known["user"]["groups"],
        json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"])
    );
    assert_eq!(known["user"]["uid"], server.get(ACCOUNT).await.json()["metadata"]["uid"]);
    let elsewhere = review(&server, json!({"token": token, "audiences": ["elsewhere"]})).await;
    assert_eq!(elsewhere["authenticated"], false);

    let short = server.call("POST", &path, &json!({"spec": {"expirationSeconds": 5}})).await;
    assert!(short.refused(422, "Invalid").contains("may not specify a duration less than 10 minutes"));
    let secret = json!({"spec": {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s"}}});
    server.call("POST", &path, &secret).await.refused(404, "NotFound");
    server.call("POST", "/api/v1/namespaces/default/secrets", &json!({"metadata": {"name": "s"}})).await;
    let bound = server.call("POST", &path, &secret).await.json()["status"]["token"].clone();
    assert_eq!(review(&server, json!({ "token": bound })).await["authenticated"], true);
    server.call("DELETE", "/api/v1/namespaces/default/secrets/s", &json!({})).await;
    assert_eq!(review(&server, json!({ "token": bound })).await["authenticated"], false);

    server.call("DELETE", ACCOUNT, &json!({})).await;
    assert_eq!(review(&server, json!({ "token": token })).await["authenticated"], false);
    server.call("POST", &path, &json!({})).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_request_for_a_certificate_names_who_made_it_and_is_approved_apart() {
    const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let server = server().await;
    let pem = "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n";
    let request_of = |pem: &str| {
        use base64::Engine;
        json!({"metadata": {"name": "r"}, "spec": {"request": base64::engine::general_purpose::STANDARD.encode(pem),
            "signerName": "example.com/signer", "usages": ["client auth"], "username": "somebody else"}})
    };
    let wrong = server.call("POST", REQUESTS, &request_of("nonsense")).await;
    assert!(wrong.refused(422, "Invalid").contains("spec.request"), "{}", wrong.text);
    let made = server.call("POST", REQUESTS, &request_of(pem)).await;
    assert_eq!(made.code, 201, "{}", made.text);
    assert_eq!(made.json()["spec"]["username"], "system:admin");
    let patch = json!({"spec": {"username": "x"}, "status": {"certificate": "MA==",
        "conditions": [{"type": "Approved", "status": "True", "reason": "r", "message": "m"}]}});
    let approved = server
        .send(
            request("PATCH", &format!("{REQUESTS}/r/approval"))
                .header("content-type", "application/merge-patch+json"),
            patch.to_string(),
        )
        .await;
    assert_eq!(approved.code, 200, "{}", approved.text);
    let seen = server.get(&format!("{REQUESTS}/r")).await.json();
    assert_eq!(seen["status"]["conditions"][0]["type"], "Approved");
    assert!(seen["status"].get("certificate").is_none());
    assert_eq!(seen["spec"]["username"], "system:admin");
}

#[tokio::test]
async fn a_binding_goes_to_the_pod_or_to_the_collection() {
    const PODS: &str = "/api/v1/namespaces/default/pods";
    let server = server().await;
    let binding = |name: &str| json!({"metadata": {"name": name}, "target": {"kind": "Node", "name": "n"}});
    for (name, path) in
        [("a", format!("{PODS}/a/binding")), ("b", "/api/v1/namespaces/default/bindings".to_owned())]
    {
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        assert_eq!(server.call("POST", PODS, &pod).await.code, 201);
        let bound = server.call("POST", &path, &binding(name)).await;
        assert_eq!(bound.code, 201, "{}", bound.text);
        assert_eq!(server.get(&format!("{PODS}/{name}")).await.json()["spec"]["nodeName"], "n");
    }
    let mut changed = server.get(&format!("{PODS}/a")).await.json();
    changed["spec"]["nodeName"] = json!("elsewhere");
    changed["spec"]["ephemeralContainers"] = json!([{"name": "d", "image": "i"}]);
    let debugged = server.call("PUT", &format!("{PODS}/a/ephemeralcontainers"), &changed).await;
    assert_eq!(debugged.code, 200, "{}", debugged.text);
    assert_eq!(debugged.json()["spec"]["ephemeralContainers"][0]["name"], "d");
    assert_eq!(debugged.json()["spec"]["nodeName"], "n");
}

#[tokio::test]
async fn discovery_and_documents_know_reviews_and_subresources() {
    let server = server().await;
    let core = server.get("/api/v1").await.json();
    let found = |name: &str| {
        core["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|resource| resource["name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(found("serviceaccounts/token")["kind"], "TokenRequest");
    assert_eq!(found("serviceaccounts/token")["group"], "authentication.k8s.io");
    assert_eq!(found("bindings")["verbs"], json!(["create"]));
    let reviews = server.get("/apis/authorization.k8s.io/v1").await.json();
    assert_eq!(reviews["resources"].as_array().unwrap().len(), 4);
    let document = server.get("/openapi/v3/apis/authorization.k8s.io/v1").await.json();
    let review = &document["paths"]["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"];
    assert!(review["post"].is_object() && review.get("get").is_none());
    assert!(
        document["components"]["schemas"]["io.k8s.api.authorization.v1.SelfSubjectAccessReview"].is_object()
    );
    let document = server.get("/openapi/v3/api/v1").await.json();
    assert!(document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"].is_object());
}
