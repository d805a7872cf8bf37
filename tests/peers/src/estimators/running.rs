//! The programs, with certificates of both sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windlass_estimator::client::Options;
use windlass_estimator::tls::{ClientFiles, Identity};

use crate::karmada::objects::apply;
use crate::servers::{Karmada, Kubernetes, Process, free_port};

const PATIENCE: Duration = Duration::from_secs(120);

/// Where the programs' files are.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) kubeconfig: PathBuf,
}

impl Place {
    pub(super) fn new(folder: &Path, server: &Kubernetes) -> anyhow::Result<Place> {
        let mut authority = CertificateParams::new(Vec::new()).context("an authority")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "peers");
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate()?).context("an authority")?;
        let write = |name: &str, text: String| {
            std::fs::write(folder.join(name), text).with_context(|| name.to_owned())
        };
        write("ca.crt", authority.pem())?;
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate()?;
            write(
                &format!("{name}.crt"),
                params.signed_by(&key, &authority).context("a certificate")?.pem(),
            )?;
            write(&format!("{name}.key"), key.serialize_pem())?;
        }
        let place = Place { folder: folder.to_owned(), kubeconfig: kubeconfig(folder, "member", server)? };
        Ok(place)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How a part of a control plane is started that asks estimators, and is the only one of its kind.
    pub(super) fn flags(&self) -> Vec<String> {
        vec![
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--metrics-bind-address=0".to_owned(),
            "--health-probe-bind-address=0".to_owned(),
            format!("--scheduler-estimator-ca-file={}", self.file("ca.crt").display()),
            format!("--scheduler-estimator-cert-file={}", self.file("client.crt").display()),
            format!("--scheduler-estimator-key-file={}", self.file("client.key").display()),
        ]
    }

    /// How our client finds and trusts estimators that are called so.
    pub(super) fn options(&self, prefix: &str) -> Options {
        let identity = Identity { certificate: self.file("client.crt"), key: self.file("client.key") };
        let files = ClientFiles {
            identity: Some(identity),
            authority: Some(self.file("ca.crt")),
            insecure_skip_verify: false,
        };
        Options { service_prefix: prefix.to_owned(), files, ..Options::default() }
    }
}

pub(super) fn kubeconfig(folder: &Path, name: &str, server: &Kubernetes) -> anyhow::Result<PathBuf> {
    let file = folder.join(format!("{name}.kubeconfig"));
    let written = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url(), "insecure-skip-tls-verify": true}}],
        "users": [{"name": "u", "user": {"token": Kubernetes::token()}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
    std::fs::write(&file, written.to_string()).context("a kubeconfig")?;
    Ok(file)
}

/// Which estimator: of which cluster, and whether it looks at quotas.
#[derive(Clone, Copy)]
pub(super) struct Which {
    pub(super) cluster: &'static str,
    pub(super) quotas: bool,
}

impl Which {
    /// Of its process.
    fn name(self, first: &'static str, second: &'static str) -> &'static str {
        if self.cluster == super::MEMBERS[0] { first } else { second }
    }
}

/// An estimator that answers.
pub(super) struct Estimator {
    pub(super) process: Process,
    pub(super) port: u16,
    /// What its Service's name begins with.
    pub(super) prefix: &'static str,
    pub(super) cluster: &'static str,
}

impl Estimator {
    /// Writes the Service by which a control plane finds it.
    pub(super) async fn announce(&self, control_plane: &kube::Client, prefix: &str) -> anyhow::Result<()> {
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": "karmada-system", "name": format!("{prefix}-{}", self.cluster)},
            "spec": {"type": "ExternalName", "externalName": "localhost",
                "ports": [{"name": "grpc", "port": 10352, "targetPort": self.port}]}});
        apply(control_plane, &service).await
    }
}

fn flags(place: &Place, which: Which, port: u16) -> Vec<String> {
    let Which { cluster, quotas } = which;
    vec![
        format!("--kubeconfig={}", place.kubeconfig.display()),
        format!("--cluster-name={cluster}"),
        format!("--server-port={port}"),
        format!("--grpc-auth-cert-file={}", place.file("server.crt").display()),
        format!("--grpc-auth-key-file={}", place.file("server.key").display()),
        format!("--grpc-client-ca-file={}", place.file("ca.crt").display()),
        format!("--feature-gates=ResourceQuotaEstimate={quotas}"),
        "--metrics-bind-address=0".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ]
}

pub(super) async fn windlass(windlass: &Path, place: &Place, which: Which) -> anyhow::Result<Estimator> {
    let (port, health) = (free_port()?, free_port()?);
    let mut arguments = vec!["estimator".to_owned()];
    arguments.extend(flags(place, which, port));
    arguments.push("--bind-address=127.0.0.1".to_owned());
    arguments.push(format!("--health-probe-bind-address=127.0.0.1:{health}"));
    let mut process = Process::start(
        which.name("windlass-estimator-1", "windlass-estimator-2"),
        windlass,
        &arguments,
        &place.folder,
    )?;
    process.until(PATIENCE, async || ready(health).await.ok().filter(|ready| *ready)).await?;
    Ok(Estimator { process, port, prefix: "windlass-estimator", cluster: which.cluster })
}

async fn ready(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

pub(super) async fn karmada(karmada: &Karmada, place: &Place, which: Which) -> anyhow::Result<Estimator> {
    let port = free_port()?;
    let mut arguments = vec!["karmada-scheduler-estimator".to_owned()];
    arguments.extend(flags(place, which, port));
    arguments.push("--health-probe-bind-address=0".to_owned());
    let name = which.name("karmada-estimator-1", "karmada-estimator-2");
    let mut process = Process::start(name, &karmada.program, &arguments, &place.folder)?;
    // It listens when it has read the member.
    process.until(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
    Ok(Estimator { process, port, prefix: "karmada-estimator", cluster: which.cluster })
}
