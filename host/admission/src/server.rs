//! Webhooks over TLS, and the routes that every server has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass_listen::{Listener, Stream};

/// Clients that don't send a request, or not the whole of its head, are let go.
const HEAD: Duration = Duration::from_secs(60);
/// Connections at once; an API server or a control plane shares a few for all its requests.
const CONNECTIONS_MAX: usize = 1024;
/// After this what is under way at the end is given up: a webhook's timeout is 30 seconds at most.
const DRAIN: Duration = Duration::from_secs(30);

/// The TLS side of a server that shows what `certificate` chooses.
///
/// # Errors
/// The versions of TLS that are built in can't be served.
pub fn tls_config(certificate: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// `/healthz`, `/livez`, and `/readyz`, which fails once `shutdown` is under way, so that nobody sends more.
pub fn health(shutdown: &CancellationToken) -> Router {
    let shutdown = shutdown.clone();
    let ready = move || async move {
        if shutdown.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, "shutting down")
        } else {
            (StatusCode::OK, "ok")
        }
    };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
}

/// Serves `router` on `listener` until `shutdown`; then what is under way is answered.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    shutdown: CancellationToken,
) {
    let listener = Listener { tcp: listener, tls: Some(tls), connections_max: CONNECTIONS_MAX, drain: DRAIN };
    let end = shutdown.clone();
    let connection = move |stream| connection(stream, router.clone(), end.clone());
    listener.serve(connection, shutdown).await;
}

async fn connection(stream: Stream, router: Router, shutdown: CancellationToken) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "the connection failed");
    }
}

/// `/metrics`, in Prometheus' text format.
pub fn metrics(registry: Arc<Registry>) -> Router {
    const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let show = move || async move {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &registry) {
            Ok(()) => ([(CONTENT_TYPE, FORMAT)], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    Router::new().route("/metrics", get(show))
}
