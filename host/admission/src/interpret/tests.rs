//! What the server refuses by HTTP, before there is anybody to answer to.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Frame;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::testing::{Things, context};
use super::{Limits, Metrics, PATH, routes};

fn server(limits: Limits) -> (Router, Registry) {
    let mut registry = Registry::default();
    let metrics = Metrics::registered(&mut registry);
    (routes(Arc::new(Things), limits, metrics), registry)
}

fn small() -> Limits {
    let soon = Duration::from_millis(50);
    Limits { in_flight: 1, queueing: soon, reading: soon, body_bytes: 4096 }
}

async fn post(server: &Router, content: &str, body: Body) -> Response<Body> {
    let request = Request::post(PATH).header(CONTENT_TYPE, content).body(body).unwrap();
    server.clone().oneshot(request).await.unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

fn question() -> Body {
    Body::from(context("InterpretHealth", json!({})))
}

/// A body that begins, and never ends.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn what_cannot_be_answered_to_is_refused_with_a_status() {
    let (server, _) = server(small());
    let large = context("InterpretHealth", json!({"object": {"data": "x".repeat(5000)}}));
    for (content, body, code, want) in [
        ("text/plain", question(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json"),
        ("application/json", Body::from("{"), StatusCode::BAD_REQUEST, "ResourceInterpreterContext"),
        ("application/json", Body::from(large), StatusCode::PAYLOAD_TOO_LARGE, "MiB"),
        ("application/json", Body::new(Endless), StatusCode::REQUEST_TIMEOUT, "did not arrive"),
    ] {
        let response = post(&server, content, body).await;
        assert_eq!(response.status(), code);
        let status = json_of(response).await;
        assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code.as_u16())));
        assert!(status["message"].as_str().unwrap().contains(want), "{status}");
    }
    let answer = json_of(post(&server, "application/json; charset=utf-8", question()).await).await;
    assert_eq!(answer["response"]["healthy"], true, "none of them is in the way");
}

#[tokio::test]
async fn one_question_too_many_is_told_to_come_back() {
    let (server, registry) = server(Limits { reading: Duration::from_secs(5), ..small() });
    let slow = tokio::spawn({
        let server = server.clone();
        async move { post(&server, "application/json", Body::new(Endless)).await }
    });
    // Its turn is taken once the slow one is polled, which the wait for a turn leaves time for.
    tokio::task::yield_now().await;
    let response = post(&server, "application/json", question()).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    let response = post(&server, "application/json", question()).await;
    assert_eq!(response.status(), StatusCode::OK, "the turn of one who has gone is free");

    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("requests_in_flight 0"), "{text}");
    assert!(text.contains(r#"requests_total{operation="none",code="429"} 1"#), "{text}");
}
