//! Where the control plane's Services lead.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use windlass_callout::Resolve;

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

/// A Service that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    #[error("Service {namespace}/{name} has no port {port}")]
    NoPort { namespace: String, name: String, port: u16 },
    #[error("Service {namespace}/{name} has no address of its own: its cluster IP is None")]
    Headless { namespace: String, name: String },
}

/// The Services as they are when a connection is made.
#[derive(Clone)]
pub(super) struct Present(pub(super) Arc<ArcSwap<Services>>);

impl Resolve for Present {
    type Error = ServiceError;

    fn resolve(&self, host: &str, port: u16) -> Result<Vec<(String, u16)>, ServiceError> {
        Ok(vec![(resolve(&self.0.load(), host, port)?, port)])
    }
}

/// As Karmada does: a Service that is not known is left to the system's names.
fn resolve(services: &Services, host: &str, port: u16) -> Result<String, ServiceError> {
    let mut parts = host.split('.');
    let (name, namespace) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (name, namespace) = (name.to_owned(), namespace.to_owned());
    match services.get(&(namespace.clone(), name.clone())) {
        None => Ok(host.to_owned()),
        Some(ServicePlace::ExternalName(elsewhere)) => Ok(elsewhere.clone()),
        Some(ServicePlace::Headless) => Err(ServiceError::Headless { namespace, name }),
        Some(ServicePlace::Address { ip, ports }) if ports.contains(&port) => Ok(ip.clone()),
        Some(ServicePlace::Address { .. }) => Err(ServiceError::NoPort { namespace, name, port }),
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
            |name: &str, port| resolve(&services, &format!("{name}.ns.svc"), port).map_err(|e| e.to_string());
        assert_eq!(found("a", 443).unwrap(), "10.0.0.1");
        assert!(found("a", 80).unwrap_err().contains("ns/a has no port 80"));
        assert_eq!(found("b", 80).unwrap(), "b.example.com");
        assert!(found("c", 443).is_err());
        assert_eq!(found("d", 443).unwrap(), "d.ns.svc", "the system may know it");
    }
}
