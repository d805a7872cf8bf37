//! The chain as webhooks of a real kube-apiserver: `/mutate` and `/validate` take an AdmissionReview each.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use windlass_api::errors::in_one_line;
use windlass_core::{AdmissionRequest, CallError, Verdict};

use crate::chain::Chain;
use crate::review;

/// Room for the object and the old object, of 3 MiB at most each, and what is around them.
const BODY_BYTES_MAX: usize = 8 << 20;

/// `/mutate` and `/validate`.
pub fn routes(chain: Chain) -> Router {
    Router::new()
        .route("/mutate", post(|chain, body| review(chain, body, Chain::mutate)))
        .route("/validate", post(|chain, body| review(chain, body, Chain::validate)))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(chain)
}

async fn review(
    State(chain): State<Chain>,
    body: Bytes,
    decide: fn(&Chain, &AdmissionRequest) -> Result<Verdict, CallError>,
) -> Response {
    // Hooks are quick but not async; one that takes its whole deadline mustn't hold up other connections.
    let decided = tokio::task::spawn_blocking(move || {
        let (uid, asked) = match review::read(&body) {
            Ok(read) => read,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &error),
        };
        match decide(&chain, &asked) {
            Ok(verdict) => Json(review::answer(&uid, &asked, &verdict)).into_response(),
            // Not an answer, so that the webhook configuration's failurePolicy decides.
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error),
        }
    });
    decided.await.unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, &error))
}

/// The error and what it comes from, as plain text.
fn refusal(code: StatusCode, error: &dyn std::error::Error) -> Response {
    (code, in_one_line(error)).into_response()
}
