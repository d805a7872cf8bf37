//! The plugins of a running control plane, as its API tells of them.

use std::path::Path;

use anyhow::Context as _;
use kube::api::{Api, ListParams};
use windlass_api::plugin::{Plugin, PluginState};
use windlass_plugins::PluginStatus;

use crate::client;

/// Asks the control plane of this kubeconfig.
pub(super) fn status(kubeconfig: &Path) -> anyhow::Result<Vec<PluginStatus>> {
    let listed = crate::up::runtime()?.block_on(async {
        let plugins = Api::<Plugin>::all(client::by_kubeconfig(kubeconfig).await?);
        plugins.list(&ListParams::default()).await.with_context(|| {
            format!(
                "cannot list the plugins of the control plane of {}; is `windlass up` running?",
                kubeconfig.display()
            )
        })
    })?;
    Ok(listed.items.into_iter().map(read).collect())
}

fn read(plugin: Plugin) -> PluginStatus {
    let source = plugin.spec.source;
    let origin = if source.file.is_empty() { format!("built-in {}", source.built_in) } else { source.file };
    let status = plugin.status.unwrap_or_default();
    PluginStatus {
        origin,
        state: status.state.unwrap_or(PluginState::Failed),
        message: status.message,
        plugin: status.serving,
    }
}
