//! Windlass's own server, in this process.

use std::net::Ipv4Addr;

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config, store};

pub(crate) struct Embedded {
    pub(crate) client: kube::Client,
    server: ApiServer,
    _folder: TempDir,
}

impl Embedded {
    pub(crate) async fn open() -> anyhow::Result<Embedded> {
        let folder = tempfile::tempdir().context("a temporary directory")?;
        let server = ApiServer::open(Config {
            data_dir: folder.path().to_owned(),
            name: "peers".to_owned(),
            definitions: Vec::new(),
            hooks: Vec::new(),
            store: store::Options::default(),
        })
        .await
        .context("the embedded API server")?;
        Ok(Embedded { client: server.client(), server, _folder: folder })
    }

    /// Serves it over TLS, on any free port.
    pub(crate) async fn serve(&self) -> anyhow::Result<Network> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a free port")?;
        let address = listener.local_addr().context("the port's number")?;
        let kubeconfig = self.server.kubeconfig(&format!("https://{address}"))?;
        let stop = CancellationToken::new();
        let (server, stopping) = (self.server.clone(), stop.clone());
        let serving = tokio::spawn(async move { Ok(server.serve(listener, stopping).await?) });
        Ok(Network { kubeconfig, stop, serving })
    }

    pub(crate) async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// The server as the network sees it.
pub(crate) struct Network {
    kubeconfig: String,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Network {
    /// A client with connections of its own.
    pub(crate) async fn another_client(&self) -> anyhow::Result<kube::Client> {
        let kubeconfig =
            Kubeconfig::from_yaml(&self.kubeconfig).context("the embedded server's kubeconfig")?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .context("the embedded server's kubeconfig")?;
        kube::Client::try_from(config).context("a client of the embedded server")
    }

    /// By which it is reached.
    pub(crate) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.serving.await?
    }
}
