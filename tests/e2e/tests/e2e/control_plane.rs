//! `windlass up` in a process of its own, and other commands.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use kube::config::{KubeConfigOptions, Kubeconfig};
use tempfile::TempDir;

use windlass_test_probe::until;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_windlass-under-test");

/// A running control plane. Killed, by its own id, when dropped.
pub(crate) struct ControlPlane {
    process: Child,
    data: TempDir,
    arguments: Vec<String>,
}

/// What a process of the control plane may do.
#[derive(Clone, Copy)]
enum Means {
    Unlimited,
    /// No file may become larger, which is how a full disk looks to whoever writes.
    FileBytesMax(u64),
}

impl ControlPlane {
    /// Starts with simulated members as `spec` describes them (the format of `--member-spec`) and more arguments.
    pub(crate) async fn start(spec: &str, more: &[&str]) -> ControlPlane {
        ControlPlane::start_with(spec, more, Means::Unlimited).await
    }

    /// The same, where no file may become larger than that.
    pub(crate) async fn start_on_small_disk(spec: &str, file_bytes_max: u64) -> ControlPlane {
        ControlPlane::start_with(spec, &[], Means::FileBytesMax(file_bytes_max)).await
    }

    async fn start_with(spec: &str, more: &[&str], means: Means) -> ControlPlane {
        let data = TempDir::new().expect("a temporary folder");
        let spec_file = data.path().join("members.yaml");
        std::fs::write(&spec_file, spec).expect("the member spec can be written");
        let mut arguments = vec!["--member-spec".to_owned(), spec_file.display().to_string()];
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
        share(&shared, &data.path().join(COMPILED));
        let process = spawn(data.path(), &arguments, means);
        let mut control_plane = ControlPlane { process, data, arguments };
        control_plane.wait_until_ready().await;
        share(&control_plane.path(COMPILED), &shared);
        control_plane
    }

    /// A file beside the data, for settings and plugins.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// A client of the control plane, over TLS, by its kubeconfig.
    pub(crate) async fn client(&self) -> kube::Client {
        client(&self.path("data/kubeconfig")).await
    }

    /// A client of a member.
    pub(crate) async fn member(&self, name: &str) -> kube::Client {
        client(&self.path(&format!("data/{name}.kubeconfig"))).await
    }

    /// `kill -9`, and a new process on the same data.
    pub(crate) async fn crash_and_restart(&mut self) {
        self.process.kill().expect("the process can be killed");
        self.process.wait().expect("the process ends");
        self.process = spawn(self.data.path(), &self.arguments, Means::Unlimited);
        self.wait_until_ready().await;
    }

    /// SIGTERM; returns whether it ended with exit code 0.
    pub(crate) async fn stop(&mut self) -> bool {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
        let mut ask = || self.process.try_wait().expect("the process can be waited for");
        let status = until("the control plane to stop", || std::future::ready(ask()), Option::is_some).await;
        status.is_some_and(|status| status.success())
    }

    /// Starts again what has been stopped, and gives what it says when that fails.
    pub(crate) fn fails_to_start(&self) -> String {
        let output =
            command(self.data.path(), &self.arguments).output().expect("the binary under test starts");
        assert!(!output.status.success(), "it starts");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Starts again what has been stopped.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.data.path(), &self.arguments, Means::Unlimited);
        self.wait_until_ready().await;
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("the log can be read")
    }

    async fn wait_until_ready(&mut self) {
        let kubeconfig = self.path("data/kubeconfig");
        until(
            "the control plane to be ready",
            || async {
                let Ok(client) = try_client(&kubeconfig).await else { return "no kubeconfig yet".to_owned() };
                let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
                client.request_text(request).await.unwrap_or_else(|error| error.to_string())
            },
            |answer| answer == "ok",
        )
        .await;
        assert!(
            self.process.try_wait().expect("the process can be asked").is_none(),
            "windlass up ended early"
        );
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(data: &Path, arguments: &[String], means: Means) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.join("log"))
        .expect("the log can be opened");
    let unlimited = command(data, arguments);
    let mut command = match means {
        Means::Unlimited => unlimited,
        Means::FileBytesMax(bytes) => limited(&unlimited, bytes),
    };
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("the binary under test starts")
}

fn command(data: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["up", "--port", "0", "--data-dir"]).arg(data.join("data")).args(arguments);
    command
}

/// The same by way of a shell, which sets the limit and makes reaching it an error rather than a signal.
fn limited(command: &Command, bytes: u64) -> Command {
    let blocks = bytes / 512;
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""));
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

/// Runs another command to its end, with nothing to read.
pub(crate) fn windlass(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().expect("the binary under test starts")
}

/// Where the compiled code of plugins is.
const COMPILED: &str = "data/compiled-plugins";

/// Gives one cache of compiled plugins what another one has: that the built-in ones are compiled by every test would be
/// most of the tests' time. Their names say which bytes and which engine they are for.
fn share(from: &Path, to: &Path) {
    let Ok(artifacts) = std::fs::read_dir(from) else { return };
    let mut private = std::fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(to).expect("a cache can be made");
    for artifact in artifacts.filter_map(Result::ok) {
        let (name, copy) = (artifact.file_name(), to.join(artifact.file_name()));
        if copy.exists() || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Whole or not at all: other tests do the same at the same time.
        let draft = tempfile::NamedTempFile::new_in(to).expect("a cache can be written");
        std::fs::copy(artifact.path(), draft.path()).expect("compiled code can be copied");
        draft.persist(copy).expect("a cache can be written");
    }
}

async fn client(kubeconfig: &Path) -> kube::Client {
    try_client(kubeconfig).await.expect("the kubeconfig works")
}

async fn try_client(kubeconfig: &Path) -> anyhow::Result<kube::Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // An answer is what is tested, the first one.
    config.default_retry = false;
    Ok(kube::Client::try_from(config)?)
}
