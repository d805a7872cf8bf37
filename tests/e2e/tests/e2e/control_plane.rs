//! `windlass up` in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kube::config::{KubeConfigOptions, Kubeconfig};
use tempfile::TempDir;

use crate::wait;

/// A running control plane. Killed, by its own id, when dropped.
pub(crate) struct ControlPlane {
    process: Child,
    data: TempDir,
    arguments: Vec<String>,
}

impl ControlPlane {
    /// Starts with simulated members as `spec` describes them (the format of `--member-spec`) and more arguments.
    pub(crate) async fn start(spec: &str, more: &[&str]) -> ControlPlane {
        let data = TempDir::new().expect("a temporary folder");
        let spec_file = data.path().join("members.yaml");
        std::fs::write(&spec_file, spec).expect("the member spec can be written");
        let mut arguments = vec!["--member-spec".to_owned(), spec_file.display().to_string()];
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let process = spawn(data.path(), &arguments);
        let mut control_plane = ControlPlane { process, data, arguments };
        control_plane.wait_until_ready().await;
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
        self.process = spawn(self.data.path(), &self.arguments);
        self.wait_until_ready().await;
    }

    /// SIGTERM; returns whether it ended with exit code 0.
    pub(crate) async fn stop(mut self) -> bool {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
        let mut ask = || self.process.try_wait().expect("the process can be waited for");
        let status =
            wait::until("the control plane to stop", || std::future::ready(ask()), Option::is_some).await;
        status.is_some_and(|status| status.success())
    }

    async fn wait_until_ready(&mut self) {
        let kubeconfig = self.path("data/kubeconfig");
        wait::until(
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

fn spawn(data: &Path, arguments: &[String]) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.join("log"))
        .expect("the log can be opened");
    Command::new(env!("CARGO_BIN_EXE_windlass-under-test"))
        .args(["up", "--port", "0", "--data-dir"])
        .arg(data.join("data"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("the binary under test starts")
}

async fn client(kubeconfig: &Path) -> kube::Client {
    try_client(kubeconfig).await.expect("the kubeconfig works")
}

async fn try_client(kubeconfig: &Path) -> anyhow::Result<kube::Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
