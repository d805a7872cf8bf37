//! Who the server's clients are: the authority's certificates, and tokens.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::certificates::{CertificateAuthority, TlsError};
use super::identity::Identity;
use super::signing::TokenKey;
use super::tokens::Tokens;

const TOKEN_KEY_FILE: &str = "service-accounts.key";
const TOKENS_FILE: &str = "tokens.json";

const CLIENT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The names that the server is reached by.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A client's certificate and key, both PEM.
#[derive(Clone)]
pub struct ClientCertificate {
    pub certificate: String,
    pub key: String,
}

/// The certificate authority of one data directory, and the tokens it has given out.
pub struct Authority {
    certificates: CertificateAuthority,
    tokens: Tokens,
    token_key: TokenKey,
}

impl Authority {
    /// Opens the authority in this directory, which nobody else may read; makes what is missing.
    ///
    /// # Errors
    /// As [`CertificateAuthority::open`]; or the tokens are damaged.
    pub fn open(dir: &Path) -> Result<Authority, TlsError> {
        let certificates = CertificateAuthority::open(dir)?;
        let tokens = Tokens::open(&dir.join(TOKENS_FILE))?;
        let token_key = TokenKey::open(&dir.join(TOKEN_KEY_FILE))?;
        Ok(Authority { certificates, tokens, token_key })
    }

    /// The authority's certificate, PEM, for those who are to trust the server.
    pub fn certificate(&self) -> &str {
        self.certificates.certificate()
    }

    /// A server's side of TLS for 127.0.0.1, ::1 and localhost: HTTP/2 and HTTP/1.1; a client may show a certificate,
    /// and if it does, that has to be one of this authority.
    ///
    /// # Errors
    /// The certificate can't be made, or TLS can't be configured.
    pub fn server_config(&self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let configuration = |error: rustls::Error| TlsError::Configuration(error.to_string());
        roots.add(self.certificates.der().clone()).map_err(configuration)?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Configuration(error.to_string()))?;
        let serving = self.certificates.serve_as("windlass-apiserver", &SERVER_NAMES.map(str::to_owned))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(configuration)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(serving);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// A certificate that names a user, and at most one group of theirs, for a year.
    ///
    /// # Errors
    /// The names can't stand in a certificate.
    pub fn issue_client(&self, user: &str, group: Option<&str>) -> Result<ClientCertificate, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.distinguished_name.push(DnType::CommonName, user);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.certificates.signer().sign(params, CLIENT_LIFETIME, user)?;
        Ok(ClientCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// A bearer token that stands for the identity from now on, also after a restart.
    ///
    /// # Errors
    /// It could not be kept.
    pub fn issue_token(&self, identity: Identity) -> Result<String, TlsError> {
        self.tokens.issue(identity)
    }

    /// What signs the tokens of service accounts.
    pub(crate) fn token_key(&self) -> &TokenKey {
        &self.token_key
    }

    /// Whom a bearer token stands for.
    pub fn token_identity(&self, token: &str) -> Option<Identity> {
        self.tokens.identity(token)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::{fs, io};

    use super::*;
    use crate::tls::{Credentials, Kubeconfig};
    use rcgen::KeyPair;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Connects to the authority's server, and gives back the peer's certificate as the server saw it.
    async fn connect(
        authority: &Authority,
        name: &str,
        client: Option<ClientCertificate>,
    ) -> io::Result<Option<CertificateDer<'static>>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots);
        let mut config = match client {
            Some(ClientCertificate { certificate, key }) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (near, far) = tokio::io::duplex(16 << 10);
        let server = tokio_rustls::TlsAcceptor::from(Arc::new(authority.server_config().unwrap()));
        let client = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let server = async {
            let mut stream = server.accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.flush().await?;
            let (_, session) = stream.get_ref();
            assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
            Ok::<_, io::Error>(session.peer_certificates().map(|chain| chain[0].clone().into_owned()))
        };
        let client = async {
            let mut stream = client.connect(name, near).await?;
            stream.read_exact(&mut [0; 5]).await
        };
        let (peer, read) = tokio::join!(server, client);
        read?;
        peer
    }

    #[tokio::test]
    async fn clients_are_told_apart_by_their_certificates() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path()).unwrap();
        let admin = authority.issue_client("admin", Some("system:masters")).unwrap();
        let peer = connect(&authority, "127.0.0.1", Some(admin)).await.unwrap().unwrap();
        assert_eq!(Identity::of_certificate(&peer), Some(Identity::new("admin", ["system:masters"])));
        for name in ["localhost", "::1"] {
            assert_eq!(connect(&authority, name, None).await.unwrap(), None);
        }
        assert!(connect(&authority, "example.org", None).await.is_err());
    }

    #[tokio::test]
    async fn another_authoritys_clients_are_refused() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [ours, theirs] = dirs.each_ref().map(|dir| Authority::open(dir.path()).unwrap());
        let stranger = theirs.issue_client("admin", Some("system:masters")).unwrap();
        assert!(connect(&ours, "localhost", Some(stranger)).await.is_err());
    }

    #[tokio::test]
    async fn the_authority_and_its_tokens_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pki");
        let first = Authority::open(&path).unwrap();
        let admin = first.issue_client("admin", None).unwrap();
        let token = first.issue_token(Identity::new("bot", ["a", "b"])).unwrap();
        let second = Authority::open(&path).unwrap();
        assert_eq!(second.certificate(), first.certificate());
        assert!(connect(&second, "localhost", Some(admin)).await.unwrap().is_some());
        assert_eq!(second.token_identity(&token), Some(Identity::new("bot", ["a", "b"])));
        assert_eq!(second.token_identity("another"), None);

        for (path, mode) in [("", 0o700), ("ca.key", 0o600), ("ca.crt", 0o600), ("tokens.json", 0o600)] {
            let found = fs::metadata(dir.path().join("pki").join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{path}");
        }
    }

    #[test]
    fn damaged_files_are_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(Authority::open(dir.path()).unwrap());
        let other = KeyPair::generate().unwrap().serialize_pem();
        for (file, contents) in
            [("ca.key", "nonsense"), ("ca.key", &other), ("ca.crt", "nonsense"), ("tokens.json", "[1]")]
        {
            let path = dir.path().join(file);
            let good = fs::read(&path).ok();
            fs::write(&path, contents).unwrap();
            let error = Authority::open(dir.path()).err().unwrap().to_string();
            assert!(error.contains(file), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
            match good {
                Some(good) => fs::write(&path, good).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
        }
        fs::remove_file(dir.path().join("ca.key")).unwrap();
        assert!(matches!(Authority::open(dir.path()), Err(TlsError::Authority { .. })));
    }

    #[test]
    fn a_kubeconfig_is_understood_by_clients_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(&dir.path().join("pki")).unwrap();
        for credentials in [
            Credentials::Certificate(authority.issue_client("admin", Some("system:masters")).unwrap()),
            Credentials::Token("secret".to_owned()),
        ] {
            let is_token = matches!(credentials, Credentials::Token(_));
            let kubeconfig = Kubeconfig {
                name: "windlass",
                server: "https://127.0.0.1:6443",
                authority: authority.certificate(),
                credentials: &credentials,
            };
            let path = dir.path().join("kubeconfig");
            kubeconfig.write(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let read = kube::config::Kubeconfig::read_from(&path).unwrap();
            assert_eq!(read.current_context.as_deref(), Some("windlass"));
            let cluster = read.clusters[0].cluster.as_ref().unwrap();
            assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
            assert!(cluster.certificate_authority_data.is_some());
            let user = read.auth_infos[0].auth_info.as_ref().unwrap();
            assert_eq!(user.token.is_some(), is_token);
            assert_eq!(user.client_certificate_data.is_some(), !is_token);
        }
    }
}
