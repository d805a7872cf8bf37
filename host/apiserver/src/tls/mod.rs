//! Who the server is, and who its clients are: a private certificate authority in the data directory, certificates
//! and tokens from it, and kubeconfig files.
//!
//! What a user may do is not decided here.

mod authority;
mod file;
mod identity;
mod kubeconfig;
mod serving;
mod signing;
mod tokens;

pub use authority::{Authority, ClientCertificate, TlsError};
pub use identity::Identity;
pub use kubeconfig::{Credentials, Kubeconfig};
