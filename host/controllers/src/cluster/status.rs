//! The status of one Cluster: probed, looked up, summed up, and written when it has changed.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::time::{Duration, Instant};
use windlass_api::cluster::{Cluster, ClusterStatus, ClusterSyncMode};
use windlass_api::conditions::{CLUSTER_COMPLETE_API_ENABLEMENTS, CLUSTER_READY};

use super::apis::Apis;
use super::health::{Probe, Streak, probe};
use super::{Clusters, Signals};
use crate::error::{Error, is_not_found};
use crate::patch::difference;

/// A CRD changes several times while it is established.
const DEFINITIONS_SETTLE: Duration = Duration::from_millis(30);
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Reports on one cluster for as long as it exists. Each cluster has its own, so that one that hangs holds up no other.
pub(super) struct Reporter {
    clusters: Clusters,
    name: String,
    signals: Arc<Signals>,
    streak: Streak,
    apis: Apis,
    version: String,
    probed: Option<(Probe, Instant)>,
    looked: Option<Instant>,
}

/// Why the reporter looks again.
enum Wake {
    Time,
    Room,
    Cluster,
    Client,
    Definitions,
}

impl Reporter {
    pub(super) fn new(clusters: Clusters, name: String, signals: Arc<Signals>) -> Reporter {
        let (streak, apis) = (Streak::default(), Apis::default());
        Reporter { clusters, name, signals, streak, apis, version: String::new(), probed: None, looked: None }
    }

    pub(super) async fn run(mut self) {
        let mut definitions = definitions(self.clusters.members.client(&self.name));
        while let Some(cluster) = self.clusters.index.cluster(&self.name) {
            let pause = match self.report(&cluster).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "the cluster's status could not be written, trying again");
                    WRITE_AGAIN
                }
            };
            match self.wait(pause, &mut definitions).await {
                // Another look is all it takes.
                Wake::Time | Wake::Cluster => {}
                // Room changes in bursts, and can wait; what the member serves can't.
                Wake::Room => tokio::select! {
                    () = tokio::time::sleep(self.clusters.timing.room_interval) => {}
                    Some(()) = definitions.next() => self.look_again(&mut definitions).await,
                },
                Wake::Client => {
                    definitions = self::definitions(self.clusters.members.client(&self.name));
                    (self.probed, self.looked) = (None, None);
                }
                Wake::Definitions => self.look_again(&mut definitions).await,
            }
        }
    }

    /// The member's definitions have changed: once they hold still, it is time to look at what it serves.
    async fn look_again(&mut self, definitions: &mut BoxStream<'static, ()>) {
        while let Ok(Some(())) = tokio::time::timeout(DEFINITIONS_SETTLE, definitions.next()).await {}
        self.looked = None;
    }

    async fn wait(&self, pause: Duration, definitions: &mut BoxStream<'static, ()>) -> Wake {
        tokio::select! {
            () = tokio::time::sleep(pause) => Wake::Time,
            () = self.signals.room.notified() => Wake::Room,
            () = self.signals.cluster.notified() => Wake::Cluster,
            () = self.signals.client.notified() => Wake::Client,
            Some(()) = definitions.next() => Wake::Definitions,
        }
    }

    /// Looks at the member as far as it is time to, and writes what has changed. How long until the next look.
    async fn report(&mut self, cluster: &Cluster) -> Result<Duration, Error> {
        let timing = self.clusters.timing.clone();
        let client = self.clusters.members.client(&self.name);
        if client.is_none() && cluster.spec.sync_mode == ClusterSyncMode::Pull {
            // Its own agent reports.
            return Ok(timing.probe_interval);
        }
        let probe = self.probe(client.as_ref()).await;
        let before = cluster.status.clone().unwrap_or_default();
        let mut status = before.clone();
        let now = (self.clusters.clock)();
        let told = before.conditions.iter().find(|condition| condition.type_ == CLUSTER_READY);
        let told = told.map(|condition| condition.status == "True");
        let healthy = probe.is_healthy();
        if self.streak.counts(healthy, told, now, timing.failure_threshold, timing.success_threshold) {
            let (reason, message) = probe.told();
            set_condition(&mut status, CLUSTER_READY, healthy, reason, message, Time(now));
        }
        if let Some(client) = client.filter(|_| healthy) {
            self.look(&client).await;
            status.kubernetes_version.clone_from(&self.version);
            status.api_enablements.clone_from(&self.apis.enablements);
            let (complete, reason, message) = self.apis.told();
            set_condition(
                &mut status,
                CLUSTER_COMPLETE_API_ENABLEMENTS,
                complete,
                reason,
                message,
                Time(now),
            );
            if let Some(summary) = self.clusters.rooms.summary(&self.name, &cluster.spec.resource_models) {
                status.node_summary = Some(summary.nodes);
                status.resource_summary = Some(summary.resources);
            }
        }
        self.write(&before, &status).await?;
        Ok(if healthy { timing.probe_interval } else { timing.probe_again })
    }

    /// The last probe, or a new one when it is time.
    async fn probe(&mut self, client: Option<&Client>) -> Probe {
        let timing = &self.clusters.timing;
        if let Some((probe, at)) = &self.probed {
            let lasts = if probe.is_healthy() { timing.probe_interval } else { timing.probe_again };
            if at.elapsed() < lasts {
                return probe.clone();
            }
        }
        let seen = match client {
            Some(client) => probe(client, timing.probe_timeout).await,
            None => {
                let why = self.clusters.members.problem(&self.name);
                Probe::Unreachable(why.unwrap_or_else(|| "there is no client for it yet".to_owned()))
            }
        };
        self.probed = Some((seen.clone(), Instant::now()));
        seen
    }

    /// What the member is and serves, when it is time.
    async fn look(&mut self, client: &Client) {
        let timing = &self.clusters.timing;
        let lasts = if self.apis.is_complete() { timing.discovery_interval } else { timing.probe_again };
        if self.looked.is_some_and(|at| at.elapsed() < lasts) {
            return;
        }
        self.apis.look(client).await;
        match client.apiserver_version().await {
            Ok(version) => self.version = version.git_version,
            Err(error) => tracing::debug!(%error, "the member doesn't tell its version"),
        }
        self.looked = Some(Instant::now());
    }

    async fn write(&self, before: &ClusterStatus, status: &ClusterStatus) -> Result<(), Error> {
        let Some(patch) = difference(&serde_json::to_value(before)?, &serde_json::to_value(status)?) else {
            return Ok(());
        };
        let clusters: Api<Cluster> = Api::all(self.clusters.client.clone());
        let patch = Patch::Merge(json!({ "status": patch }));
        match clusters.patch_status(&self.name, &PatchParams::default(), &patch).await {
            Ok(written) => {
                self.clusters.index.clusters.offer(written);
                Ok(())
            }
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Sets a condition; the time of its last transition changes with its status alone.
fn set_condition(
    status: &mut ClusterStatus,
    kind: &str,
    holds: bool,
    reason: &str,
    message: String,
    now: Time,
) {
    let value = if holds { "True" } else { "False" };
    let before =
        status.conditions.iter().find(|condition| condition.type_ == kind && condition.status == value);
    let condition = Condition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message,
        last_transition_time: before.map_or(now, |before| before.last_transition_time.clone()),
        observed_generation: None,
    };
    match status.conditions.iter_mut().find(|condition| condition.type_ == kind) {
        Some(present) => *present = condition,
        None => status.conditions.push(condition),
    }
}

/// Something for every change of the member's CRDs; nothing, for ever, without a client.
fn definitions(client: Option<Client>) -> BoxStream<'static, ()> {
    let Some(client) = client else { return futures::stream::pending().boxed() };
    let definitions: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client);
    let events = watcher(definitions, watcher::Config::default()).default_backoff();
    // The end of a list is news too: what it brought may have come after the last look.
    let news = |event: watcher::Event<_>| match event {
        watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone => Some(()),
        watcher::Event::Init | watcher::Event::InitApply(_) => None,
    };
    events.filter_map(move |event| async move { event.ok().and_then(news) }).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::Timestamp;

    #[test]
    fn the_time_of_a_condition_is_that_of_its_last_change() {
        let at = |second| Time(Timestamp::from_second(second).unwrap());
        let mut status = ClusterStatus::default();
        set_condition(&mut status, CLUSTER_READY, true, "a", String::new(), at(1));
        set_condition(&mut status, CLUSTER_READY, true, "b", String::new(), at(2));
        assert_eq!(
            (status.conditions[0].last_transition_time.clone(), status.conditions[0].reason.as_str()),
            (at(1), "b")
        );
        set_condition(&mut status, CLUSTER_READY, false, "c", String::new(), at(3));
        assert_eq!((status.conditions.len(), status.conditions[0].last_transition_time.clone()), (1, at(3)));
    }
}
