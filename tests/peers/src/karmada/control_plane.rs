//! Karmada's control plane: its definitions and its programs, on a kube-apiserver.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::objects::{self, apply};
use crate::servers::{Durability, Karmada, Kubernetes, Process, Programs, free_port};

const PATIENCE: Duration = Duration::from_secs(180);
/// The place of Karmada's own webhook in its configurations.
const WEBHOOK_URL: &str = "https://karmada-webhook.karmada-system.svc:443";
const GATES: &str = "--feature-gates=MultiplePodTemplatesScheduling=true,PriorityBasedScheduling=true";

/// What every Karmada has: the API, clusters' being served by its own server behind it, and its webhook.
pub(crate) struct ControlPlane {
    pub(crate) client: kube::Client,
    pub(crate) kubeconfig: PathBuf,
    program: PathBuf,
    folder: PathBuf,
    programs: Vec<Process>,
    _server: Kubernetes,
}

impl ControlPlane {
    /// Starts it, with nobody in it who controls or schedules.
    pub(crate) async fn start(
        karmada: &Karmada,
        programs: &Programs,
        folder: &Path,
        durability: Durability,
    ) -> anyhow::Result<ControlPlane> {
        let server = Kubernetes::start(programs, durability).await?;
        let client = server.client.clone();
        let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karmada-system"}});
        apply(&client, &system).await?;
        for file in files(&karmada.source.join("charts/karmada/_crds/bases"))? {
            apply(&client, &document(&file)?).await?;
        }
        let kubeconfig = server.write_kubeconfig(folder)?;
        let aggregated = aggregated(karmada, &server, &kubeconfig, folder).await?;
        let webhook = webhook(karmada, &client, &kubeconfig, folder).await?;
        Ok(ControlPlane {
            client,
            kubeconfig,
            program: karmada.program.clone(),
            folder: folder.to_owned(),
            programs: vec![aggregated, webhook],
            _server: server,
        })
    }

    /// Starts one of Karmada's controlling programs, for as long as the process lives.
    pub(crate) fn program(&self, command: &'static str, flags: &[&str]) -> anyhow::Result<Process> {
        let mut arguments = vec![
            command.to_owned(),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--metrics-bind-address=0".to_owned(),
            "--health-probe-bind-address=0".to_owned(),
            GATES.to_owned(),
        ];
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Process::start(command, &self.program, &arguments, &self.folder)
    }

    /// Starts one of them, for as long as the control plane lives.
    pub(crate) fn run(&mut self, command: &'static str, flags: &[&str]) -> anyhow::Result<()> {
        let started = self.program(command, flags)?;
        self.programs.push(started);
        Ok(())
    }

    /// The end of each program's log.
    pub(crate) fn last_words(&self) -> Vec<(&'static str, String)> {
        self.programs.iter().map(Process::last_words).collect()
    }
}

/// Starts the server of `cluster.karmada.io`, and has kube-apiserver pass on what is asked of it.
async fn aggregated(
    karmada: &Karmada,
    server: &Kubernetes,
    kubeconfig: &Path,
    folder: &Path,
) -> anyhow::Result<Process> {
    let certificates = folder.join("karmada-aggregated-apiserver");
    certificate(&certificates)?;
    let port = free_port()?;
    let arguments = [
        "karmada-aggregated-apiserver".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--authentication-kubeconfig={}", kubeconfig.display()),
        format!("--authorization-kubeconfig={}", kubeconfig.display()),
        format!("--etcd-servers={}", server.etcd_url()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", certificates.join("tls.crt").display()),
        format!("--tls-private-key-file={}", certificates.join("tls.key").display()),
    ];
    let mut process = Process::start("karmada-aggregated-apiserver", &karmada.program, &arguments, folder)?;
    process.until(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "karmada-system", "name": "karmada-aggregated-apiserver"},
        "spec": {"type": "ExternalName", "externalName": "localhost"}});
    apply(&server.client, &service).await?;
    let registration = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1alpha1.cluster.karmada.io"},
        "spec": {"group": "cluster.karmada.io", "version": "v1alpha1", "groupPriorityMinimum": 2000,
            "versionPriority": 10, "insecureSkipTLSVerify": true,
            "service": {"namespace": "karmada-system", "name": "karmada-aggregated-apiserver", "port": port}}});
    apply(&server.client, &registration).await?;
    let served = until(PATIENCE, "clusters are served", async || {
        let clusters = objects::list(&server.client, "cluster.karmada.io/v1alpha1", "Cluster", "").await?;
        ensure!(clusters.is_empty(), "there are clusters already");
        Ok(())
    });
    match served.await {
        Ok(()) => Ok(process),
        Err(error) => Err(error.context(process.last_words().1)),
    }
}

/// Starts Karmada's webhook, and registers it with the API server as its installation does.
async fn webhook(
    karmada: &Karmada,
    client: &kube::Client,
    kubeconfig: &Path,
    folder: &Path,
) -> anyhow::Result<Process> {
    let certificates = folder.join("karmada-webhook");
    let authority = certificate(&certificates)?;
    let port = free_port()?;
    let arguments = [
        "karmada-webhook".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", certificates.display()),
        "--metrics-bind-address=0".to_owned(),
        "--health-probe-bind-address=0".to_owned(),
        GATES.to_owned(),
    ];
    let mut process = Process::start("karmada-webhook", &karmada.program, &arguments, folder)?;
    process.until(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
    let file = karmada.source.join("artifacts/deploy/webhook-configuration.yaml");
    let written = std::fs::read_to_string(&file)
        .with_context(|| format!("{}", file.display()))?
        .replace("{{caBundle}}", &STANDARD.encode(&authority))
        .replace(WEBHOOK_URL, &format!("https://127.0.0.1:{port}"));
    for configuration in
        serde_saphyr::from_multiple::<Value>(&written).context("the webhook configurations")?
    {
        apply(client, &configuration).await?;
    }
    Ok(process)
}

/// Makes a certificate for this machine, as controller-runtime's servers want it; gives it back as PEM.
pub(super) fn certificate(folder: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder).context("a folder for certificates")?;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).context("a certificate")?;
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).context("a certificate's file")?;
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).context("a key's file")?;
    Ok(made.cert.pem())
}

/// All files below `folder`.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

pub(crate) fn document(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{}", file.display()))
}

/// Tries until it succeeds.
pub(crate) async fn until<T>(
    patience: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("{what}: not in {} s", patience.as_secs())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
