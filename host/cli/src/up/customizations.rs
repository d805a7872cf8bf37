//! ResourceInterpreterCustomizations of the control plane: those that are stored answer.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use windlass_api::config::ResourceInterpreterCustomization;
use windlass_interpreter::Customizations;

type Stored = ResourceInterpreterCustomization;

/// Has all that are stored answer. Nothing may be interpreted before: what other interpreters say of their kinds would
/// be believed first, and taken back then.
///
/// # Errors
/// They can't be listed.
pub(super) async fn load(client: &Client, customizations: &Arc<Customizations>) -> anyhow::Result<()> {
    let stored = Api::<Stored>::all(client.clone()).list(&ListParams::default()).await;
    for customization in stored.context("the ResourceInterpreterCustomizations can't be listed")? {
        set(customizations, customization).await;
    }
    Ok(())
}

/// Follows them for as long as it is polled.
pub(super) async fn follow(client: Client, customizations: Arc<Customizations>) {
    let stored = Api::<Stored>::all(client);
    let mut events = pin!(watcher(stored, watcher::Config::default()).default_backoff());
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(customization)) => {
                listed.insert(customization.name_any());
                set(&customizations, customization).await;
            }
            Ok(watcher::Event::InitDone) => {
                for gone in customizations.names().iter().filter(|name| !listed.contains(&***name)) {
                    customizations.remove(gone);
                }
            }
            Ok(watcher::Event::Apply(customization)) => set(&customizations, customization).await,
            Ok(watcher::Event::Delete(customization)) => customizations.remove(&customization.name_any()),
            Err(error) => tracing::debug!(%error, "the watch of customizations broke, and is made anew"),
        }
    }
}

/// What goes wrong is the state of its plugin, which the catalogue keeps and reports.
async fn set(customizations: &Arc<Customizations>, customization: Stored) {
    let name = customization.name_any();
    let spec = serde_json::to_value(&customization.spec).expect("the API's own types are JSON");
    let customizations = Arc::clone(customizations);
    let compiled = tokio::task::spawn_blocking(move || customizations.set(&name, spec).is_ok());
    if let Err(error) = compiled.await {
        tracing::error!(%error, "compiling a customization panicked");
    }
}
