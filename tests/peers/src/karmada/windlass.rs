//! `windlass webhook` with the built-in plugins, and one for a kind of our own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;
use windlass_test_guests::{GOOD, HEALTH, Interpreter, REPLICAS, REVISES};

use super::objects::REPLICAS_OF_A_THING;
use crate::servers::{Process, free_port};

const PATIENCE: Duration = Duration::from_secs(120);
/// Those whose kinds Karmada doesn't know.
const PLUGINS: [&str; 2] = ["kubernetes-sigs", "things"];

pub(crate) struct Webhook {
    process: Process,
    /// As it prints it: a ResourceInterpreterWebhookConfiguration.
    pub(crate) configuration: Value,
}

impl Webhook {
    pub(crate) async fn start(windlass: &Path, folder: &Path) -> anyhow::Result<Webhook> {
        let plugins = folder.join("plugins");
        std::fs::create_dir_all(&plugins).context("a folder for plugins")?;
        let things = Interpreter {
            name: "things",
            operations: REPLICAS | REVISES | HEALTH,
            replicas: REPLICAS_OF_A_THING,
            ..GOOD
        };
        std::fs::write(plugins.join("things.wasm"), things.component()).context("a plugin's file")?;

        let port = free_port()?;
        let arguments = [
            "webhook".to_owned(),
            format!("--port={port}"),
            format!("--cert-dir={}", folder.join("certificates").display()),
            format!("--plugin-dir={}", plugins.display()),
            "--log-level=info".to_owned(),
        ];
        let mut process = Process::start("windlass-webhook", windlass, &arguments, folder)?;
        process.until(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
        let printed = Command::new(windlass)
            .args(&arguments)
            .arg("--print-configuration")
            .args(PLUGINS.map(|plugin| format!("--plugin={plugin}")))
            .kill_on_drop(true)
            .output()
            .await
            .context("windlass webhook --print-configuration")?;
        if !printed.status.success() {
            bail!("windlass webhook --print-configuration: {}", String::from_utf8_lossy(&printed.stderr));
        }
        let configuration = serde_saphyr::from_slice(&printed.stdout).context("the printed configuration")?;
        Ok(Webhook { process, configuration })
    }

    pub(crate) fn last_words(&self) -> (&'static str, String) {
        self.process.last_words()
    }
}
