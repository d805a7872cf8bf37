//! Clients by kubeconfig files.

use std::path::Path;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// A client over TLS, made from a kubeconfig file as anybody else's would be.
pub(crate) async fn by_kubeconfig(file: &Path) -> anyhow::Result<kube::Client> {
    let config = config(file).await?;
    kube::Client::try_from(config).with_context(|| format!("{} cannot be used", file.display()))
}

/// How a control plane is reached: by the file; without one by $KUBECONFIG, the user's own file, or the service account
/// of the pod that this is. `master` is the server's address if not the one that is found there.
pub(crate) async fn config_by_flags(
    file: Option<&Path>,
    master: Option<&str>,
) -> anyhow::Result<kube::Config> {
    let mut config = match file {
        Some(file) => config(file).await?,
        None => kube::Config::infer()
            .await
            .context("no control plane is named: give --kubeconfig FILE, or set KUBECONFIG")?,
    };
    if let Some(master) = master {
        config.cluster_url = master.parse().with_context(|| format!("--master {master:?} is no URL"))?;
    }
    Ok(config)
}

async fn config(file: &Path) -> anyhow::Result<kube::Config> {
    let read = Kubeconfig::read_from(file).with_context(|| format!("cannot read {}", file.display()))?;
    kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("{} cannot be used", file.display()))
}
