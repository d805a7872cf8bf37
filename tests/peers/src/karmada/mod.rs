//! Each asks the other.
//!
//! Windlass asks Karmada's example of an interpreter webhook ([`example`]): a `windlass up`, unchanged, with the example's
//! own configuration.
//!
//! Karmada asks Windlass ([`scenario`]): `windlass webhook`, registered with a Karmada control plane by the configuration that it
//! prints itself, interprets kinds that Karmada doesn't know.
//!
//! All of it is real: Karmada's controller manager, scheduler and webhook on a kube-apiserver, a member that is another
//! kube-apiserver, the `windlass` binary. Only the member's operators are played by this program, which writes the
//! statuses that they would.

pub(crate) mod control_plane;
mod example;
mod member;
pub(crate) mod objects;
mod scenario;
mod windlass;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::servers::{self, Durability, Karmada, Programs};
use control_plane::{ControlPlane, until};

const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
    /// Just build Karmada.
    #[arg(long)]
    build_only: bool,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { windlass, build_only } = options;
    let karmada = servers::build_karmada().await?;
    if build_only {
        return Ok(());
    }
    let servers = servers::build().await?;
    let windlass =
        windlass.canonicalize().with_context(|| format!("{}: build it first", windlass.display()))?;
    let begun = Instant::now();
    example::run(&karmada, &windlass).await.context("Windlass asks Karmada's example of a webhook")?;
    println!("Windlass asked Karmada's webhook, in {} s", begun.elapsed().as_secs());

    let begun = Instant::now();
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let webhook = windlass::Webhook::start(&windlass, folder.path()).await?;
    let member = member::start(&servers).await?;
    let control_plane = start(&karmada, &servers, folder.path(), &webhook.configuration).await?;
    let outcome = scenario::run(&control_plane.client, &member, begun).await;
    if outcome.is_err() {
        for (name, words) in control_plane.last_words().into_iter().chain([webhook.last_words()]) {
            eprintln!("--- {name}\n{words}");
        }
    }
    outcome?;
    println!("Karmada asked Windlass, in {} s", begun.elapsed().as_secs());
    Ok(())
}

/// Starts a whole Karmada with `interpreters` registered.
async fn start(
    karmada: &Karmada,
    programs: &Programs,
    folder: &Path,
    interpreters: &Value,
) -> anyhow::Result<ControlPlane> {
    let mut control_plane = ControlPlane::start(karmada, programs, folder, Durability::Waived).await?;
    let client = control_plane.client.clone();
    for definition in objects::definitions() {
        objects::apply(&client, &definition).await?;
    }
    // Karmada's own validation looks at it.
    until(PATIENCE, "the registration of Windlass", async || objects::apply(&client, interpreters).await)
        .await?;
    let manager = ["--leader-elect=false", "--cluster-status-update-frequency=2s"];
    control_plane.run("karmada-controller-manager", &manager)?;
    control_plane.run("karmada-scheduler", &["--leader-elect=false"])?;
    Ok(control_plane)
}
