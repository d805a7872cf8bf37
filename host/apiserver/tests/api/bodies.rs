use serde_json::json;

use crate::fixture::{CONFIG_MAPS, DEPLOYMENTS, deployment, request, server};

#[tokio::test]
async fn malformed_and_oversized_bodies_are_refused_by_what_is_wrong() {
    let server = server().await;
    let post = |media: &str| request("POST", CONFIG_MAPS).header("content-type", media);
    let message = server.send(post("application/json"), "nonsense").await.refused(400, "BadRequest");
    assert!(
        message.contains("must be of type ConfigMap") && message.contains("6e6f6e73656e7365"),
        "{message}"
    );
    server.send(post("application/json"), "[1]").await.refused(400, "BadRequest");
    server.send(post("application/json"), "").await.refused(400, "BadRequest");
    server.send(post("application/yaml"), "a: [").await.refused(400, "BadRequest");
    server.send(post("text/plain"), "{}").await.refused(415, "UnsupportedMediaType");
    let large = json!({"metadata": {"name": "a"}, "data": {"x": "y".repeat(3 << 20)}});
    server.call("POST", CONFIG_MAPS, &large).await.refused(413, "RequestEntityTooLarge");
    let typed = json!({"metadata": {"name": "a"}, "data": {"x": 7}});
    let message = server.call("POST", CONFIG_MAPS, &typed).await.refused(400, "BadRequest");
    assert!(message.contains("data.x"), "{message}");
}

#[tokio::test]
async fn yaml_is_taken_like_json() {
    let server = server().await;
    let post = request("POST", CONFIG_MAPS).header("content-type", "application/yaml");
    let made = server.send(post, "metadata:\n  name: a\ndata:\n  x: \"1\"\n").await;
    assert_eq!((made.code, &made.json()["data"]["x"]), (201, &json!("1")));
}

#[tokio::test]
async fn unknown_and_repeated_fields_are_warned_of_refused_or_ignored() {
    let server = server().await;
    let mut object = deployment("web");
    object["spec"]["nonsense"] = json!(1);
    let post = |query: &str, text: String| {
        let server = &server;
        let ask =
            request("POST", &format!("{DEPLOYMENTS}{query}")).header("content-type", "application/json");
        async move { server.send(ask, text).await }
    };
    let strict = post("?fieldValidation=Strict", object.to_string()).await.refused(400, "BadRequest");
    assert!(strict.contains(r#"strict decoding error: unknown field "spec.nonsense""#), "{strict}");
    let ignored = post("?fieldValidation=Ignore&dryRun=All", object.to_string()).await;
    assert!(ignored.warnings.is_empty());
    let warned = post("", object.to_string()).await;
    assert_eq!(
        (warned.code, warned.warnings.as_slice()),
        (201, [r#"299 - "unknown field \"spec.nonsense\"""#.to_owned()].as_slice())
    );
    assert!(warned.json()["spec"]["nonsense"].is_null());
    let twice = deployment("two").to_string().replace(r#""replicas":1"#, r#""replicas":1,"replicas":2"#);
    assert_eq!(post("", twice).await.warnings, [r#"299 - "duplicate field \"spec.replicas\"""#]);
    post("?fieldValidation=Some", "{}".into()).await.refused(422, "Invalid");
}
