//! Builds the programs that `servers/go.mod` names, once for each state of `servers/go.sum`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use tokio::process::Command;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/servers");
const ETCD: &str = "go.etcd.io/etcd/server/v3";
const KUBE_APISERVER: &str = "k8s.io/kubernetes/cmd/kube-apiserver";
const KUBERNETES: &str = "k8s.io/kubernetes";

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
}

/// Builds what is not built yet: some minutes on two cores the first time, nothing after.
pub(crate) async fn build() -> anyhow::Result<Programs> {
    let folder = target_dir()?.join("peers/bin");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let programs = Programs { etcd: folder.join("etcd"), kube_apiserver: folder.join("kube-apiserver") };
    let sums = std::fs::read_to_string(Path::new(MODULE).join("go.sum")).context("servers/go.sum")?;
    let built = folder.join("built-from.sum");
    if std::fs::read_to_string(&built).is_ok_and(|known| known == sums) {
        return Ok(programs);
    }
    let version = kubernetes_version().await?;
    let [major, minor] = numbers(&version).with_context(|| format!("{KUBERNETES} {version}"))?;
    let begun = Instant::now();
    eprintln!("building etcd and kube-apiserver {version}: some minutes, once");
    compile(ETCD, &programs.etcd, "-s -w").await?;
    let package = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    );
    compile(KUBE_APISERVER, &programs.kube_apiserver, &flags).await?;
    // Last: a build that was interrupted is no build.
    std::fs::write(&built, sums).with_context(|| format!("{}", built.display()))?;
    eprintln!("built in {} s", begun.elapsed().as_secs());
    Ok(programs)
}

/// cargo's target directory: two above this program, `target/debug/windlass-peers`.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("the path of this program")?;
    let found = program.ancestors().nth(2).context("this program is not in cargo's target directory")?;
    Ok(found.to_owned())
}

fn go() -> Command {
    let mut command = Command::new("nice");
    // The toolchain that go.mod asks for is fetched as a module where the installed one is older.
    command.args(["-n", "5", "go"]).current_dir(MODULE).env("GOTOOLCHAIN", "auto").kill_on_drop(true);
    command
}

async fn kubernetes_version() -> anyhow::Result<String> {
    let output = go()
        .args(["list", "-m", "-f", "{{.Version}}", KUBERNETES])
        .output()
        .await
        .context("Go is needed to build kube-apiserver: install the package golang-go")?;
    if !output.status.success() {
        bail!("go list -m {KUBERNETES}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Of `v1.36.3`: 1 and 36.
fn numbers(version: &str) -> Option<[u32; 2]> {
    let mut parts = version.strip_prefix('v')?.split('.');
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

async fn compile(package: &str, to: &Path, ldflags: &str) -> anyhow::Result<()> {
    let status = go()
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o"])
        .arg(to)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .status()
        .await
        .context("go build")?;
    if !status.success() {
        bail!("go build {package}: {status}");
    }
    Ok(())
}
