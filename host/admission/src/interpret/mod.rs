//! The interpreters as a webhook that Karmada asks: `POST /interpret` takes a ResourceInterpreterContext.
//!
//! Whatever is asked, the answer is one of the protocol: what a plugin rejects or fails at is an unsuccessful response
//! with a code and a message that names the plugin, the object and the field. Only a request that can't be answered to
//! (no UID, too large, too many at once) is refused by HTTP, with a Kubernetes `Status`.

mod answer;
mod configuration;
mod metrics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Semaphore;
use windlass_core::Interpreter;

pub use configuration::{OPERATIONS, document, rules};
pub use metrics::Metrics;

/// The path that is asked.
pub const PATH: &str = "/interpret";

/// What bounds the server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Questions that are read or answered at once; each may take a thread.
    pub in_flight: usize,
    /// How long one waits for its turn.
    pub queueing: Duration,
    /// How long its body may take to arrive.
    pub reading: Duration,
    /// Room for the object, the observed one, and the statuses of many clusters.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight: 64,
            queueing: Duration::from_secs(5),
            reading: Duration::from_secs(10),
            body_bytes: 16 << 20,
        }
    }
}

#[derive(Clone)]
struct Served {
    interpreter: Arc<dyn Interpreter>,
    limits: Limits,
    turns: Arc<Semaphore>,
    metrics: Metrics,
}

/// `/interpret`, answered by `interpreter`.
pub fn routes(interpreter: Arc<dyn Interpreter>, limits: Limits, metrics: Metrics) -> Router {
    let turns = Arc::new(Semaphore::new(limits.in_flight));
    Router::new().route(PATH, post(interpret)).with_state(Served { interpreter, limits, turns, metrics })
}

/// A request that is refused by HTTP.
struct Refusal {
    code: StatusCode,
    message: String,
}

async fn interpret(State(served): State<Served>, headers: HeaderMap, body: Body) -> Response {
    let begun = Instant::now();
    let in_flight = served.metrics.begin();
    let metrics = served.metrics.clone();
    let answered = answered(served, &headers, body, begun).await;
    drop(in_flight);
    match answered {
        Ok(response) => response,
        Err(refusal) => {
            tracing::warn!(code = refusal.code.as_u16(), message = refusal.message, "question refused");
            metrics.answered(None, refusal.code.as_u16().into(), begun.elapsed());
            refusal.into_response()
        }
    }
}

async fn answered(
    served: Served,
    headers: &HeaderMap,
    body: Body,
    begun: Instant,
) -> Result<Response, Refusal> {
    let Served { interpreter, limits, turns, metrics } = served;
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content.split(';').next().map(str::trim) != Some("application/json") {
        let message = format!("the content type is {content:?}, want application/json");
        return Err(Refusal { code: StatusCode::UNSUPPORTED_MEDIA_TYPE, message });
    }
    let Ok(Ok(turn)) = tokio::time::timeout(limits.queueing, turns.acquire_owned()).await else {
        let message = format!("{} questions are being answered: ask again in a moment", limits.in_flight);
        return Err(Refusal { code: StatusCode::TOO_MANY_REQUESTS, message });
    };
    let body = read(body, &limits).await?;
    // A plugin computes until its deadline, and must not hold up other connections meanwhile. The turn ends when it
    // does, even if the client has gone.
    let answering = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        answer::answer(interpreter.as_ref(), &body)
    });
    let reply = match answering.await {
        Ok(reply) => reply,
        Err(_) => {
            let message = "answering failed unexpectedly; the server's log says more".to_owned();
            return Err(Refusal { code: StatusCode::INTERNAL_SERVER_ERROR, message });
        }
    };
    let reply =
        reply.map_err(|error| Refusal { code: StatusCode::BAD_REQUEST, message: error.to_string() })?;
    metrics.answered(reply.operation, reply.code, begun.elapsed());
    if let Some(status) = reply.context.response.as_ref().and_then(|response| response.status.as_ref()) {
        tracing::info!(code = status.code, message = status.message, "question not answered");
    }
    Ok(Json(reply.context).into_response())
}

async fn read(body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(limits.reading, axum::body::to_bytes(body, limits.body_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let message =
                format!("the body can't be read: {error}; it may have {} MiB", limits.body_bytes >> 20);
            Err(Refusal { code: StatusCode::PAYLOAD_TOO_LARGE, message })
        }
        Err(_) => {
            let message = format!("the body did not arrive in {} s", limits.reading.as_secs());
            Err(Refusal { code: StatusCode::REQUEST_TIMEOUT, message })
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal { code, message } = self;
        let reason = code.canonical_reason().unwrap_or_default().replace(' ', "");
        let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code.as_u16()});
        let mut response = (code, Json(status)).into_response();
        if code == StatusCode::TOO_MANY_REQUESTS {
            // Go's clients wait that long, and ask again.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
