//! The loop that accepts connections: HTTP/2, with TLS or without.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::grpc::GrpcService;
use super::service::Member;

/// Clients that don't finish their handshake are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Clients that are silent are asked whether they are there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Connections at once; a scheduler has one.
const CONNECTIONS_MAX: usize = 256;
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// After this what is under way at the end is given up.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown`; then what is under way is answered.
pub async fn serve<M: Member>(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    service: GrpcService<M>,
    shutdown: CancellationToken,
) {
    let acceptor = tls.map(TlsAcceptor::from);
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
        let (acceptor, service, shutdown) = (acceptor.clone(), service.clone(), shutdown.clone());
        tokio::spawn(async move {
            connection(stream, acceptor, service, shutdown).await;
            drop(slot);
        });
    }
    drop(listener);
    // All slots are free once every connection has ended.
    if tokio::time::timeout(DRAIN, slots.acquire_many(CONNECTIONS_MAX as u32)).await.is_err() {
        tracing::warn!("requests were still under way at the end");
    }
}

async fn connection<M: Member>(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    service: GrpcService<M>,
    shutdown: CancellationToken,
) {
    // Answers are small, and wait for nothing.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return requests(stream, service, shutdown).await };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, service, shutdown).await,
        Ok(Err(error)) => tracing::warn!(%error, "the TLS handshake failed"),
        Err(_) => tracing::debug!("the TLS handshake took too long"),
    }
}

async fn requests<M: Member>(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    service: GrpcService<M>,
    shutdown: CancellationToken,
) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
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
