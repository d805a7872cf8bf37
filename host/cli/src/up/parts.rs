//! The parts of a control plane while it is put together, each with its owner and its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_apiserver::ApiServer;
use windlass_controllers::{Clock, Descheduled, Descheduling, Members, Rooms, Scheduler, WatchedPods};
use windlass_quota::Ledger;

use super::member::{Address, Member, Opened};
use super::{customizations, reports};
use crate::explain;
use crate::runtime::Plugins;

/// How often the catalogue of plugins is asked whether it has changed.
const PLUGIN_POLL: Duration = Duration::from_millis(100);

/// What has been started.
pub(super) struct Parts {
    pub(super) shutdown: CancellationToken,
    /// What ended that should not have, if anything did.
    pub(super) broken: watch::Sender<Option<String>>,
    pub(super) tasks: JoinSet<()>,
    pub(super) servers: Vec<ApiServer>,
}

/// What the control loops share with whoever asks them, or is asked by them.
pub(super) struct Shared {
    pub(super) quotas: Arc<Ledger>,
    pub(super) scheduler: Scheduler,
    pub(super) descheduled: Descheduled,
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

    /// A number that changes whenever somebody else may answer: a plugin, a webhook.
    pub(super) fn follow_plugins(&mut self, plugins: &Arc<Plugins>) -> watch::Receiver<u64> {
        let (sender, receiver) = watch::channel(plugins.interpreter.generation());
        let (plugins, shutdown) = (Arc::clone(plugins), self.shutdown.clone());
        self.spawn("plugin changes", async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(PLUGIN_POLL)).await.is_some() {
                let now = plugins.interpreter.generation();
                sender.send_if_modified(|before| std::mem::replace(before, now) != now);
            }
        });
        receiver
    }

    /// Has ResourceInterpreterCustomizations answer as they come and go.
    pub(super) fn follow_customizations(&mut self, server: &ApiServer, plugins: &Plugins) {
        let following =
            Box::pin(customizations::follow(server.client(), Arc::clone(&plugins.customizations)));
        let shutdown = self.shutdown.clone();
        self.spawn("interpreter customizations", async move {
            shutdown.run_until_cancelled(following).await;
        });
    }

    /// Keeps what the control plane's API says of the plugins up to date.
    pub(super) fn report_on_plugins(
        &mut self,
        server: &ApiServer,
        plugins: &Plugins,
        changed: watch::Receiver<u64>,
    ) {
        let reporting = Box::pin(reports::report(server.client(), Arc::clone(&plugins.catalogue), changed));
        let shutdown = self.shutdown.clone();
        self.spawn("plugin reports", async move {
            shutdown.run_until_cancelled(reporting).await;
        });
    }

    /// Serves `server` over TLS where `address` listens.
    pub(super) fn serve(&mut self, server: &ApiServer, address: Address) {
        let Address { listener, url } = address;
        let (serving, shutdown) = (server.clone(), self.shutdown.clone());
        self.spawn(format!("API server at {url}"), async move {
            if let Err(error) = serving.serve(listener, shutdown).await {
                tracing::error!(%error, "API server failed");
            }
        });
        self.servers.push(server.clone());
    }

    /// Serves an open member's API, and runs the simulator in it.
    pub(super) fn run_member(
        &mut self,
        opened: Opened,
        plugins: &Plugins,
        interpreters_changed: watch::Receiver<u64>,
    ) -> Running {
        let Opened { spec, server, address, state, member } = opened;
        self.serve(&server, address);
        let client = server.client();
        let simulated = windlass_simulator::Member {
            client: client.clone(),
            spec,
            interpreter: plugins.plugins_alone.clone(),
            interpreters_changed,
            state,
            clock: jiff::Timestamp::now,
        };
        let shutdown = self.shutdown.clone();
        self.spawn(format!("member {}", member.name), async move {
            if let Err(error) = simulated.run(shutdown).await {
                tracing::error!(%error, "member failed");
            }
        });
        Running { member, client }
    }

    /// Starts every control loop. Members of this process are reached without a network.
    pub(super) fn run_controllers(
        &mut self,
        server: &ApiServer,
        plugins: &Plugins,
        interpreters_changed: watch::Receiver<u64>,
        running: &[Running],
        shared: Shared,
        descheduling: Option<Descheduling>,
    ) {
        let Shared { quotas, scheduler, descheduled } = shared;
        let options = windlass_controllers::Options { descheduling, ..Default::default() };
        let client = server.client();
        let handed_in =
            running.iter().map(|running| (running.member.name.clone(), running.client.clone())).collect();
        let members = Arc::new(Members::new(client.clone(), handed_in, options.member_timeout));
        let rooms = Arc::new(Rooms::default());
        server.serve_below(explain::PATH, explain::below_the_api(scheduler.clone()));
        let clock: Clock = Arc::new(jiff::Timestamp::now);
        let waiting = Arc::new(WatchedPods::new(rooms.clone(), members.clone(), clock.clone()));
        let context = windlass_controllers::Context {
            client,
            interpreter: plugins.interpreter.clone(),
            interpreters_changed,
            members: members.clone(),
            rooms: rooms.clone(),
            waiting,
            quotas,
            clock,
            scheduler,
            descheduled,
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
