//! Serving the network: TLS, HTTP/1.1 and HTTP/2, and an end that lets requests finish.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass_listen::{Listener, Stream};

use crate::identity::User;
use crate::service::Endpoint;
use crate::state::State;
use crate::tls::Identity;

/// Each holds buffers; beyond this many, new ones wait to be accepted.
const CONNECTIONS_MAX: usize = 4096;
/// As kube-apiserver bounds them.
const STREAMS_MAX: u32 = 250;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(30);
/// How long requests that are under way get to finish.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until `shutdown` or the end of the server, then lets the requests under way finish.
pub(crate) async fn serve(
    state: &Arc<State>,
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    shutdown: CancellationToken,
) {
    let end = shutdown.child_token();
    let listener =
        Listener { tcp: listener, tls: Some(tls), connections_max: CONNECTIONS_MAX, drain: DRAIN_TIMEOUT };
    let (served, ends) = (Arc::clone(state), end.clone());
    let serving =
        listener.serve(move |stream| connection(Arc::clone(&served), stream, ends.clone()), end.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => {}
        () = state.stopping.cancelled() => {
            end.cancel();
            serving.await;
        }
    }
}

async fn connection(state: Arc<State>, stream: Stream, end: CancellationToken) {
    let certified = certified(&stream);
    let service = TowerToHyperService::new(Endpoint::new(&state, certified));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE_PERIOD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(server = %state.name, %error, "a connection ended");
    }
}

/// Who the client's certificate says it is.
fn certified(stream: &Stream) -> Option<User> {
    let Stream::Right(stream) = stream else { return None };
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    certificate.and_then(Identity::of_certificate).map(User::from)
}
