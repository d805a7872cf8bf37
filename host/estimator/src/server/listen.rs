//! The connections: HTTP/2, with TLS or without.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass_listen::{Listener, Stream};

use super::grpc::GrpcService;
use super::service::Member;

/// Clients that are silent are asked whether they are there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Connections at once; a scheduler has one.
const CONNECTIONS_MAX: usize = 256;
/// After this what is under way at the end is given up.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown`; then what is under way is answered.
pub async fn serve<M: Member>(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    service: GrpcService<M>,
    shutdown: CancellationToken,
) {
    let listener = Listener { tcp: listener, tls, connections_max: CONNECTIONS_MAX, drain: DRAIN };
    let end = shutdown.clone();
    let connection = move |stream| connection(stream, service.clone(), end.clone());
    listener.serve(connection, shutdown).await;
}

async fn connection<M: Member>(stream: Stream, service: GrpcService<M>, shutdown: CancellationToken) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
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
