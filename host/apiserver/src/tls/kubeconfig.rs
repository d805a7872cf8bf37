//! kubeconfig files.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::authority::ClientCertificate;
use super::certificates::{TlsError, unusable};
use super::file::write_private;

/// How a client proves who it is.
#[derive(Clone)]
pub enum Credentials {
    Certificate(ClientCertificate),
    Token(String),
}

/// A kubeconfig with one cluster, one user and one context.
pub struct Kubeconfig<'a> {
    /// Names the cluster, the user and the context.
    pub name: &'a str,
    /// `https://127.0.0.1:6443`
    pub server: &'a str,
    /// The certificate, PEM, that the server's has to be signed by.
    pub authority: &'a str,
    pub credentials: &'a Credentials,
}

impl Kubeconfig<'_> {
    /// The document, YAML.
    pub fn document(&self) -> String {
        let Kubeconfig { name, server, authority, credentials } = self;
        // A JSON string is a YAML string, whatever it holds.
        let [name, server] = [*name, *server].map(|text| serde_json::Value::from(text).to_string());
        let authority = STANDARD.encode(authority);
        let user = match credentials {
            Credentials::Certificate(ClientCertificate { certificate, key }) => format!(
                "    client-certificate-data: {}\n    client-key-data: {}\n",
                STANDARD.encode(certificate),
                STANDARD.encode(key)
            ),
            Credentials::Token(token) => format!("    token: {}\n", serde_json::Value::from(token.as_str())),
        };
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             clusters:\n\
             - name: {name}\n  cluster:\n    server: {server}\n    certificate-authority-data: {authority}\n\
             users:\n\
             - name: {name}\n  user:\n{user}\
             contexts:\n\
             - name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n\
             current-context: {name}\n"
        )
    }

    /// Writes the document, readable by its owner alone, in place of any that is there.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), TlsError> {
        write_private(path, self.document().as_bytes()).map_err(unusable(path))
    }
}
