//! kube-apiserver on etcd, on 127.0.0.1, without nodes and without controllers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use http::Request;
use kube::client::Body;
use tempfile::TempDir;

use super::front_proxy;
use super::process::{Process, free_port};
use super::programs::Programs;

const PATIENCE: Duration = Duration::from_secs(180);
const TOKEN: &str = "peers";

/// Whether a write is on disk when it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Kept,
    /// Faster, where nothing is measured.
    Waived,
}

pub(crate) struct Kubernetes {
    pub(crate) client: kube::Client,
    config: kube::Config,
    etcd_url: String,
    pub(crate) kube_apiserver: Process,
    pub(crate) etcd: Process,
    _folder: TempDir,
}

impl Kubernetes {
    pub(crate) async fn start(programs: &Programs, durability: Durability) -> anyhow::Result<Kubernetes> {
        let folder = tempfile::tempdir().context("a temporary directory")?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (clients, peers, secure) = (free_port()?, free_port()?, free_port()?);
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let etcd = Process::start(
            "etcd",
            &programs.etcd,
            &[
                format!("--data-dir={}", path("etcd")),
                format!("--listen-client-urls={}", url(clients)),
                format!("--advertise-client-urls={}", url(clients)),
                format!("--listen-peer-urls={}", url(peers)),
                format!("--initial-advertise-peer-urls={}", url(peers)),
                format!("--initial-cluster=default={}", url(peers)),
                format!("--unsafe-no-fsync={}", durability == Durability::Waived),
            ],
            folder.path(),
        )?;
        let key = rcgen::KeyPair::generate().context("a key for service accounts")?;
        std::fs::write(path("service-accounts.key"), key.serialize_pem()).context("a key file")?;
        std::fs::write(path("service-accounts.pub"), key.public_key_pem()).context("a key file")?;
        let tokens = format!("{TOKEN},system:admin,system:admin,system:masters\n");
        std::fs::write(path("tokens.csv"), tokens).context("the token file")?;
        let mut flags = vec![
            format!("--etcd-servers={}", url(clients)),
            format!("--secure-port={secure}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--cert-dir={}", path("certificates")),
            format!("--token-auth-file={}", path("tokens.csv")),
            format!("--service-account-key-file={}", path("service-accounts.pub")),
            format!("--service-account-signing-key-file={}", path("service-accounts.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--allow-privileged=true".to_owned(),
        ];
        flags.extend(front_proxy::flags(folder.path())?);
        let mut kube_apiserver =
            Process::start("kube-apiserver", &programs.kube_apiserver, &flags, folder.path())?;
        let server = format!("https://127.0.0.1:{secure}").parse().context("the server's address")?;
        let mut config = kube::Config::new(server);
        // It made its certificate itself, a moment ago, on this machine.
        config.accept_invalid_certs = true;
        config.default_retry = false;
        config.auth_info.token = Some(TOKEN.to_owned().into());
        let client = kube::Client::try_from(config.clone()).context("a client of kube-apiserver")?;
        kube_apiserver
            .until(PATIENCE, async || {
                let request = Request::get("/readyz").body(Body::empty()).expect("a request without parts");
                client.send(request).await.ok().filter(|answer| answer.status().is_success())
            })
            .await?;
        let etcd_url = url(clients);
        Ok(Kubernetes { client, config, etcd_url, kube_apiserver, etcd, _folder: folder })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.config.cluster_url.to_string().trim_end_matches('/').to_owned()
    }

    /// Where its storage is.
    pub(crate) fn etcd_url(&self) -> &str {
        &self.etcd_url
    }

    /// Writes a kubeconfig for it, by which anybody may do anything.
    pub(crate) fn write_kubeconfig(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let file = folder.join("kubeconfig");
        let written = serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "peers",
            "clusters": [{"name": "peers",
                "cluster": {"server": self.url(), "insecure-skip-tls-verify": true}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "peers", "context": {"cluster": "peers", "user": "admin"}}]});
        std::fs::write(&file, written.to_string()).context("a kubeconfig")?;
        Ok(file)
    }

    /// By which anybody may do anything.
    pub(crate) const fn token() -> &'static str {
        TOKEN
    }

    /// A client with connections of its own.
    pub(crate) fn another_client(&self) -> anyhow::Result<kube::Client> {
        kube::Client::try_from(self.config.clone()).context("a client of kube-apiserver")
    }
}
