//! Ingresses, and services imported from other clusters.

use windlass_sdk::json::{Entries, Json, Text, parse_at};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes, Dependent, Members, Rejection};

use crate::loadbalancer::{self, BalancedStatus};

windlass_sdk::shape! {
    pub(crate) struct Ingress<'a> {
        metadata: Metadata<'a>,
        spec: IngressSpec<'a>,
        status: Json<'a>,
    }

    struct IngressSpec<'a> {
        tls: Vec<Tls<'a>>,
    }

    struct Tls<'a> {
        secret_name: Text<'a>,
    }

    pub(crate) struct ServiceImport<'a> {
        metadata: Metadata<'a>,
    }
}

impl Ingress<'_> {
    /// The Secrets with its certificates.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let secret = |(index, tls): (usize, &Tls<'_>)| {
            if tls.secret_name.is_empty() {
                return Err(Rejection::new(format!("spec.tls[{index}].secretName"), "must name a Secret"));
            }
            Ok(Dependent {
                api_version: "v1",
                kind: "Secret",
                namespace: self.metadata.namespace.to_string(),
                name: tls.secret_name.to_string(),
                ..Dependent::default()
            })
        };
        self.spec.tls.iter().enumerate().map(secret).collect()
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        let status: Option<BalancedStatus<'_>> = parse_at("status", self.status.text())?;
        Ok(status.is_some_and(|status| status.has_address()))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        loadbalancer::aggregate(members)
    }
}

impl ServiceImport<'_> {
    /// The Service that stands for the imported one, and where its endpoints are.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let name = format!("derived-{}", self.metadata.name);
        let namespace = self.metadata.namespace.to_string();
        Ok(vec![
            Dependent {
                api_version: "v1",
                kind: "Service",
                namespace: namespace.clone(),
                name: name.clone(),
                ..Dependent::default()
            },
            Dependent {
                api_version: "discovery.k8s.io/v1",
                kind: "EndpointSlice",
                namespace,
                match_labels: Entries(vec![("kubernetes.io/service-name".into(), name)]),
                ..Dependent::default()
            },
        ])
    }
}
