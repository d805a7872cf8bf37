//! Webhooks over TLS: the loop that accepts connections, and the routes that every server has.

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Clients that don't finish their handshake are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So are those that don't send a request, or not the whole of its head.
const HEAD: Duration = Duration::from_secs(60);
/// Connections at once; an API server or a control plane shares a few for all its requests.
const CONNECTIONS_MAX: usize = 1024;
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
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
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let Some((Ok(slot), stream)) = shutdown.run_until_cancelled(accepted).await else { break };
        let stream = match stream {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: it passes when connections end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (acceptor, router, shutdown) = (acceptor.clone(), router.clone(), shutdown.clone());
        tokio::spawn(async move {
            connection(stream, acceptor, router, shutdown).await;
            drop(slot);
        });
    }
    drop(listener);
    // All slots are free once every connection has ended.
    let ended = tokio::time::timeout(DRAIN, slots.acquire_many(CONNECTIONS_MAX as u32)).await;
    if ended.is_err() {
        tracing::warn!("requests were still under way at the end");
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, shutdown: CancellationToken) {
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => return tracing::debug!("the TLS handshake took too long"),
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut serving => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "the connection failed");
                }
                return;
            }
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
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
