//! Bodies in protobuf, as Go's typed clients send them.

use serde_json::json;

use crate::fixture::{
    Answer, CONFIG_MAPS, DEFINITIONS, DEPLOYMENTS, Fixture, WIDGETS, request, server, widget,
    widget_definition,
};

const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// A length-delimited field; the tests need none of 128 bytes.
fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    assert!(content.len() < 0x80);
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn object(api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version), field(2, kind)].concat();
    [b"k8s\0", &*field(1, type_meta), &*field(2, message)].concat()
}

fn config_map(value: &str) -> Vec<u8> {
    let entry = [field(1, "key"), field(2, value)].concat();
    object("v1", "ConfigMap", &[field(1, field(1, "settings")), field(2, entry)].concat())
}

impl Fixture {
    async fn send_protobuf(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let ask = request(method, path)
            .header("content-type", MEDIA_TYPE)
            .header("accept", format!("{MEDIA_TYPE},application/json"));
        self.send(ask, body).await
    }
}

#[tokio::test]
async fn an_object_in_protobuf_is_created_updated_and_answered_in_json() {
    let server = server().await;
    let made = server.send_protobuf("POST", CONFIG_MAPS, config_map("a")).await;
    assert_eq!((made.code, &made.json()["data"]), (201, &json!({"key": "a"})));
    assert_eq!(made.headers["content-type"], "application/json");
    let path = format!("{CONFIG_MAPS}/settings");
    let put = server.send_protobuf("PUT", &path, config_map("b")).await;
    assert_eq!((put.code, &put.json()["data"]), (200, &json!({"key": "b"})));
    let strict = format!("{path}?fieldValidation=Strict");
    assert_eq!(server.send_protobuf("PUT", &strict, config_map("c")).await.code, 200);
}

#[tokio::test]
async fn a_review_in_protobuf_is_answered() {
    let server = server().await;
    let attributes = [field(2, "get"), field(5, "pods")].concat();
    let review =
        object("authorization.k8s.io/v1", "SelfSubjectAccessReview", &field(2, field(1, attributes)));
    let answer =
        server.send_protobuf("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).await;
    assert_eq!((answer.code, &answer.json()["status"]["allowed"]), (201, &json!(true)));
    assert_eq!(answer.json()["spec"]["resourceAttributes"], json!({"verb": "get", "resource": "pods"}));
}

#[tokio::test]
async fn custom_resources_have_no_protobuf_but_options_do() {
    let server = server().await;
    assert_eq!(server.call("POST", DEFINITIONS, &widget_definition()).await.code, 201);
    assert_eq!(server.call("POST", WIDGETS, &widget("a", 1)).await.code, 201);
    let posted = server.send_protobuf("POST", WIDGETS, object("example.com/v1", "Widget", b"")).await;
    let message = posted.refused(415, "UnsupportedMediaType");
    assert!(message.contains("Widget of example.com/v1 has no protobuf form"), "{message}");
    assert!(message.ends_with("accepted media types include: application/json, application/yaml"));
    let path = format!("{WIDGETS}/a");
    let options = |uid: &str| object("v1", "DeleteOptions", &field(2, field(1, uid)));
    server.send_protobuf("DELETE", &path, options("other")).await.refused(409, "Conflict");
    let uid = server.get(&path).await.json()["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(server.send_protobuf("DELETE", &path, options(&uid)).await.code, 200);
}

#[tokio::test]
async fn what_is_no_object_of_the_kind_is_refused() {
    let server = server().await;
    let message =
        server.send_protobuf("POST", CONFIG_MAPS, b"nonsense".to_vec()).await.refused(400, "BadRequest");
    assert!(message.contains("must be of type ConfigMap") && message.contains("protobuf"), "{message}");
    let broken = object("v1", "ConfigMap", &[0x0a, 0x09]);
    let message = server.send_protobuf("POST", CONFIG_MAPS, broken).await.refused(400, "BadRequest");
    assert!(message.contains("io.k8s.api.core.v1.ConfigMap"), "{message}");
    assert!(message.contains("the bytes end in the middle of a field"), "{message}");
    let other = server.send_protobuf("POST", DEPLOYMENTS, config_map("a")).await;
    other.refused(400, "BadRequest");
}
