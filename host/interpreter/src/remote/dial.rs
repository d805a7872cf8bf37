//! Connections to webhooks: to a host as it is named, or to what a Service of the control plane stands for.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Of the control plane's Services what leads to a place, by namespace and name.
pub type Services = HashMap<(String, String), ServicePlace>;

/// Where a Service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServicePlace {
    /// Its cluster IP, and the ports there.
    Address { ip: String, ports: Vec<u16> },
    /// The name of a host elsewhere.
    ExternalName(String),
    /// It has no address of its own.
    Headless,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0} names no host")]
    NoHost(Uri),
    #[error("Service {namespace}/{name} has no port {port}")]
    NoPort { namespace: String, name: String, port: u16 },
    #[error("Service {namespace}/{name} has no address of its own: its cluster IP is None")]
    Headless { namespace: String, name: String },
    #[error("{host} is not found")]
    Lookup { host: String, source: io::Error },
    #[error("{address} does not take the connection: {source}")]
    Connect { address: String, source: io::Error },
}

/// Opens TCP connections for URLs.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) services: Option<Arc<ArcSwap<Services>>>,
}

impl Dialer {
    async fn connect(&self, uri: &Uri) -> Result<TcpStream, DialError> {
        let host = uri.host().ok_or_else(|| DialError::NoHost(uri.clone()))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(443);
        let host = match &self.services {
            Some(services) => resolve(&services.load(), host, port)?,
            None => host,
        };
        let addresses = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|source| DialError::Lookup { host: host.clone(), source })?;
        let none = io::Error::other("it has no address");
        let mut failure = DialError::Lookup { host: host.clone(), source: none };
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Small requests must not wait for more to come.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(source) => failure = DialError::Connect { address: address.to_string(), source },
            }
        }
        Err(failure)
    }
}

/// As Karmada does: a Service that is not known is left to the system's names.
fn resolve(services: &Services, host: String, port: u16) -> Result<String, DialError> {
    let mut parts = host.split('.');
    let (name, namespace) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (name, namespace) = (name.to_owned(), namespace.to_owned());
    match services.get(&(namespace.clone(), name.clone())) {
        None => Ok(host),
        Some(ServicePlace::ExternalName(elsewhere)) => Ok(elsewhere.clone()),
        Some(ServicePlace::Headless) => Err(DialError::Headless { namespace, name }),
        Some(ServicePlace::Address { ip, ports }) if ports.contains(&port) => Ok(ip.clone()),
        Some(ServicePlace::Address { .. }) => Err(DialError::NoPort { namespace, name, port }),
    }
}

impl tower::Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<TokioIo<TcpStream>, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.connect(&uri).await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_leads_where_it_says() {
        let place = |ip: &str| ServicePlace::Address { ip: ip.to_owned(), ports: vec![443] };
        let key = |name: &str| ("ns".to_owned(), name.to_owned());
        let services = Services::from([
            (key("a"), place("10.0.0.1")),
            (key("b"), ServicePlace::ExternalName("b.example.com".to_owned())),
            (key("c"), ServicePlace::Headless),
        ]);
        let found =
            |name: &str, port| resolve(&services, format!("{name}.ns.svc"), port).map_err(|e| e.to_string());
        assert_eq!(found("a", 443).unwrap(), "10.0.0.1");
        assert!(found("a", 80).unwrap_err().contains("ns/a has no port 80"));
        assert_eq!(found("b", 80).unwrap(), "b.example.com");
        assert!(found("c", 443).is_err());
        assert_eq!(found("d", 443).unwrap(), "d.ns.svc", "the system may know it");
    }
}
