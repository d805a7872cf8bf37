//! Where a cluster's estimator is, as Karmada finds it: by the name of a Service.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Api, Client};

use super::Options;

/// A Service doesn't say where an estimator is.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("Service {namespace}/{name} can't be read")]
    Read {
        namespace: String,
        name: String,
        #[source]
        source: kube::Error,
    },
    #[error(
        "Service {namespace}/{name} has no port {port}: give it one, or set --scheduler-estimator-port to one it has"
    )]
    NoPort { namespace: String, name: String, port: u16 },
    #[error(
        "Service {namespace}/{name} has a target port of {target:?} for port {port}: it has to be a number"
    )]
    TargetPort { namespace: String, name: String, port: u16, target: IntOrString },
}

/// The places at which a cluster's estimator may be, `host:port`, the likeliest first.
pub(super) async fn resolve(
    control_plane: &Client,
    options: &Options,
    cluster: &str,
) -> Result<Vec<String>, AddressError> {
    let name = format!("{}-{cluster}", options.service_prefix);
    let namespace = &options.service_namespace;
    let services: Api<Service> = Api::namespaced(control_plane.clone(), namespace);
    let service = services.get_opt(&name).await.map_err(|source| AddressError::Read {
        namespace: namespace.clone(),
        name: name.clone(),
        source,
    })?;
    places(service.as_ref(), namespace, &name, options.port)
}

fn places(
    service: Option<&Service>,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<Vec<String>, AddressError> {
    let spec = service.and_then(|service| service.spec.as_ref());
    let external = spec.filter(|spec| spec.type_.as_deref() == Some("ExternalName"));
    // The Service may be one of the cluster that the control plane runs in, which we can't look into. Its name is known
    // all the same. The second form is for clusters with a domain of their own.
    let Some(spec) = external else {
        let host = format!("{name}.{namespace}.svc");
        return Ok(vec![format!("{host}.cluster.local:{port}"), format!("{host}:{port}")]);
    };
    let own = || (namespace.to_owned(), name.to_owned());
    let wanted = i32::from(port);
    let found = spec.ports.iter().flatten().find(|listed| listed.port == wanted).ok_or_else(|| {
        let (namespace, name) = own();
        AddressError::NoPort { namespace, name, port }
    })?;
    let target = match &found.target_port {
        None | Some(IntOrString::Int(0)) => wanted,
        Some(IntOrString::Int(target)) => *target,
        Some(target) => {
            let (namespace, name) = own();
            return Err(AddressError::TargetPort { namespace, name, port, target: target.clone() });
        }
    };
    let host = spec.external_name.as_deref().unwrap_or_default();
    Ok(vec![if host.contains(':') { format!("[{host}]:{target}") } else { format!("{host}:{target}") }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(spec: Value) -> Result<Vec<String>, AddressError> {
        let service: Service = serde_json::from_value(json!({"spec": spec})).unwrap();
        places(Some(&service), "system", "estimator-m1", 10352)
    }

    #[test]
    fn an_external_name_is_taken_at_its_word() {
        let ports = json!([{"port": 1}, {"port": 10352, "targetPort": 7}]);
        let external = |host: &str| json!({"type": "ExternalName", "externalName": host, "ports": ports});
        assert_eq!(of(external("localhost")).unwrap(), ["localhost:7"]);
        assert_eq!(of(external("::1")).unwrap(), ["[::1]:7"]);
        let other = json!({"type": "ExternalName", "externalName": "a", "ports": [{"port": 1}]});
        assert!(of(other).unwrap_err().to_string().contains("system/estimator-m1 has no port 10352"));
        let named = json!({"type": "ExternalName", "externalName": "a", "ports": [{"port": 10352, "targetPort": "grpc"}]});
        assert!(of(named).is_err());
    }

    #[test]
    fn without_one_the_name_itself_is_tried() {
        let names = ["estimator-m1.system.svc.cluster.local:10352", "estimator-m1.system.svc:10352"];
        assert_eq!(places(None, "system", "estimator-m1", 10352).unwrap(), names);
        assert_eq!(of(json!({"type": "ClusterIP"})).unwrap(), names);
    }
}
