//! A private certificate authority in a directory, and what it signs.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ResolvesServerCert;

use super::file::write_private;
use super::serving::ServingCertificate;

const CERTIFICATE_FILE: &str = "ca.crt";
const KEY_FILE: &str = "ca.key";
const NAME: &str = "windlass-ca";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
/// How long before its issue a certificate is valid already: clocks differ.
const CLOCK_TOLERANCE: Duration = DAY;

/// What goes wrong with certificates and tokens.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read or written; check its owner and permissions")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} is damaged or missing: {problem}; restore it, or remove ca.crt and ca.key together for a new \
         authority (every kubeconfig has to be written anew then)"
    )]
    Authority { path: PathBuf, problem: String },
    #[error("{path} is damaged: {problem}; restore it, or remove it to revoke all bearer tokens")]
    Tokens { path: PathBuf, problem: String },
    #[error("the certificate for {subject:?} could not be made")]
    Issue { subject: String, source: rcgen::Error },
    #[error("the TLS configuration could not be made: {0}")]
    Configuration(String),
}

/// The authority in one directory: `ca.crt`, which others are given to trust it, and `ca.key`.
pub struct CertificateAuthority {
    certificate: String,
    der: CertificateDer<'static>,
    signer: Arc<Signer>,
}

/// Signs with the authority's key.
pub(super) struct Signer(Issuer<'static, KeyPair>);

impl CertificateAuthority {
    /// Opens the authority in this directory, which nobody else may read; makes both if they are missing.
    ///
    /// # Errors
    /// A file can't be used, is damaged, or one of the two is missing: a new authority would lock out everybody who
    /// trusts the old one, so that is never done silently.
    pub fn open(dir: &Path) -> Result<CertificateAuthority, TlsError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable(dir))?;
        let (certificate, key) = match (read(&dir.join(CERTIFICATE_FILE))?, read(&dir.join(KEY_FILE))?) {
            (Some(certificate), Some(key)) => (certificate, key),
            // The key is written first, so that a key alone is a first start that was cut off.
            (None, _) => create(dir)?,
            (Some(_), None) => {
                let problem = "the certificate is there, its key is not".to_owned();
                return Err(TlsError::Authority { path: dir.join(KEY_FILE), problem });
            }
        };
        let damaged = |file: &str, problem: String| TlsError::Authority { path: dir.join(file), problem };
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| damaged(CERTIFICATE_FILE, error.to_string()))?;
        let key = KeyPair::from_pem(&key).map_err(|error| damaged(KEY_FILE, error.to_string()))?;
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|bytes| bytes == public) {
            return Err(damaged(KEY_FILE, format!("it is not the key of {CERTIFICATE_FILE}")));
        }
        let signer = Arc::new(Signer(Issuer::new(authority_params(), key)));
        Ok(CertificateAuthority { certificate, der, signer })
    }

    /// The authority's certificate, PEM, for those who are to trust what it signs.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What a server that is reached by these names shows: a certificate made now, and anew long before it expires.
    ///
    /// # Errors
    /// A name is neither a DNS name nor an IP address.
    pub fn serve_as(
        &self,
        subject: &'static str,
        names: &[String],
    ) -> Result<Arc<dyn ResolvesServerCert>, TlsError> {
        let params = server_params(subject, names)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Arc::new(ServingCertificate::new(Arc::clone(&self.signer), provider, subject, params)?))
    }
}

impl Signer {
    /// A new key, and its certificate from now on.
    pub(super) fn sign(
        &self,
        mut params: CertificateParams,
        lifetime: Duration,
        subject: &str,
    ) -> Result<(rcgen::Certificate, KeyPair), TlsError> {
        let issue = |source| TlsError::Issue { subject: subject.to_owned(), source };
        let now = SystemTime::now();
        params.not_before = (now - CLOCK_TOLERANCE).into();
        params.not_after = (now + lifetime).into();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(issue)?;
        let certificate = params.signed_by(&key, &self.0).map_err(issue)?;
        Ok((certificate, key))
    }
}

/// What does not change between openings.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn server_params(subject: &str, names: &[String]) -> Result<CertificateParams, TlsError> {
    let issue = |source| TlsError::Issue { subject: subject.to_owned(), source };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(issue)?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn create(dir: &Path) -> Result<(String, String), TlsError> {
    let issue = |source| TlsError::Issue { subject: NAME.to_owned(), source };
    let mut params = authority_params();
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + LIFETIME).into();
    let key = KeyPair::generate().map_err(issue)?;
    let certificate = params.self_signed(&key).map_err(issue)?;
    for (file, contents) in [(KEY_FILE, key.serialize_pem()), (CERTIFICATE_FILE, certificate.pem())] {
        let path = dir.join(file);
        write_private(&path, contents.as_bytes()).map_err(unusable(&path))?;
    }
    Ok((certificate.pem(), key.serialize_pem()))
}

fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path)(error)),
    }
}

pub(super) fn unusable(path: &Path) -> impl FnOnce(io::Error) -> TlsError + use<> {
    let path = path.to_owned();
    move |source| TlsError::Io { path, source }
}
