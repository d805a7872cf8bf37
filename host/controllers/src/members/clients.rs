//! A client for every Cluster, made anew when its endpoint or credentials change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use parking_lot::RwLock;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_api::cluster::{Cluster, ClusterSpec, ClusterSyncMode};
use windlass_api::errors::in_one_line;

use super::connect::{self, Access, ConnectError};
use crate::member_clients::{MemberChange, MemberClients};

/// How often credentials are read again: a token that was rotated shows no other way.
const REFRESH: Duration = Duration::from_secs(30);
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Changes that a slow listener may fall behind; after that it starts over.
const CHANGES_MAX: usize = 1024;

struct Member {
    client: Option<Client>,
    /// What the client was made of; `None` for one that was handed in.
    access: Option<Access>,
    problem: Option<String>,
    spec: ClusterSpec,
    /// Ends what keeps the client up to date.
    gone: CancellationToken,
}

/// The clients of all members. Those of simulated members are handed in; the others are made from their Cluster's
/// endpoint and Secret. Either way, a member has a client while its Cluster exists.
pub struct Members {
    control_plane: Client,
    handed_in: HashMap<String, Client>,
    connect_timeout: Duration,
    members: RwLock<BTreeMap<String, Member>>,
    changes: broadcast::Sender<MemberChange>,
}

impl MemberClients for Members {
    fn client(&self, cluster: &str) -> Option<Client> {
        self.members.read().get(cluster)?.client.clone()
    }

    fn clusters(&self) -> Vec<String> {
        let members = self.members.read();
        members.iter().filter(|(_, member)| member.client.is_some()).map(|(name, _)| name.clone()).collect()
    }

    fn changes(&self) -> broadcast::Receiver<MemberChange> {
        self.changes.subscribe()
    }

    fn problem(&self, cluster: &str) -> Option<String> {
        self.members.read().get(cluster)?.problem.clone()
    }
}

impl Members {
    /// `handed_in` are clients by the names of their Clusters; they go before what the Clusters say.
    pub fn new(
        control_plane: Client,
        handed_in: HashMap<String, Client>,
        connect_timeout: Duration,
    ) -> Members {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        Members { control_plane, handed_in, connect_timeout, members: RwLock::default(), changes }
    }

    /// Follows the Clusters until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let clusters: Api<Cluster> = Api::all(self.control_plane.clone());
        let mut events = std::pin::pin!(watcher(clusters, watcher::Config::default()).default_backoff());
        let mut listed = BTreeSet::new();
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => break,
                event = events.next() => event,
            };
            match event {
                None => break,
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(cluster))) => {
                    listed.insert(cluster.name_any());
                    self.applied(&cluster, &tasks, &shutdown);
                }
                Some(Ok(watcher::Event::Apply(cluster))) => self.applied(&cluster, &tasks, &shutdown),
                Some(Ok(watcher::Event::Delete(cluster))) => self.left(&cluster.name_any()),
                Some(Ok(watcher::Event::InitDone)) => {
                    let known: Vec<_> = self.members.read().keys().cloned().collect();
                    known.iter().filter(|name| !listed.contains(*name)).for_each(|name| self.left(name));
                }
                Some(Err(error)) => tracing::warn!(%error, "the watch on clusters failed, starting over"),
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    fn applied(self: &Arc<Self>, cluster: &Cluster, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let name = cluster.name_any();
        let gone = shutdown.child_token();
        {
            let mut members = self.members.write();
            if let Some(known) = members.get(&name) {
                if reached_by(&known.spec) == reached_by(&cluster.spec) {
                    return;
                }
                known.gone.cancel();
            }
            let before = members.remove(&name);
            let handed_in = self.handed_in.get(&name).cloned();
            let joins = handed_in.is_some() && before.as_ref().is_none_or(|before| before.client.is_none());
            let (client, access) = match (handed_in, before) {
                (Some(client), _) => (Some(client), None),
                (None, Some(before)) => (before.client, before.access),
                (None, None) => (None, None),
            };
            let member =
                Member { client, access, problem: None, spec: cluster.spec.clone(), gone: gone.clone() };
            members.insert(name.clone(), member);
            if joins {
                self.announce(MemberChange::Joined(name.clone()));
            }
        }
        // Whoever pulls is not reached from here.
        if !self.handed_in.contains_key(&name) && cluster.spec.sync_mode == ClusterSyncMode::Push {
            tasks.spawn(Arc::clone(self).keep_connected(name, cluster.spec.clone(), gone));
        }
    }

    fn left(&self, name: &str) {
        let Some(member) = self.members.write().remove(name) else { return };
        member.gone.cancel();
        if member.client.is_some() {
            self.announce(MemberChange::Left(name.to_owned()));
        }
    }

    /// Keeps one member's client up to date, whatever becomes of the others.
    async fn keep_connected(self: Arc<Self>, name: String, spec: ClusterSpec, gone: CancellationToken) {
        let mut retry = RETRY_MIN;
        loop {
            let pause = match self.connect(&name, &spec, &gone).await {
                Ok(()) => {
                    retry = RETRY_MIN;
                    REFRESH
                }
                Err(error) => {
                    let message = in_one_line(&error);
                    tracing::warn!(
                        cluster = name,
                        error = message,
                        "no client for the cluster, trying again"
                    );
                    if let Some(member) = self.members.write().get_mut(&name) {
                        member.problem = Some(message);
                    }
                    let pause = retry;
                    retry = (retry * 2).min(RETRY_MAX);
                    pause
                }
            };
            tokio::select! {
                () = gone.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn connect(
        &self,
        name: &str,
        spec: &ClusterSpec,
        gone: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let access = connect::access(&self.control_plane, spec).await?;
        let known = |member: &Member| member.access.as_ref() == Some(&access);
        if self.members.read().get(name).is_some_and(known) {
            return Ok(());
        }
        let client = connect::client(&access, self.connect_timeout).await?;
        let mut members = self.members.write();
        let Some(member) = members.get_mut(name).filter(|_| !gone.is_cancelled()) else { return Ok(()) };
        member.client = Some(client);
        member.access = Some(access);
        member.problem = None;
        self.announce(MemberChange::Joined(name.to_owned()));
        Ok(())
    }

    fn announce(&self, change: MemberChange) {
        // Nobody listens before the control loops run; they start from the list.
        let _ = self.changes.send(change);
    }
}

/// The part of a spec that says how the member is reached.
fn reached_by(spec: &ClusterSpec) -> impl PartialEq + '_ {
    let ClusterSpec {
        sync_mode, api_endpoint, secret_ref, insecure_skip_tls_verification, proxy_url, ..
    } = spec;
    (sync_mode, api_endpoint, secret_ref, insecure_skip_tls_verification, proxy_url)
}
