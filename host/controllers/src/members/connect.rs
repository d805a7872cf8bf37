//! From a Cluster and its Secret to a client.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use windlass_api::cluster::{ClusterSpec, LocalSecretReference};

/// Why there is no client for a member.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("spec.apiEndpoint is empty: the member can't be reached without one")]
    NoEndpoint,
    #[error("spec.secretRef is missing: the member can't be reached without credentials")]
    NoSecretReference,
    #[error("Secret {namespace}/{name} (spec.secretRef) can't be read")]
    Secret {
        namespace: String,
        name: String,
        #[source]
        source: kube::Error,
    },
    #[error("Secret {namespace}/{name} (spec.secretRef) has no {key}")]
    NoKey { namespace: String, name: String, key: &'static str },
    #[error("the endpoint or the credentials can't be used")]
    Config(#[from] kube::config::KubeconfigError),
    #[error("spec and Secret don't make a configuration")]
    Shape(#[from] serde_json::Error),
    #[error("no client can be made of the configuration")]
    Client(#[source] kube::Error),
}

/// All that a client is made of; another one makes another client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Access(Value);

/// Reads what a client for the member takes.
pub(super) async fn access(control_plane: &Client, spec: &ClusterSpec) -> Result<Access, ConnectError> {
    if spec.api_endpoint.is_empty() {
        return Err(ConnectError::NoEndpoint);
    }
    let reference = spec.secret_ref.as_ref().ok_or(ConnectError::NoSecretReference)?;
    let LocalSecretReference { namespace, name } = reference.clone();
    let secrets: Api<Secret> = Api::namespaced(control_plane.clone(), &namespace);
    let secret = secrets.get(&name).await.map_err(|source| ConnectError::Secret {
        namespace: namespace.clone(),
        name: name.clone(),
        source,
    })?;
    access_of(spec, &secret.data.unwrap_or_default(), &reference.clone())
}

fn access_of(
    spec: &ClusterSpec,
    data: &std::collections::BTreeMap<String, ByteString>,
    reference: &LocalSecretReference,
) -> Result<Access, ConnectError> {
    let missing = |key| {
        let LocalSecretReference { namespace, name } = reference.clone();
        ConnectError::NoKey { namespace, name, key }
    };
    let token = data.get("token").ok_or_else(|| missing("token"))?;
    let token = String::from_utf8_lossy(&token.0).trim().to_owned();
    let mut cluster = json!({"server": spec.api_endpoint});
    if spec.insecure_skip_tls_verification {
        cluster["insecure-skip-tls-verify"] = json!(true);
    } else if let Some(bundle) = data.get("caBundle") {
        cluster["certificate-authority-data"] = serde_json::to_value(bundle)?;
    }
    if !spec.proxy_url.is_empty() {
        cluster["proxy-url"] = json!(spec.proxy_url);
    }
    Ok(Access(json!({"apiVersion": "v1", "kind": "Config", "current-context": "member",
        "clusters": [{"name": "member", "cluster": cluster}],
        "users": [{"name": "member", "user": {"token": token}}],
        "contexts": [{"name": "member", "context": {"cluster": "member", "user": "member"}}]})))
}

/// Makes the client.
pub(super) async fn client(access: &Access, connect_timeout: Duration) -> Result<Client, ConnectError> {
    let kubeconfig: Kubeconfig = serde_json::from_value(access.0.clone())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(connect_timeout);
    Client::try_from(config).map_err(ConnectError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_the_bundle_and_the_proxy_are_used() {
        let mut spec = ClusterSpec { api_endpoint: "https://m1:6443".to_owned(), ..ClusterSpec::default() };
        spec.proxy_url = "http://proxy:3128".to_owned();
        let reference =
            LocalSecretReference { namespace: "karmada-cluster".to_owned(), name: "m1".to_owned() };
        let mut data = std::collections::BTreeMap::new();
        let error = access_of(&spec, &data, &reference).unwrap_err();
        assert!(error.to_string().contains("karmada-cluster/m1"), "{error}");
        data.insert("token".to_owned(), ByteString(b"secret\n".to_vec()));
        data.insert("caBundle".to_owned(), ByteString(b"pem".to_vec()));
        let Access(access) = access_of(&spec, &data, &reference).unwrap();
        assert_eq!(access["users"][0]["user"]["token"], "secret");
        let cluster = &access["clusters"][0]["cluster"];
        assert_eq!(cluster["certificate-authority-data"], "cGVt");
        assert_eq!(cluster["proxy-url"], "http://proxy:3128");
        spec.insecure_skip_tls_verification = true;
        let Access(access) = access_of(&spec, &data, &reference).unwrap();
        let cluster = &access["clusters"][0]["cluster"];
        assert_eq!(cluster["insecure-skip-tls-verify"], true);
        assert_eq!(cluster.get("certificate-authority-data"), None);
    }
}
