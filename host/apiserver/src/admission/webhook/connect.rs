//! Connections to webhooks: to a host as it is named, or to what a Service of this server stands for.
//!
//! There is no network of services here. A Service is reached by its ready endpoints' addresses, by its ExternalName,
//! or by its cluster IP, in this order.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::catalogue::store_name;
use crate::objects::field;
use crate::store::{Key, Store};

/// Why no connection was made; worded as Go's dialer and the service resolver do.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("services {0:?} not found")]
    NoService(String),
    #[error("no service port {port} found for service {service:?}")]
    NoPort { service: String, port: u16 },
    #[error("no endpoints available for service {0:?}")]
    NoEndpoints(String),
    #[error("{0} names no host")]
    NoHost(Uri),
    #[error("dial tcp: lookup {host}: {source}")]
    Lookup { host: String, source: io::Error },
    #[error("dial tcp {address}: connect: {}", plain(source))]
    Connect { address: String, source: io::Error },
}

/// A system's error without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

/// Opens TCP connections for URLs.
#[derive(Clone)]
pub(super) struct Dialer {
    services: Option<Arc<Store>>,
}

impl Dialer {
    pub(super) fn to_hosts() -> Dialer {
        Dialer { services: None }
    }

    pub(super) fn to_services(store: Arc<Store>) -> Dialer {
        Dialer { services: Some(store) }
    }

    async fn connect(&self, uri: &Uri) -> Result<TcpStream, DialError> {
        let host = uri.host().ok_or_else(|| DialError::NoHost(uri.clone()))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(443);
        let places = match &self.services {
            None => vec![(host.to_owned(), port)],
            Some(store) => {
                let mut names = host.split('.');
                let (name, namespace) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
                resolve(store, namespace, name, port)?
            }
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

async fn dial(host: &str, port: u16) -> Result<TcpStream, DialError> {
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

/// The addresses at which a Service's port may be reached.
fn resolve(store: &Store, namespace: &str, name: &str, port: u16) -> Result<Vec<(String, u16)>, DialError> {
    let read = |group: &str, plural: &str| {
        let key = Key::new(store_name(group, plural), namespace, name);
        store.get(&key).map(|stored| field::parse(&stored))
    };
    let service = read("", "services").ok_or_else(|| DialError::NoService(name.to_owned()))?;
    let spec = &service["spec"];
    if spec["type"] == "ExternalName" {
        let host = spec["externalName"].as_str().unwrap_or_default();
        return Ok(vec![(host.to_owned(), port)]);
    }
    let ports = spec["ports"].as_array();
    let wanted = ports
        .into_iter()
        .flatten()
        .find(|written| written["port"] == port)
        .ok_or_else(|| DialError::NoPort { service: name.to_owned(), port })?;
    let port_name = wanted["name"].as_str().unwrap_or_default();
    let mut places = Vec::new();
    if let Some(endpoints) = read("", "endpoints") {
        for subset in endpoints["subsets"].as_array().into_iter().flatten() {
            let target = target(&subset["ports"], port_name);
            places
                .extend(texts(&subset["addresses"], "/ip").into_iter().filter_map(|ip| Some((ip, target?))));
        }
    }
    for slice in
        store.snapshot(&store_name("discovery.k8s.io", "endpointslices")).range(Some(namespace), None)
    {
        if slice.label("kubernetes.io/service-name") != Some(name) {
            continue;
        }
        let slice = field::parse(slice);
        let target = target(&slice["ports"], port_name);
        let ready = slice["endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)));
        let addresses = ready.filter_map(|endpoint| endpoint.pointer("/addresses/0")?.as_str());
        places.extend(addresses.filter_map(|ip| Some((ip.to_owned(), target?))));
    }
    if places.is_empty() {
        let cluster_ip = spec["clusterIP"].as_str().filter(|ip| ip.parse::<IpAddr>().is_ok());
        places.extend(cluster_ip.map(|ip| (ip.to_owned(), port)));
    }
    if places.is_empty() { Err(DialError::NoEndpoints(name.to_owned())) } else { Ok(places) }
}

/// The number of the port of this name; a single port needs no name.
fn target(ports: &Value, name: &str) -> Option<u16> {
    let ports = ports.as_array()?;
    let named = ports.iter().find(|port| port["name"].as_str().unwrap_or_default() == name);
    named?["port"].as_u64().and_then(|port| u16::try_from(port).ok())
}

fn texts(list: &Value, pointer: &str) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}
