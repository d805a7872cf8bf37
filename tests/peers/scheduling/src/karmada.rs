//! Karmada's algorithm as a program: the Go module beside this crate.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/karmada");

/// What Karmada says to a case.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Answer {
    pub(crate) clusters: Vec<Target>,
    pub(crate) affinity_name: String,
    pub(crate) error: String,
    pub(crate) no_cluster_fits: bool,
    pub(crate) panic: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) replicas: i64,
}

/// The running program. It ends with this value.
pub(crate) struct Karmada {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Builds the program: a minute the first time, a second after.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("the path of this program")?;
    let target = this.ancestors().nth(2).context("this program is not in cargo's target directory")?;
    let program = target.join("peers/bin/karmada-scheduling");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(MODULE)
        // The toolchain that go.mod asks for is fetched as a module where the installed one is older.
        .env("GOTOOLCHAIN", "auto")
        .env("CGO_ENABLED", "0")
        .status()
        .context("Go is needed to build Karmada's algorithm: install the package golang-go")?;
    if !status.success() {
        bail!("go build in {MODULE}: {status}");
    }
    Ok(program)
}

impl Karmada {
    pub(crate) fn start(program: &Path) -> anyhow::Result<Karmada> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let questions = child.stdin.take().context("its standard input")?;
        let answers = BufReader::new(child.stdout.take().context("its standard output")?);
        Ok(Karmada { child, questions, answers })
    }

    pub(crate) fn ask(&mut self, case: &Value) -> anyhow::Result<Answer> {
        writeln!(self.questions, "{case}").context("asking Karmada's algorithm")?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("Karmada's algorithm ended at {case}");
        }
        let mut answer: Answer = serde_json::from_str(&line).with_context(|| line)?;
        answer.clusters.sort();
        Ok(answer)
    }
}

impl Drop for Karmada {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
