//! Who the server is, and who its clients are: a private certificate authority in the data directory, certificates
//! and tokens from it, and kubeconfig files.
//!
//! What a user may do is not decided here.

mod authority;
mod certificates;
mod file;
mod identity;
mod kubeconfig;
mod serving;
mod signing;
mod tokens;

pub use authority::{Authority, ClientCertificate};
pub use certificates::{CertificateAuthority, TlsError};
pub use identity::Identity;
pub use kubeconfig::{Credentials, Kubeconfig};
