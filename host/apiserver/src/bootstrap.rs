//! What every server holds from its first start on: the namespaces, the role and the service that clients take for
//! granted, and the addresses that services get.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{ServiceCIDR, ServiceCIDRSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Client;
use kube::api::{Api, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::OpenError;
use crate::services::{FIRST_ADDRESS, RANGE, RANGES_NAME};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
const SERVER: &str = "kubernetes";
/// Where kube-apiserver listens by default. Nothing here routes to it.
const SERVER_PORT: i32 = 6443;

/// Creates what is not there yet.
pub(crate) async fn install(client: &Client) -> Result<(), OpenError> {
    for name in NAMESPACES {
        let namespace = Namespace { metadata: named(name), ..Namespace::default() };
        create(&Api::all(client.clone()), "namespace", name, &namespace).await?;
    }
    create(&Api::all(client.clone()), "cluster role", "cluster-admin", &administrator()).await?;
    let ranges = ServiceCIDR {
        metadata: named(RANGES_NAME),
        spec: Some(ServiceCIDRSpec { cidrs: Some(vec![RANGE.to_owned()]) }),
        status: None,
    };
    create(&Api::all(client.clone()), "service CIDR", RANGES_NAME, &ranges).await?;
    match create(&Api::default_namespaced(client.clone()), "service", SERVER, &server()).await {
        // Its address went to somebody else while it was deleted. Nothing depends on it.
        Err(OpenError::Bootstrap { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 422) =>
        {
            tracing::warn!(
                error = &*source as &dyn std::error::Error,
                "the service \"kubernetes\" was not created"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

fn administrator() -> ClusterRole {
    let everything = || Some(vec!["*".to_owned()]);
    let all = PolicyRule {
        api_groups: everything(),
        resources: everything(),
        verbs: vec!["*".to_owned()],
        ..PolicyRule::default()
    };
    let paths =
        PolicyRule { non_resource_urls: everything(), verbs: vec!["*".to_owned()], ..PolicyRule::default() };
    let mut metadata = named("cluster-admin");
    metadata.labels = labels(&[("kubernetes.io/bootstrapping", "rbac-defaults")]);
    ClusterRole { metadata, rules: Some(vec![all, paths]), ..ClusterRole::default() }
}

fn server() -> Service {
    let mut metadata = named(SERVER);
    metadata.labels = labels(&[("component", "apiserver"), ("provider", "kubernetes")]);
    let port = ServicePort {
        name: Some("https".to_owned()),
        port: 443,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::Int(SERVER_PORT)),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        cluster_ip: Some(FIRST_ADDRESS.to_owned()),
        ports: Some(vec![port]),
        ..ServiceSpec::default()
    };
    Service { metadata, spec: Some(spec), status: None }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn labels(labels: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

async fn create<K>(api: &Api<K>, kind: &str, name: &str, object: &K) -> Result<(), OpenError>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    match api.get_metadata_opt(name).await {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => {}
        Err(source) => return Err(OpenError::bootstrap(kind, name, source)),
    }
    match api.create(&PostParams::default(), object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(source) => Err(OpenError::bootstrap(kind, name, source)),
    }
}
