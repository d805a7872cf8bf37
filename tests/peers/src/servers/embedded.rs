//! Windlass's own server, in this process.

use anyhow::Context;
use tempfile::TempDir;
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

    pub(crate) async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
