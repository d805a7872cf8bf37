//! The settings file of built-in admission plugins, read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use windlass_bundle::World;
use windlass_plugins::{Catalogue, LoadError, Origin};

use crate::runtime::{built_in, checked, read_settings};

const POLL_EVERY: Duration = Duration::from_millis(500);

/// Puts changed settings into force until `shutdown`. Settings that a plugin refuses leave those before in force.
pub(super) async fn watch(catalogue: Arc<Catalogue>, file: PathBuf, shutdown: CancellationToken) {
    let mut last = look(&file);
    while shutdown.run_until_cancelled(tokio::time::sleep(POLL_EVERY)).await.is_some() {
        let now = look(&file);
        if now == last {
            continue;
        }
        last = now;
        match read_settings(&file).and_then(checked) {
            Ok(settings) => {
                for bundled in windlass_bundle::PLUGINS {
                    let (origin, config) = built_in(bundled.name, &settings);
                    if let Some(Err(error)) = catalogue.configure(&origin, config) {
                        tracing::error!(plugin = bundled.name, error = %error, "settings refused; those before stay in force");
                    }
                }
                tracing::info!(file = %file.display(), "plugin settings read again");
            }
            Err(error) => {
                let problem = format!("{error:#}; the settings before stay in force");
                tracing::error!(file = %file.display(), problem, "settings refused");
                for bundled in
                    windlass_bundle::PLUGINS.iter().filter(|bundled| bundled.world == World::Admission)
                {
                    let origin = Origin::BuiltIn(bundled.name.into());
                    catalogue.fail(&origin, LoadError::SettingsFile { problem: problem.clone() });
                }
            }
        }
    }
}

fn look(file: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
