//! Connections to webhooks: to a host as it is named, or to what a Service stands for.

use std::error::Error;
use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const PORT_DEFAULT: u16 = 443;

/// Finds Services.
pub trait Resolve: Clone + Send + Sync + 'static {
    type Error: Error + Send + Sync + 'static;

    /// The hosts and ports at which a Service's port may be reached, in the order in which they are tried.
    ///
    /// # Errors
    /// The Service is not there, or leads nowhere.
    fn resolve(&self, host: &str, port: u16) -> Result<Vec<(String, u16)>, Self::Error>;
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum DialError<E: Error + 'static> {
    #[error("{0} names no host")]
    NoHost(Uri),
    #[error(transparent)]
    Service(E),
    #[error("{host} is not found")]
    Lookup { host: String, source: io::Error },
    #[error("{address} does not take the connection: {source}")]
    Connect { address: String, source: io::Error },
}

/// Opens TCP connections for URLs.
#[derive(Clone)]
pub(crate) struct Dialer<R> {
    /// `None`: hosts stand for themselves.
    pub(crate) services: Option<R>,
}

impl<R: Resolve> Dialer<R> {
    async fn connect(&self, uri: &Uri) -> Result<TcpStream, DialError<R::Error>> {
        let host = uri.host().ok_or_else(|| DialError::NoHost(uri.clone()))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(PORT_DEFAULT);
        let places = match &self.services {
            Some(services) => services.resolve(host, port).map_err(DialError::Service)?,
            None => vec![(host.to_owned(), port)],
        };
        let mut failure = None;
        for (host, port) in places {
            match dial(&host, port).await {
                Ok(stream) => {
                    // Small requests must not wait for more to come.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| DialError::NoHost(uri.clone())))
    }
}

async fn dial<E: Error + 'static>(host: &str, port: u16) -> Result<TcpStream, DialError<E>> {
    let lookup = |source| DialError::Lookup { host: host.to_owned(), source };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(lookup)?;
    let mut failure = lookup(io::Error::other("no such host"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(source) => failure = DialError::Connect { address: address.to_string(), source },
        }
    }
    Err(failure)
}

impl<R: Resolve> tower::Service<Uri> for Dialer<R> {
    type Response = TokioIo<TcpStream>;
    type Error = DialError<R::Error>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.connect(&uri).await.map(TokioIo::new) })
    }
}
