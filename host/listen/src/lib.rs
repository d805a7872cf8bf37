//! The network side of every server: who is let in, how many at once, and an end that lets requests finish.
//!
//! What is spoken on a connection does not belong here.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Clients that don't finish their handshake are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long accepting rests after it failed: out of file descriptors, as a rule, which passes when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection: without TLS, or with it and past its handshake.
pub type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// A socket that others connect to.
pub struct Listener {
    /// The socket.
    pub tcp: TcpListener,
    /// `None`: without TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Each holds buffers; beyond this many, new ones wait to be accepted.
    pub connections_max: usize,
    /// How long what is under way at the end gets to finish.
    pub drain: Duration,
}

impl Listener {
    /// Has `connection` speak with each client until `shutdown`, and returns when all have ended or it is time. Whoever
    /// speaks is to come to an end by itself after `shutdown`.
    pub async fn serve<F>(
        self,
        connection: impl Fn(Stream) -> F + Clone + Send + 'static,
        shutdown: CancellationToken,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Listener { tcp, tls, connections_max, drain } = self;
        let acceptor = tls.map(TlsAcceptor::from);
        let places = Arc::new(Semaphore::new(connections_max));
        let connections = TaskTracker::new();
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, tcp.accept().await)
            };
            let Some((place, accepted)) = shutdown.run_until_cancelled(accepted).await else { break };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (acceptor, connection) = (acceptor.clone(), connection.clone());
            connections.spawn(async move {
                if let Some(stream) = shake_hands(stream, acceptor).await {
                    connection(stream).await;
                }
                drop(place);
            });
        }
        drop(tcp);
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!(open = connections.len(), "connections were cut off at the end");
        }
    }
}

/// `None`: it is not worth going on.
async fn shake_hands(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<Stream> {
    // Small answers must not wait for more to come.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return Some(Either::Left(stream)) };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Either::Right(stream)),
        Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => tracing::debug!("the TLS handshake took too long"),
    }
    None
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_is_one_too_many_waits_and_what_is_under_way_at_the_end_finishes() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = tcp.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let echo = |mut stream: Stream| async move {
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.expect("the client reads");
            }
        };
        let listener = Listener { tcp, tls: None, connections_max: 1, drain: Duration::from_secs(60) };
        let serving = tokio::spawn(listener.serve(echo, shutdown.clone()));
        let mut answer = [0];
        let mut first = TcpStream::connect(address).await.expect("it listens");
        let mut second = TcpStream::connect(address).await.expect("the system lets it wait");
        second.write_all(b"2").await.expect("the system takes it");
        for letter in *b"ab" {
            first.write_all(&[letter]).await.expect("it is served");
            first.read_exact(&mut answer).await.expect("it is answered");
            assert_eq!(answer, [letter]);
        }
        drop(first);
        second.read_exact(&mut answer).await.expect("its turn has come");
        assert_eq!(answer, *b"2");
        shutdown.cancel();
        second.write_all(b"3").await.expect("it is still served");
        second.read_exact(&mut answer).await.expect("it is still answered");
        assert_eq!(answer, *b"3");
        drop(second);
        serving.await.expect("it ends when the last client has gone");
    }
}
