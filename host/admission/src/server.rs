//! The chain as HTTPS webhooks, for a real kube-apiserver: `/mutate` and `/validate` take an AdmissionReview each.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use windlass_core::{AdmissionRequest, CallError, Verdict};

use crate::chain::Chain;
use crate::review;

/// Room for the object and the old object, of 3 MiB at most each, and what is around them.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Clients that don't finish their handshake are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections at once; kube-apiserver shares a few for all its requests.
const CONNECTIONS_MAX: usize = 1024;
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Why a certificate can't be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate is not PEM with at least one certificate")]
    Certificate,
    #[error("the key is not PEM with a private key")]
    Key(#[source] rustls::pki_types::pem::Error),
    #[error("certificate and key don't serve together")]
    Config(#[from] rustls::Error),
}

/// The TLS side of the server, from a PEM certificate chain and its key.
///
/// # Errors
/// Either isn't what it has to be, or they don't belong together.
pub fn tls_config(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate_pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves the chain on `listener` until `shutdown`; then what is under way is answered.
pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, chain: Chain, shutdown: CancellationToken) {
    let acceptor = TlsAcceptor::from(tls);
    let router = router(chain);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
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
    // All slots are free once every connection has ended.
    let _ = slots.acquire_many(CONNECTIONS_MAX as u32 - 1).await;
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, shutdown: CancellationToken) {
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => return tracing::debug!("the TLS handshake took too long"),
    };
    let builder = auto::Builder::new(TokioExecutor::new());
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

fn router(chain: Chain) -> Router {
    Router::new()
        .route("/mutate", post(|chain, body| review(chain, body, Chain::mutate)))
        .route("/validate", post(|chain, body| review(chain, body, |chain, asked| Ok(chain.validate(asked)))))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ok" }))
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
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    (code, text).into_response()
}
