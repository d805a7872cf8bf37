//! The server's own certificate: made in memory when it is needed, and anew long before it expires.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rcgen::CertificateParams;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificates::{Signer, TlsError};

const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The age at which it is replaced.
const REPLACED_AFTER: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// The certificate that is served at present.
pub(super) struct ServingCertificate {
    signer: Arc<Signer>,
    provider: Arc<CryptoProvider>,
    subject: &'static str,
    params: CertificateParams,
    current: ArcSwap<Issued>,
}

struct Issued {
    at: SystemTime,
    key: Arc<CertifiedKey>,
}

impl std::fmt::Debug for ServingCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServingCertificate").field("issued", &self.current.load().at).finish_non_exhaustive()
    }
}

impl ServingCertificate {
    pub(super) fn new(
        signer: Arc<Signer>,
        provider: Arc<CryptoProvider>,
        subject: &'static str,
        params: CertificateParams,
    ) -> Result<Self, TlsError> {
        let first = issue(&signer, &provider, subject, params.clone())?;
        Ok(ServingCertificate { signer, provider, subject, params, current: ArcSwap::from_pointee(first) })
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.load();
        // A clock that went back makes no certificate old.
        let age = current.at.elapsed().unwrap_or_default();
        if age < REPLACED_AFTER {
            return Some(Arc::clone(&current.key));
        }
        match issue(&self.signer, &self.provider, self.subject, self.params.clone()) {
            Ok(issued) => {
                let key = Arc::clone(&issued.key);
                self.current.store(Arc::new(issued));
                Some(key)
            }
            Err(error) => {
                tracing::error!(%error, "the serving certificate could not be replaced");
                Some(Arc::clone(&current.key))
            }
        }
    }
}

fn issue(
    signer: &Signer,
    provider: &CryptoProvider,
    subject: &str,
    params: CertificateParams,
) -> Result<Issued, TlsError> {
    let at = SystemTime::now();
    let (certificate, key) = signer.sign(params, LIFETIME, subject)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| TlsError::Configuration(error.to_string()))?;
    Ok(Issued { at, key: Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)) })
}
