//! Where the Services of this server lead.
//!
//! There is no network of services here. A Service is reached by its ready endpoints' addresses, by its ExternalName,
//! or by its cluster IP, in this order.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use windlass_callout::Resolve;

use crate::catalogue::store_name;
use crate::objects::field;
use crate::store::{Key, Store};

/// A Service that leads nowhere; worded as kube-apiserver's resolver does.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::enum_variant_names, reason = "each says what there is none of")]
pub(crate) enum ServiceError {
    #[error("services {0:?} not found")]
    NoService(String),
    #[error("no service port {port} found for service {service:?}")]
    NoPort { service: String, port: u16 },
    #[error("no endpoints available for service {0:?}")]
    NoEndpoints(String),
}

/// The Services that are stored when a connection is made.
#[derive(Clone)]
pub(crate) struct Stored(pub(crate) Arc<Store>);

impl Resolve for Stored {
    type Error = ServiceError;

    fn resolve(&self, host: &str, port: u16) -> Result<Vec<(String, u16)>, ServiceError> {
        let mut names = host.split('.');
        let (name, namespace) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        resolve(&self.0, namespace, name, port)
    }
}

/// The addresses at which a Service's port may be reached.
fn resolve(
    store: &Store,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<Vec<(String, u16)>, ServiceError> {
    let read = |group: &str, plural: &str| {
        let key = Key::new(store_name(group, plural), namespace, name);
        store.get(&key).map(|stored| field::parse(&stored))
    };
    let service = read("", "services").ok_or_else(|| ServiceError::NoService(name.to_owned()))?;
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
        .ok_or_else(|| ServiceError::NoPort { service: name.to_owned(), port })?;
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
    if places.is_empty() { Err(ServiceError::NoEndpoints(name.to_owned())) } else { Ok(places) }
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
