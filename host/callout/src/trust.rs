//! Whose certificates a webhook may show.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// The authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    #[error("the system's authorities can't be read")]
    System(#[source] std::io::Error),
    #[error("caBundle is not PEM")]
    NotPem(#[source] pem::Error),
    #[error("caBundle holds no PEM certificate")]
    Empty,
    #[error("caBundle has a certificate that is no authority's")]
    NotAnAuthority(#[source] rustls::Error),
}

/// A configuration that trusts these authorities, in PEM, or without any those of the system.
pub(crate) fn config(authorities: Option<&[u8]>) -> Result<ClientConfig, AuthoritiesError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of the protocol's default versions");
    let Some(authorities) = authorities else {
        return Ok(builder.with_native_roots().map_err(AuthoritiesError::System)?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate = certificate.map_err(AuthoritiesError::NotPem)?;
        roots.add(certificate).map_err(AuthoritiesError::NotAnAuthority)?;
    }
    if roots.is_empty() {
        return Err(AuthoritiesError::Empty);
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_cannot_be_used_say_why() {
        let broken = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";
        assert!(matches!(config(Some(b"nonsense")), Err(AuthoritiesError::Empty)));
        assert!(matches!(config(Some(broken.as_bytes())), Err(AuthoritiesError::NotAnAuthority(_))));
        let open = "-----BEGIN CERTIFICATE-----\nYQ==\n";
        assert!(config(Some(open.as_bytes())).is_err());
    }
}
