//! A server's certificate from files that somebody else renews.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{fmt, fs, io};

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a certificate can't be served with.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error(
        "{path} cannot be read; check --tls-cert-file, --tls-private-key-file and the files' permissions"
    )]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is not PEM with at least one certificate")]
    Certificate { path: PathBuf },
    #[error("{path} is not PEM with a private key")]
    Key { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{certificate} and {key} don't serve together")]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

/// The certificate in two PEM files. When they change it is read again, with the next connection; what is broken
/// then leaves the one before in use.
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    seen: [Option<SystemTime>; 2],
    looked: Instant,
}

impl CertificateFiles {
    /// # Errors
    /// A file can't be read, isn't what it has to be, or the two don't belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<CertificateFiles, CertificateError> {
        let seen = [modified(certificate), modified(key)];
        let current = Current { key: load(certificate, key)?, seen, looked: Instant::now() };
        Ok(CertificateFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Mutex::new(current),
        })
    }

    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut current = self.current.lock();
        if now.duration_since(current.looked) >= LOOK_EVERY {
            current.looked = now;
            let seen = [modified(&self.certificate), modified(&self.key)];
            if seen != current.seen {
                current.seen = seen;
                match load(&self.certificate, &self.key) {
                    Ok(key) => {
                        tracing::info!(file = %self.certificate.display(), "the certificate was read again");
                        current.key = key;
                    }
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "the certificate before stays in use"
                        );
                    }
                }
            }
        }
        Arc::clone(&current.key)
    }
}

impl ResolvesServerCert for CertificateFiles {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }
}

impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateFiles").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, CertificateError> {
    let read =
        |path: &Path| fs::read(path).map_err(|source| CertificateError::Io { path: path.to_owned(), source });
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| CertificateError::Certificate { path: certificate.to_owned() })?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|source| CertificateError::Key { path: key.to_owned(), source })?;
    let provider = rustls::crypto::ring::default_provider();
    let pair = CertifiedKey::from_der(chain, private, &provider).map_err(|source| {
        CertificateError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source }
    })?;
    Ok(Arc::new(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(dir.join("tls.crt"), made.cert.pem()).unwrap();
        fs::write(dir.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        write(dir.path());
        let files = CertificateFiles::open(&certificate, &key).unwrap();
        let first = files.current(Instant::now());
        let later = |seconds| Instant::now() + LOOK_EVERY * seconds;
        write(dir.path());
        // Two writes within the resolution of a file's time look like one.
        let touched = SystemTime::now() + Duration::from_secs(5);
        fs::File::open(&certificate).unwrap().set_modified(touched).unwrap();
        let second = files.current(later(1));
        assert_ne!(first.cert, second.cert);
        fs::write(&key, "nonsense").unwrap();
        assert_eq!(files.current(later(2)).cert, second.cert);
    }

    #[test]
    fn files_that_are_no_certificate_and_key_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        let refused = || CertificateFiles::open(&certificate, &key).unwrap_err().to_string();
        assert!(refused().contains("tls.crt cannot be read"));
        write(dir.path());
        let (good, other) = (fs::read(&key).unwrap(), fs::read(&certificate).unwrap());
        fs::write(&certificate, "").unwrap();
        assert!(refused().contains("at least one certificate"));
        fs::write(&certificate, &other).unwrap();
        fs::write(&key, &other).unwrap();
        assert!(refused().contains("private key"));
        write(dir.path());
        fs::write(&key, good).unwrap();
        assert!(refused().contains("don't serve together"));
    }
}
