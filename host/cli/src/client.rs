//! Clients by kubeconfig files.

use std::path::Path;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// A client over TLS, made from a kubeconfig file as anybody else's would be.
pub(crate) async fn by_kubeconfig(file: &Path) -> anyhow::Result<kube::Client> {
    let read = Kubeconfig::read_from(file).with_context(|| format!("cannot read {}", file.display()))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("{} cannot be used", file.display()))?;
    kube::Client::try_from(config).with_context(|| format!("{} cannot be used", file.display()))
}
