//! Builds the programs that `servers/go.mod` and `karmada-control-plane/go.mod` name, once for each state of their
//! `go.sum` and `main.go`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use tokio::process::Command;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/servers");
const KARMADA_MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/karmada-control-plane");
const ETCD: &str = "go.etcd.io/etcd/server/v3";
const KUBE_APISERVER: &str = "k8s.io/kubernetes/cmd/kube-apiserver";
const KUBERNETES: &str = "k8s.io/kubernetes";
const KARMADA: &str = "github.com/karmada-io/karmada";

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
}

/// Builds what is not built yet: some minutes on two cores the first time, nothing after.
pub(crate) async fn build() -> anyhow::Result<Programs> {
    let folder = folder()?;
    let programs = Programs { etcd: folder.join("etcd"), kube_apiserver: folder.join("kube-apiserver") };
    let Some(stamp) = Stamp::missing(MODULE, folder.join("built-from.sum"))? else { return Ok(programs) };
    let version = version(MODULE, KUBERNETES).await?;
    let [major, minor] = numbers(&version).with_context(|| format!("{KUBERNETES} {version}"))?;
    let begun = Instant::now();
    eprintln!("building etcd and kube-apiserver {version}: some minutes, once");
    compile(MODULE, ETCD, &programs.etcd, "-s -w").await?;
    let package = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    );
    compile(MODULE, KUBE_APISERVER, &programs.kube_apiserver, &flags).await?;
    stamp.set()?;
    eprintln!("built in {} s", begun.elapsed().as_secs());
    Ok(programs)
}

/// Karmada's control plane.
pub(crate) struct Karmada {
    /// Its controller manager, scheduler and webhook, each a command.
    pub(crate) program: PathBuf,
    /// Its source, which holds its definitions and its webhook configurations.
    pub(crate) source: PathBuf,
}

/// Builds Karmada if it is not built yet: three minutes on two cores the first time.
pub(crate) async fn build_karmada() -> anyhow::Result<Karmada> {
    let folder = folder()?;
    let source = listed(KARMADA_MODULE, KARMADA, "{{.Dir}}").await?;
    let karmada = Karmada { program: folder.join("karmada-control-plane"), source: source.into() };
    let Some(stamp) = Stamp::missing(KARMADA_MODULE, folder.join("built-from.karmada-control-plane.sum"))?
    else {
        return Ok(karmada);
    };
    let begun = Instant::now();
    eprintln!("building Karmada {}: some minutes, once", version(KARMADA_MODULE, KARMADA).await?);
    compile(KARMADA_MODULE, ".", &karmada.program, "-s -w").await?;
    stamp.set()?;
    eprintln!("built in {} s", begun.elapsed().as_secs());
    Ok(karmada)
}

/// What a build is of.
struct Stamp {
    file: PathBuf,
    sums: String,
}

impl Stamp {
    /// `None`: what `module` names is built.
    fn missing(module: &str, file: PathBuf) -> anyhow::Result<Option<Stamp>> {
        let sums = Path::new(module).join("go.sum");
        let mut sums = std::fs::read_to_string(&sums).with_context(|| format!("{}", sums.display()))?;
        // A module that only names programs has none.
        sums += &std::fs::read_to_string(Path::new(module).join("main.go")).unwrap_or_default();
        let built = std::fs::read_to_string(&file).is_ok_and(|known| known == sums);
        Ok((!built).then_some(Stamp { file, sums }))
    }

    /// To be called last: a build that was interrupted is no build.
    fn set(self) -> anyhow::Result<()> {
        let Stamp { file, sums } = self;
        std::fs::write(&file, sums).with_context(|| format!("{}", file.display()))
    }
}

fn folder() -> anyhow::Result<PathBuf> {
    let folder = target_dir()?.join("peers/bin");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    Ok(folder)
}

/// cargo's target directory: two above this program, `target/debug/windlass-peers`.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("the path of this program")?;
    let found = program.ancestors().nth(2).context("this program is not in cargo's target directory")?;
    Ok(found.to_owned())
}

fn go(module: &str) -> Command {
    let mut command = Command::new("nice");
    // The toolchain that go.mod asks for is fetched as a module where the installed one is older.
    command.args(["-n", "5", "go"]).current_dir(module).env("GOTOOLCHAIN", "auto").kill_on_drop(true);
    command
}

async fn version(module: &str, of: &str) -> anyhow::Result<String> {
    listed(module, of, "{{.Version}}").await
}

async fn listed(module: &str, of: &str, what: &str) -> anyhow::Result<String> {
    // Its source may not be on this machine yet.
    go(module).args(["mod", "download", of]).status().await.with_context(|| NO_GO)?;
    let output = go(module).args(["list", "-m", "-f", what, of]).output().await.with_context(|| NO_GO)?;
    if !output.status.success() {
        bail!("go list -m {of}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

const NO_GO: &str = "Go is needed to build the servers: install the package golang-go";

/// Of `v1.36.3`: 1 and 36.
fn numbers(version: &str) -> Option<[u32; 2]> {
    let mut parts = version.strip_prefix('v')?.split('.');
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

async fn compile(module: &str, package: &str, to: &Path, ldflags: &str) -> anyhow::Result<()> {
    let status = go(module)
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
