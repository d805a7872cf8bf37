//! Whether the estimator lives, and whether it knows its member.

use axum::Router;
use axum::routing::get;
use http::StatusCode;

/// `/healthz` as long as it lives, `/readyz` when it knows its member.
pub(super) fn routes(is_ready: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
    let ready = move || {
        let answer = if is_ready() {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the member's nodes, pods and quotas have not been read yet")
        };
        async move { answer }
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}
