//! A member to test with: an embedded API server in a directory of its own, and an interpreter of three kinds.

mod interpreter;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_apiserver::{ApiServer, Config};
use windlass_simulator::{Member, MemberSpecFile, MemberState};

use interpreter::Kinds;

pub(crate) struct Running {
    pub(crate) client: Client,
    _interpreters: watch::Sender<u64>,
    _stop: DropGuard,
    _data: tempfile::TempDir,
}

impl Running {
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }
}

/// The one member of the specification, up and running.
pub(crate) async fn started(spec: &str) -> Running {
    let spec = MemberSpecFile::parse(spec).unwrap().members.remove(0);
    let data = tempfile::tempdir().unwrap();
    let state = MemberState::default();
    let server = ApiServer::open(Config {
        data_dir: data.path().to_owned(),
        name: spec.name.clone(),
        definitions: Vec::new(),
        hooks: vec![Arc::new(state.clone())],
        store: Default::default(),
    })
    .await
    .unwrap();
    let client = server.client();
    let (interpreters, interpreters_changed) = watch::channel(0);
    let shutdown = CancellationToken::new();
    let member = Member {
        client: client.clone(),
        spec,
        interpreter: Arc::new(Kinds),
        interpreters_changed,
        state,
        clock: jiff::Timestamp::now,
    };
    let stop = shutdown.clone();
    tokio::spawn(async move { member.run(stop).await.unwrap() });
    Running { client, _interpreters: interpreters, _stop: shutdown.drop_guard(), _data: data }
}

/// Waits until `holds`, for at most a minute.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("not so after a minute: {what}"));
}
