//! `windlass demo`: the main job, step by step, each step verified through the public API over TLS.

mod scenario;
mod screen;
mod seen;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::args::{DemoArgs, LoggingArgs, LoggingFormat};
use crate::up::{self, ControlPlane, Members, Options};
use screen::Screen;

const MEMBERS: &str = include_str!("../../demo/members.yaml");
const SETTINGS: &str = include_str!("../../demo/plugin-settings.yaml");

pub(crate) fn command(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let DemoArgs { keep, data_dir } = args;
    crate::logging::start(&LoggingArgs {
        logging_format: LoggingFormat::Text,
        log_level: std::env::var("WINDLASS_LOG").unwrap_or_else(|_| "error".to_owned()),
    })?;
    up::runtime()?.block_on(async move {
        let folder = match data_dir {
            Some(folder) => Folder::Given(folder),
            None => Folder::Temporary(tempfile::TempDir::new().context("cannot make a temporary folder")?),
        };
        std::fs::create_dir_all(folder.path())
            .with_context(|| format!("cannot make {}", folder.path().display()))?;
        let settings = folder.path().join("plugin-settings.yaml");
        std::fs::write(&settings, SETTINGS)
            .with_context(|| format!("cannot write {}", settings.display()))?;
        let screen = Screen::new();
        screen.say("Starting the control plane and three simulated member clusters in this process.");
        let control_plane = ControlPlane::start(Options {
            data_dir: folder.path().to_owned(),
            port: 0,
            webhook_port: None,
            members: Members::Described(up::parse_members(MEMBERS, "the demo's members.yaml")?),
            descheduling: None,
            plugin_dir: None,
            plugin_settings: Some(settings),
        })
        .await?;
        let outcome = scenario::run(&control_plane, &screen).await;
        if outcome.is_ok() {
            screen.next(&control_plane, keep);
            if keep {
                up::stop_signal().await?;
            }
        }
        control_plane.stop().await;
        outcome.map(|()| ExitCode::SUCCESS)
    })
}

enum Folder {
    Given(std::path::PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn path(&self) -> &std::path::Path {
        match self {
            Folder::Given(path) => path,
            Folder::Temporary(folder) => folder.path(),
        }
    }
}
