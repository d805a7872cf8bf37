//! Where the webhook server is reached, and by which certificate it is known there.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use rustls::server::ResolvesServerCert;
use windlass_admission::certificates::CertificateFiles;
use windlass_admission::interpret;
use windlass_apiserver::tls::CertificateAuthority;

use super::args::ServiceName;

/// How the control plane reaches the server.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Without a path.
    Url(String),
    Service(ServiceName),
}

/// Whose certificate is shown.
#[derive(Clone, Debug)]
pub(crate) enum Certificate {
    Files {
        certificate: PathBuf,
        key: PathBuf,
        bundle: Option<PathBuf>,
    },
    /// Of an authority kept in this folder.
    Own(PathBuf),
}

/// What the server shows, and whom its clients have to trust for that.
pub(crate) struct Identity {
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    /// PEM; `None`: those whom everybody trusts.
    pub(crate) authorities: Option<String>,
}

impl Place {
    /// As the flags say; without them, by the address that is listened on.
    pub(crate) fn of(
        url: Option<String>,
        service: Option<ServiceName>,
        bind: IpAddr,
        port: u16,
    ) -> anyhow::Result<Place> {
        let url = match (url, service) {
            (_, Some(service)) => return Ok(Place::Service(service)),
            (Some(url), None) => url.trim_end_matches('/').to_owned(),
            (None, None) if bind.is_unspecified() => {
                bail!("no control plane reaches it by {bind}: name its place, with --url or --service")
            }
            (None, None) => format!("https://{}", std::net::SocketAddr::new(bind, port)),
        };
        let uri: http::Uri = url.parse().with_context(|| format!("--url {url:?} is no URL"))?;
        if uri.scheme_str() != Some("https") || uri.host().is_none() || uri.query().is_some() {
            bail!("--url {url:?} is not of the form https://HOST[:PORT]");
        }
        Ok(Place::Url(url))
    }

    /// Under which names a certificate has to be valid for it.
    fn names(&self) -> Vec<String> {
        match self {
            Place::Url(url) => {
                let uri = url.parse::<http::Uri>().ok();
                let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
                vec![host.trim_matches(['[', ']']).to_owned()]
            }
            Place::Service(ServiceName { namespace, name, port: _ }) => {
                let inside = format!("{name}.{namespace}.svc");
                vec![format!("{inside}.cluster.local"), inside]
            }
        }
    }

    /// As it stands in a webhook configuration.
    pub(crate) fn client_config(&self, authorities: Option<&str>) -> WebhookClientConfig {
        let ca_bundle = authorities.map(|pem| ByteString(pem.as_bytes().to_vec()));
        match self {
            Place::Url(url) => WebhookClientConfig {
                ca_bundle,
                url: Some(format!("{url}{}", interpret::PATH)),
                service: None,
            },
            Place::Service(ServiceName { namespace, name, port }) => WebhookClientConfig {
                ca_bundle,
                url: None,
                service: Some(ServiceReference {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    path: Some(interpret::PATH.to_owned()),
                    port: port.map(i32::from),
                }),
            },
        }
    }
}

impl Certificate {
    /// Opens the files, or the authority, which makes a certificate for `place` and this machine.
    pub(crate) fn open(&self, place: Option<&Place>) -> anyhow::Result<Identity> {
        match self {
            Certificate::Files { certificate, key, bundle } => {
                let files = CertificateFiles::open(certificate, key)?;
                let authorities = bundle.as_deref().map(read).transpose()?;
                Ok(Identity { resolver: Arc::new(files), authorities })
            }
            Certificate::Own(folder) => {
                let authority = CertificateAuthority::open(folder).context("--cert-dir can't be used")?;
                let mut names: Vec<String> = place.map(Place::names).unwrap_or_default();
                names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
                names.sort_unstable();
                names.dedup();
                let resolver = authority.serve_as("windlass-webhook", &names).context("its certificate")?;
                Ok(Identity { resolver, authorities: Some(authority.certificate().to_owned()) })
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_where_it_listens_unless_said_otherwise() {
        let (near, far) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0]));
        let config = |place: Place| place.client_config(None);
        let place = Place::of(None, None, near, 8443).unwrap();
        assert_eq!(config(place).url.as_deref(), Some("https://127.0.0.1:8443/interpret"));
        let place = Place::of(Some("https://a.example.com/".to_owned()), None, far, 8443).unwrap();
        assert_eq!(place.names(), ["a.example.com"]);
        assert_eq!(config(place).url.as_deref(), Some("https://a.example.com/interpret"));
        let place = Place::of(None, Some("ns/windlass:8443".parse().unwrap()), far, 8443).unwrap();
        assert_eq!(place.names(), ["windlass.ns.svc.cluster.local", "windlass.ns.svc"]);
        assert_eq!(config(place).service.unwrap().port, Some(8443));
        assert!(Place::of(None, None, far, 8443).is_err());
        for wrong in ["http://a", "a", "https://", "https://a?b"] {
            assert!(Place::of(Some(wrong.to_owned()), None, near, 1).is_err(), "{wrong}");
        }
    }
}
