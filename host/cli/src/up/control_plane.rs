//! Everything that `windlass up` runs, put together and taken apart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_admission::{Chain, FailurePolicy};
use windlass_apiserver::{ApiServer, Config, store};
use windlass_controllers::{Descheduled, Scheduler};
use windlass_core::Hook;
use windlass_quota::Ledger;
use windlass_simulator::MemberSpec;

use super::folder::Folder;
use super::member::{self, Member, Opened, decide, listen, write_kubeconfig};
use super::parts::{Parts, Shared};
use super::{Options, customizations, settings};
use crate::client;
use crate::runtime::{Plugins, Settings, code_cache, random_bytes, read_settings};
use crate::webhook::Measures;

/// A running control plane with its simulated members.
pub struct ControlPlane {
    folder: Folder,
    url: String,
    members: Vec<Member>,
    shutdown: CancellationToken,
    /// Fires when a part that should run for ever has ended.
    broken: watch::Receiver<Option<String>>,
    tasks: JoinSet<()>,
    servers: Vec<ApiServer>,
    // Dropped last: everything above asks it.
    _plugins: Arc<Plugins>,
}

impl ControlPlane {
    /// Starts everything, and returns when the API is served and all members are registered.
    ///
    /// # Errors
    /// A store can't be opened, a port is taken, a plugin's settings are wrong, ...: the error says which.
    pub async fn start(options: Options) -> anyhow::Result<ControlPlane> {
        let Options { data_dir, port, webhook_port, members, descheduling, plugin_dir, plugin_settings } =
            options;
        let folder = Folder::open(&data_dir)?;
        let specs = decide(members, &folder)?;
        let given = plugin_settings.as_deref().map(read_settings).transpose()?.unwrap_or_default();
        let plugins = load_plugins(plugin_dir, given, folder.code()).await?;

        let mut parts = Parts::new();
        if let Some(file) = plugin_settings {
            let watched = settings::watch(Arc::clone(&plugins.catalogue), file, parts.shutdown.clone());
            parts.spawn("plugin settings", watched);
        }
        let changes = parts.follow_plugins(&plugins);

        let quotas: Arc<Ledger> = Arc::default();
        let chain = Chain::new(Arc::new(random_bytes))
            .with(Arc::new(plugins.hooks()), FailurePolicy::Fail)
            .with(Arc::clone(&plugins.customizations) as Arc<dyn Hook>, FailurePolicy::Fail)
            .enforcing(Arc::clone(&quotas), Instant::now);
        let config = Config {
            data_dir: folder.control_plane(),
            name: "windlass".to_owned(),
            definitions: windlass_api::crds(),
            hooks: vec![Arc::new(chain)],
            store: store::Options::default(),
        };
        let server = ApiServer::open(config).await.context("the control plane's API server")?;
        let address = listen(port, &folder.control_plane()).await?;
        let url = address.url.clone();
        parts.serve(&server, address);

        customizations::load(&server.client(), &plugins.customizations).await?;
        parts.follow_customizations(&server, &plugins);
        let mut registry = Registry::default();
        let scheduler = Scheduler::default();
        scheduler.show(&mut registry);
        let descheduled = Descheduled::registered(&mut registry);
        let measures = Measures::of(&plugins, registry);
        if let Some(port) = webhook_port {
            parts.serve_webhook(port, &folder, &plugins, &measures).await?;
        }
        server.show_metrics(Box::new(move || measures.text()));
        parts.follow_webhooks(server.client(), plugins.interpreter.clone()).await?;
        parts.report_on_plugins(&server, &plugins, changes.clone());

        let mut running = Vec::with_capacity(specs.len());
        for opened in open_members(specs, &folder, &server.client()).await? {
            running.push(parts.run_member(opened, &plugins, changes.clone()));
        }
        let shared = Shared { quotas, scheduler, descheduled };
        parts.run_controllers(&server, &plugins, changes, &running, shared, descheduling);
        // Last: whoever waits for this file finds the members' beside it.
        write_kubeconfig(&server, &url, &folder.kubeconfig())?;
        Ok(ControlPlane {
            folder,
            url,
            members: running.into_iter().map(|running| running.member).collect(),
            shutdown: parts.shutdown,
            broken: parts.broken.subscribe(),
            tasks: parts.tasks,
            servers: parts.servers,
            _plugins: plugins,
        })
    }

    /// Of the control plane's API server.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.root()
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.kubeconfig()
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A client over TLS, made from the kubeconfig file as anybody else's would be.
    pub async fn client_by_kubeconfig(&self) -> anyhow::Result<kube::Client> {
        client::by_kubeconfig(&self.kubeconfig()).await
    }

    /// The same for a member.
    pub async fn member_client_by_kubeconfig(&self, name: &str) -> anyhow::Result<kube::Client> {
        client::by_kubeconfig(&self.folder.member_kubeconfig(name)).await
    }

    /// Returns only if a part that should run for ever ends: with what it was.
    pub async fn failed(&self) -> anyhow::Error {
        let mut broken = self.broken.clone();
        match broken.wait_for(Option::is_some).await {
            Ok(what) => anyhow::anyhow!("{} ended", what.as_deref().unwrap_or("a part")),
            Err(_) => anyhow::anyhow!("the control plane ended"),
        }
    }

    /// Stops everything in order: no new requests, then the loops, then the stores.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
        for server in self.servers {
            server.shutdown().await;
        }
    }
}

/// Opens all members side by side: most of it is waiting for the disk.
async fn open_members(
    specs: Vec<MemberSpec>,
    folder: &Folder,
    control_plane: &kube::Client,
) -> anyhow::Result<Vec<Opened>> {
    let opening = specs
        .into_iter()
        .map(|spec| tokio::spawn(member::open(spec, folder.clone(), control_plane.clone())))
        .collect::<Vec<_>>();
    let mut opened = Vec::with_capacity(opening.len());
    for member in opening {
        opened.push(member.await.context("opening a member panicked")??);
    }
    Ok(opened)
}

/// Compiling is work for a thread of its own.
async fn load_plugins(
    directory: Option<PathBuf>,
    settings: Settings,
    code: PathBuf,
) -> anyhow::Result<Arc<Plugins>> {
    let loading = tokio::task::spawn_blocking(move || {
        Plugins::start(directory.as_deref(), &settings, code_cache(&code)?)
    });
    Ok(Arc::new(loading.await.context("loading the plugins panicked")??))
}
