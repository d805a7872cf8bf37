//! Karmada's interpreters as a program: the Go module in tests/peers/karmada.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../karmada");

/// What Karmada has built in for a kind; `*` for any.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Support {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) operations: Vec<String>,
}

/// Builds the program: some minutes the first time, a second after.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("the path of this program")?;
    let target = this.ancestors().nth(2).context("this program is not in cargo's target directory")?;
    let program = target.join("peers/bin/karmada");
    eprintln!("building Karmada's interpreters: some minutes, once");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(MODULE)
        // The toolchain that go.mod asks for is fetched as a module where the installed one is older.
        .env("GOTOOLCHAIN", "auto")
        .env("CGO_ENABLED", "0")
        .status()
        .context("Go is needed to build Karmada's interpreters: install the package golang-go")?;
    if !status.success() {
        bail!("go build in {MODULE}: {status}");
    }
    Ok(program)
}

/// What the program says that Karmada interprets: of the kinds that it knows, and of `others`.
pub(crate) fn list(program: &Path, others: Vec<(String, String)>) -> anyhow::Result<Vec<Support>> {
    let output = Command::new(program)
        .arg("list")
        .args(others.into_iter().map(|(api_version, kind)| format!("{api_version} {kind}")))
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!("{} list: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| serde_json::from_str(line).context("a line of the list")).collect()
}
