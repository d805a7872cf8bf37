//! The scheduler alone, in a control plane whose other parts are somebody else's: Karmada's, most likely.
//!
//! Watches what scheduling needs and nothing more. Of a binding it writes `spec.clusters`, the placement it went by,
//! and in the status what is the scheduler's; everything else there has another writer.

mod claim;
mod listen;
mod status;

use std::sync::Arc;

use kube::api::Api;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::cluster::Cluster;

use crate::context::Clock;
use crate::events::Events;
use crate::index::{Binding, Index, binding_resource, feed, follow};
use crate::member_clients::MemberRooms;
use crate::queue::Queue;
use crate::run::follow_rooms;
use crate::runner;
use crate::scheduling::{Intake, Scheduler, Scheduling};
use crate::status::Notes;

use claim::Claim;
use status::ScheduleStatuses;

/// What the scheduler is given.
#[derive(Clone)]
pub struct SchedulerContext {
    /// A client of the control plane.
    pub client: kube::Client,
    /// What is known of the members beyond their Cluster objects.
    pub rooms: Arc<dyn MemberRooms>,
    pub clock: Clock,
    /// The scheduler, to be run, and to be asked by whoever made it.
    pub scheduler: Scheduler,
    /// Writes of statuses that may be under way at once.
    pub statuses_in_flight: usize,
}

/// Schedules until `shutdown`, and returns when every write has ended: early only where the loop broke down.
pub async fn run_scheduler(context: SchedulerContext, shutdown: CancellationToken) {
    let SchedulerContext { client, rooms, clock, scheduler, statuses_in_flight } = context;
    let stop = shutdown.child_token();
    let tasks = TaskTracker::new();
    let index = Arc::new(Index::new(client.clone(), stop.clone()));
    let intake = Arc::new(Intake::default());
    let statuses = Arc::new(Queue::default());
    let notes = Arc::new(Notes::new(statuses.clone(), clock));
    listen::register(&index, &intake);
    start_watches(&index, &client, &Claim::of(&scheduler.name()), &tasks, &stop);
    let (events, publish) = Events::new(client, stop.clone());
    tasks.spawn(publish.instrument(tracing::info_span!("events")));

    let synced = async {
        index.clusters.synced().await;
        index.bindings.synced().await;
        index.cluster_bindings.synced().await;
    };
    if stop.run_until_cancelled(synced).await.is_some() {
        let following = follow_rooms(rooms.clone(), index.clone(), intake.clone());
        let until = stop.clone();
        tasks.spawn(async move {
            until.run_until_cancelled(following).await;
        });
        let writer = Arc::new(ScheduleStatuses { index: index.clone(), notes: notes.clone() });
        let writing = runner::run(writer, statuses, move || statuses_in_flight.max(1), stop.clone());
        tasks.spawn(writing.instrument(tracing::info_span!("statuses")));
        let scheduling = Scheduling { scheduler, index, rooms, intake, notes, events };
        let scheduling = scheduling.run(stop.clone()).instrument(tracing::info_span!("scheduling"));
        if tasks.spawn(scheduling).await.is_err() {
            tracing::error!("the scheduling loop panicked");
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

fn start_watches(
    index: &Index,
    client: &kube::Client,
    claim: &Claim,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let clusters = Api::<Cluster>::all(client.clone());
    tasks.spawn(
        feed(clusters, watcher_config(), index.clusters.clone(), Some, shutdown.clone())
            .instrument(tracing::info_span!("watch", cache = "clusters")),
    );
    for (namespaced, cache) in [(true, &index.bindings), (false, &index.cluster_bindings)] {
        let (cache, claim) = (cache.clone(), claim.clone());
        let api = Api::<Binding>::all_with(client.clone(), &binding_resource(namespaced));
        let take = move |event| {
            if let Some(event) = claim.only_ours(event) {
                cache.take(event, Some);
            }
        };
        tasks.spawn(follow(api, watcher_config(), take, shutdown.clone()).instrument(tracing::info_span!(
            "watch",
            cache = "bindings",
            namespaced
        )));
    }
}

fn watcher_config() -> kube::runtime::watcher::Config {
    kube::runtime::watcher::Config::default()
}
