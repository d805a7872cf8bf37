//! The parts of a control plane while it is put together, each with its owner and its end.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_controllers::{Members, Rooms};
use windlass_simulator::{MemberSpec, MemberState};

use super::folder::{Folder, write_whole};
use super::member::{Member, listen};
use super::registration::{Endpoint, register};
use crate::runtime::Plugins;

/// How often the catalogue of plugins is asked whether it has changed.
const PLUGIN_POLL: Duration = Duration::from_millis(100);

/// The group that may do everything in a member: the control plane acts for all its users there.
const MASTERS: &str = "system:masters";

/// What has been started.
pub(super) struct Parts {
    pub(super) shutdown: CancellationToken,
    /// What ended that should not have, if anything did.
    pub(super) broken: watch::Sender<Option<String>>,
    pub(super) tasks: JoinSet<()>,
    pub(super) servers: Vec<ApiServer>,
}

/// A member that runs, and how this process reaches it.
pub(super) struct Running {
    pub(super) member: Member,
    pub(super) client: kube::Client,
}

impl Parts {
    pub(super) fn new() -> Parts {
        Parts {
            shutdown: CancellationToken::new(),
            broken: watch::Sender::new(None),
            tasks: JoinSet::new(),
            servers: Vec::new(),
        }
    }

    /// Runs a part for as long as the control plane; its end before that, or its panic, is the control plane's.
    pub(super) fn spawn(&mut self, what: impl Into<String>, part: impl Future<Output = ()> + Send + 'static) {
        let (what, shutdown, broken) = (what.into(), self.shutdown.clone(), self.broken.clone());
        let part = tokio::spawn(part);
        self.tasks.spawn(async move {
            let ended = part.await;
            if !shutdown.is_cancelled() || ended.is_err() {
                tracing::error!(part = what, panicked = ended.is_err(), "a part ended");
                broken.send_replace(Some(what));
            }
        });
    }

    /// A number that changes whenever the set of plugins does.
    pub(super) fn follow_plugins(&mut self, plugins: &Arc<Plugins>) -> watch::Receiver<u64> {
        let (sender, receiver) = watch::channel(plugins.catalogue.generation());
        let (plugins, shutdown) = (Arc::clone(plugins), self.shutdown.clone());
        self.spawn("plugin changes", async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(PLUGIN_POLL)).await.is_some() {
                let now = plugins.catalogue.generation();
                sender.send_if_modified(|before| std::mem::replace(before, now) != now);
            }
        });
        receiver
    }

    /// Serves `server` over TLS; returns its URL.
    pub(super) async fn serve(
        &mut self,
        server: &ApiServer,
        port: u16,
        folder: &Path,
    ) -> anyhow::Result<String> {
        let (listener, address) = listen(port, &folder.join("port")).await?;
        let url = format!("https://{address}");
        let (serving, shutdown) = (server.clone(), self.shutdown.clone());
        self.spawn(format!("API server at {url}"), async move {
            if let Err(error) = serving.serve(listener, shutdown).await {
                tracing::error!(%error, "API server failed");
            }
        });
        self.servers.push(server.clone());
        Ok(url)
    }

    /// Starts a member's API server and the simulator in it, and registers it.
    pub(super) async fn start_member(
        &mut self,
        spec: MemberSpec,
        folder: &Folder,
        plugins: &Plugins,
        interpreters_changed: watch::Receiver<u64>,
        control_plane: &kube::Client,
    ) -> anyhow::Result<Running> {
        let name = spec.name.clone();
        let state = MemberState::default();
        let home = folder.member(&name);
        let config = Config {
            data_dir: home.clone(),
            name: name.clone(),
            definitions: Vec::new(),
            hooks: vec![Arc::new(state.clone())],
            store: store::Options::default(),
        };
        let server =
            ApiServer::open(config).await.with_context(|| format!("the API server of member {name}"))?;
        let kubeconfig: PathBuf = folder.member_kubeconfig(&name);
        let url = self.serve(&server, 0, &home).await?;
        write_kubeconfig(&server, &url, &kubeconfig)?;
        let client = server.client();
        let endpoint = Endpoint {
            url: url.clone(),
            authority: server.certificate_authority().to_owned(),
            token: token(&server, &Folder::token_file(&home))?,
        };
        register(control_plane, &client, &spec, &endpoint).await?;
        let member = windlass_simulator::Member {
            client: client.clone(),
            spec,
            interpreter: plugins.interpreter.clone(),
            interpreters_changed,
            state,
            clock: jiff::Timestamp::now,
        };
        let shutdown = self.shutdown.clone();
        let what = format!("member {name}");
        self.spawn(what, async move {
            if let Err(error) = member.run(shutdown).await {
                tracing::error!(%error, "member failed");
            }
        });
        Ok(Running { member: Member { name, url, kubeconfig }, client })
    }

    /// Starts every control loop. Members of this process are reached without a network.
    pub(super) fn run_controllers(
        &mut self,
        server: &ApiServer,
        plugins: &Plugins,
        interpreters_changed: watch::Receiver<u64>,
        running: &[Running],
    ) {
        let options = windlass_controllers::Options::default();
        let client = server.client();
        let handed_in =
            running.iter().map(|running| (running.member.name.clone(), running.client.clone())).collect();
        let members = Arc::new(Members::new(client.clone(), handed_in, options.member_timeout));
        let rooms = Arc::new(Rooms::default());
        let context = windlass_controllers::Context {
            client,
            interpreter: plugins.interpreter.clone(),
            interpreters_changed,
            members: members.clone(),
            rooms: rooms.clone(),
            clock: Arc::new(jiff::Timestamp::now),
            options,
        };
        let shutdown = || self.shutdown.clone();
        let (following, watching, controlling) = (
            Arc::clone(&members).run(shutdown()),
            rooms.run(members, shutdown()),
            windlass_controllers::run(context, shutdown()),
        );
        self.spawn("member clients", following);
        self.spawn("member rooms", watching);
        self.spawn("controllers", controlling);
    }
}

/// Writes the kubeconfig by which the server at `url` is used.
pub(super) fn write_kubeconfig(server: &ApiServer, url: &str, file: &Path) -> anyhow::Result<()> {
    let document = server.kubeconfig(url).context("cannot make a kubeconfig")?;
    write_whole(file, &document)
}

/// The control plane's token for a member: made once, so that restarts don't pile them up.
fn token(server: &ApiServer, file: &Path) -> anyhow::Result<String> {
    if let Ok(token) = std::fs::read_to_string(file) {
        return Ok(token);
    }
    let token = server.issue_token("windlass", [MASTERS.to_owned()]).context("cannot make a token")?;
    write_whole(file, &token)?;
    Ok(token)
}
