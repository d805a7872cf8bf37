//! A webhook that fails is an error with its name and the reason, soon enough, and nobody else's answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use windlass_core::{Ask, Blame, CallError, Interpreter};
use windlass_interpreter::Dispatcher;
use windlass_interpreter::remote::ServicePlace;

use crate::served::{asker, patient, serve, thing};

fn health(asker: &Dispatcher, name: &str) -> Result<bool, CallError> {
    asker.inspect(&thing(name), Ask::REFLECTION).health.unwrap().result
}

/// Answers every question by `respond`, which is given its UID.
async fn answering(respond: fn(String) -> Response) -> (crate::served::Served, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |body: Bytes| async move {
        count.fetch_add(1, Ordering::Relaxed);
        let question: Value = serde_json::from_slice(&body).unwrap();
        respond(question["request"]["uid"].as_str().unwrap().to_owned())
    };
    (serve(Router::new().route("/interpret", post(answer))).await, asked)
}

fn refusal(uid: &str, code: u16) -> Response {
    let status = json!({"message": "not this one", "code": code});
    axum::Json(json!({"response": {"uid": uid, "successful": false, "status": status}})).into_response()
}

fn patched(uid: &str, operations: &Value) -> Response {
    let patch = STANDARD.encode(operations.to_string());
    axum::Json(
        json!({"response": {"uid": uid, "successful": true, "patchType": "JSONPatch", "patch": patch}}),
    )
    .into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_at_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    // Connections are taken by the system, and never answered.
    let begun = Instant::now();
    let error = health(&patient(json!({"url": url}), 1), "t").unwrap_err();
    assert_eq!(error.blame, Blame::Deadline);
    assert!(error.to_string().contains("test/things.example.io"), "{error}");
    assert!(error.message.contains("no answer in 1 s"), "{error}");
    assert!((1..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    drop(listener);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_is_tried_again_and_then_given_a_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let asker = asker(json!({"url": url}));
    let revise = |replicas| asker.revise_replica(&thing("t"), replicas).unwrap().result.unwrap_err();
    for replicas in 0..3 {
        let error = revise(replicas);
        assert_eq!(error.blame, Blame::Unavailable);
        assert!(error.message.contains(&url), "{error}");
    }
    assert_eq!(taken.load(Ordering::Relaxed), 9, "each question was sent again twice");
    let error = revise(3);
    assert!(error.message.contains("after 3 failures in a row"), "{error}");
    assert_eq!(taken.load(Ordering::Relaxed), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let (served, asked) = answering(|_| "never".into_response()).await;
    let error = health(&asker(json!({"url": served.url})), "t").unwrap_err();
    assert_eq!(error.blame, Blame::Unavailable);
    assert!(error.message.contains("certificate"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let error = health(&asker(json!({"url": served.url, "caBundle": "bm9uc2Vuc2U="})), "t").unwrap_err();
    assert!(error.message.contains("caBundle"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_is_the_webhooks_fault() {
    let fault = async |respond: fn(String) -> Response| {
        let (served, _) = answering(respond).await;
        served.asker().revise_replica(&thing("t"), 2).unwrap().result.unwrap_err()
    };
    let error = fault(|_| "<html>".into_response()).await;
    assert_eq!(error.blame, Blame::BadAnswer);
    assert!(error.message.contains("ResourceInterpreterContext"), "{error}");
    let error =
        fault(|_| axum::Json(json!({"response": {"uid": "mine", "successful": true}})).into_response()).await;
    assert!(error.message.contains("response.uid"), "{error}");
    let error =
        fault(|uid| patched(&uid, &json!([{"op": "replace", "path": "/metadata/name", "value": "other"}])))
            .await;
    assert_eq!(error.blame, Blame::BadAnswer);
    assert!(error.message.contains("/metadata/name") && error.message.contains("outside"), "{error}");
    let error = fault(|_| (StatusCode::INTERNAL_SERVER_ERROR, "on fire").into_response()).await;
    assert_eq!(error.blame, Blame::Unavailable);
    assert!(error.message.contains("500") && error.message.contains("on fire"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_says_no_is_there_and_needs_no_rest() {
    let (served, asked) = answering(|uid| refusal(&uid, 500)).await;
    let asker = served.asker();
    for _ in 0..5 {
        let error = asker.revise_replica(&thing("t"), 2).unwrap().result.unwrap_err();
        assert_eq!(error.blame, Blame::Unavailable);
        assert!(error.message.contains("not this one (code 500)"), "{error}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5, "it may go well another time");
    let (served, asked) = answering(|uid| refusal(&uid, 422)).await;
    let asker = served.asker();
    for _ in 0..5 {
        let error = asker.revise_replica(&thing("t"), 2).unwrap().result.unwrap_err();
        assert_eq!(error.blame, Blame::Rejected { field: None });
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "what it refuses, it refuses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_is_asked_again_a_broken_one_is_not() {
    let (served, asked) = answering(|_| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    let error = served.asker().revise_replica(&thing("t"), 2).unwrap().result.unwrap_err();
    assert!(error.message.contains("503"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let (served, asked) = answering(|_| StatusCode::BAD_GATEWAY.into_response()).await;
    served.asker().revise_replica(&thing("t"), 2).unwrap().result.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_be_called_says_what_is_wrong_with_it() {
    let error = health(&asker(json!({"url": "http://127.0.0.1/"})), "t").unwrap_err();
    assert!(error.message.contains("clientConfig"), "{error}");
    let (served, _) = answering(|_| "never".into_response()).await;
    let error = health(&served.asker_by_service(|_| ServicePlace::Headless), "t").unwrap_err();
    assert_eq!(error.blame, Blame::Unavailable);
    assert!(error.message.contains("ns/hook has no address"), "{error}");
    let begun = Instant::now();
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = health(&asker(json!({"url": format!("https://{refused}/")})), "t").unwrap_err();
    assert!(error.message.contains("refused"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
