//! Where a webhook is: the clientConfig of admissionregistration and of apiextensions, which are the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use windlass_callout::Endpoint;

const PORT_DEFAULT: u16 = 443;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    url: Option<String>,
    service: Option<ServiceReference>,
    ca_bundle: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ServiceReference {
    namespace: String,
    name: String,
    path: Option<String>,
    port: Option<u16>,
}

/// How a webhook is reached.
///
/// # Errors
/// It names no place, or one that is no URL.
pub(super) fn read(client_config: &Value) -> Result<Endpoint, String> {
    let Written { url, service, ca_bundle } =
        Written::deserialize(client_config).map_err(|error| error.to_string())?;
    let authorities = match ca_bundle.as_deref() {
        None | Some("") => None,
        Some(text) => {
            let compact: String = text.split_whitespace().collect();
            Some(STANDARD.decode(compact).map_err(|error| format!("caBundle is not base64: {error}"))?)
        }
    };
    let (url, is_service) = match (url, service) {
        (Some(url), None) => (url, false),
        (None, Some(ServiceReference { namespace, name, path, port })) => {
            let path = path.unwrap_or_default();
            let path = path.strip_prefix('/').unwrap_or(&path);
            (format!("https://{name}.{namespace}.svc:{}/{path}", port.unwrap_or(PORT_DEFAULT)), true)
        }
        _ => return Err("webhook configuration must have either service or URL".to_owned()),
    };
    let uri: Uri = url.parse().map_err(|error| format!("Unparsable URL: {error}"))?;
    if uri.scheme_str() != Some("https") || uri.host().is_none() {
        return Err(format!("{url} is no https URL with a host"));
    }
    Ok(Endpoint { url, is_service, authorities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_is_named_as_inside_of_a_cluster() {
        let written =
            json!({"service": {"namespace": "ns", "name": "hook", "path": "/a/b"}, "caBundle": "YQ=="});
        let endpoint = read(&written).unwrap();
        assert_eq!(endpoint.url, "https://hook.ns.svc:443/a/b");
        assert_eq!((endpoint.is_service, endpoint.authorities), (true, Some(b"a".to_vec())));
        let written = json!({"url": "https://127.0.0.1:8443/x"});
        let endpoint = read(&written).unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.is_service), ("https://127.0.0.1:8443/x", false));
        for wrong in [json!({}), json!({"url": "http://a/b"}), json!({"url": "https://a", "caBundle": "%"})] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
