//! Karmada's control plane: its definitions and its programs, on a kube-apiserver.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::objects::{self, apply};
use crate::servers::{Durability, Karmada, Kubernetes, Process, Programs, free_port};

const PATIENCE: Duration = Duration::from_secs(180);
/// The place of Karmada's own webhook in its configurations.
const WEBHOOK_URL: &str = "https://karmada-webhook.karmada-system.svc:443";

pub(crate) struct ControlPlane {
    pub(crate) client: kube::Client,
    programs: Vec<Process>,
    _server: Kubernetes,
}

impl ControlPlane {
    /// Starts it with `interpreters` registered.
    pub(crate) async fn start(
        karmada: &Karmada,
        programs: &Programs,
        folder: &Path,
        interpreters: &Value,
    ) -> anyhow::Result<ControlPlane> {
        let server = Kubernetes::start(programs, Durability::Waived).await?;
        let client = server.client.clone();
        for file in files(&karmada.source.join("charts/karmada/_crds/bases"))? {
            apply(&client, &document(&file)?).await?;
        }
        // Karmada serves it with an API server of its own, whose storage this is.
        let clusters = windlass_api::crds().into_iter().find(|crd| crd.spec.names.kind == "Cluster");
        apply(&client, &serde_json::to_value(clusters.context("the definition of Cluster")?)?).await?;
        for definition in objects::definitions() {
            apply(&client, &definition).await?;
        }
        let kubeconfig = kubeconfig(&server, folder)?;
        let mut started = vec![webhook(karmada, &client, &kubeconfig, folder).await?];
        // Karmada's own validation looks at it.
        until(PATIENCE, "the registration of Windlass", async || apply(&client, interpreters).await).await?;
        let gates = "--feature-gates=MultiplePodTemplatesScheduling=true";
        let common = |command: &str| {
            vec![
                command.to_owned(),
                format!("--kubeconfig={}", kubeconfig.display()),
                "--leader-elect=false".to_owned(),
                "--metrics-bind-address=0".to_owned(),
                "--health-probe-bind-address=0".to_owned(),
                gates.to_owned(),
            ]
        };
        let mut manager = common("karmada-controller-manager");
        manager.push("--cluster-status-update-frequency=2s".to_owned());
        started.push(Process::start("karmada-controller-manager", &karmada.program, &manager, folder)?);
        let mut scheduler = common("karmada-scheduler");
        scheduler.push("--enable-scheduler-estimator=false".to_owned());
        started.push(Process::start("karmada-scheduler", &karmada.program, &scheduler, folder)?);
        Ok(ControlPlane { client, programs: started, _server: server })
    }

    /// The end of each program's log.
    pub(crate) fn last_words(&self) -> Vec<(&'static str, String)> {
        self.programs.iter().map(Process::last_words).collect()
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
        "--feature-gates=MultiplePodTemplatesScheduling=true".to_owned(),
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

fn kubeconfig(server: &Kubernetes, folder: &Path) -> anyhow::Result<PathBuf> {
    let file = folder.join("karmada.kubeconfig");
    let written = serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "karmada",
        "clusters": [{"name": "karmada",
            "cluster": {"server": server.url(), "insecure-skip-tls-verify": true}}],
        "users": [{"name": "admin", "user": {"token": Kubernetes::token()}}],
        "contexts": [{"name": "karmada", "context": {"cluster": "karmada", "user": "admin"}}]});
    std::fs::write(&file, written.to_string()).context("a kubeconfig")?;
    Ok(file)
}

/// All files below `folder`.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

pub(super) fn document(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{}", file.display()))
}

/// Tries until it succeeds.
pub(super) async fn until<T>(
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
