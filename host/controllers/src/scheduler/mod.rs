//! The scheduler alone, in a control plane whose other parts are somebody else's: Karmada's, most likely.
//!
//! Watches what scheduling needs and nothing more. Of a binding it writes `spec.clusters`, the placement it went by,
//! and in the status what is the scheduler's; everything else there has another writer.

mod claim;
mod listen;
mod status;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::api::Api;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::cluster::Cluster;
use windlass_core::Interpreter;

use crate::context::Clock;
use crate::election::Term;
use crate::events::Events;
use crate::index::{Binding, Index, binding_resource, compact, feed, follow};
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
    /// Who knows what state those take along who leave for others; `None`: nobody does.
    pub interpreter: Option<Arc<dyn Interpreter>>,
}

/// For how long statuses are still written at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);
const LAST_WORDS_POLL: Duration = Duration::from_millis(5);

/// Schedules for as long as `term` lasts. At its end what is under way is written, statuses too: whoever schedules next
/// takes a binding without a word in its status for one that nobody has decided on. If it is lost, nothing more is.
///
/// Returns early only where the loop broke down.
pub async fn run_scheduler(context: SchedulerContext, term: Term) {
    let Term { end, lost } = term;
    let SchedulerContext { client, rooms, clock, scheduler, interpreter } = context;
    // Ends what only watches and tells, after the last word has been written.
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let index = Arc::new(Index::new(client.clone(), stop.clone()));
    let intake = Arc::new(Intake::default());
    let statuses = Arc::new(Queue::default());
    let notes = Arc::new(Notes::new(statuses.clone(), clock));
    listen::register(&index, &intake);
    start_watches(&index, &client, &Claim::of(&scheduler.name()), &tasks, &stop);
    let (events, publish) = Events::new(client, stop.clone());
    tasks.spawn(publish.instrument(tracing::info_span!("events")));
    let following = follow_rooms(rooms.clone(), index.clone(), intake.clone());
    let until = stop.clone();
    tasks.spawn(async move {
        until.run_until_cancelled(following).await;
    });
    let writer = Arc::new(ScheduleStatuses { index: index.clone(), notes: notes.clone() });
    let pacing = scheduler.clone();
    let at_once = move || pacing.pace().statuses_at_once();
    let writing = runner::run(writer, statuses.clone(), at_once, stop.clone());
    tasks.spawn(writing.instrument(tracing::info_span!("statuses")));

    let work = async {
        let synced = async {
            index.clusters.synced().await;
            index.bindings.synced().await;
            index.cluster_bindings.synced().await;
        };
        if end.run_until_cancelled(synced).await.is_none() {
            return;
        }
        let given = Scheduling {
            scheduler,
            index: index.clone(),
            rooms,
            intake,
            notes: notes.clone(),
            events,
            // Who enforces quotas is the control plane's business.
            quotas: None,
            interpreter,
        };
        let scheduling = given.run(end.clone()).instrument(tracing::info_span!("scheduling"));
        if AssertUnwindSafe(scheduling).catch_unwind().await.is_err() {
            tracing::error!("the scheduling loop panicked");
        }
        let told = async {
            while !notes.is_empty() || statuses.load() > 0 {
                tokio::time::sleep(LAST_WORDS_POLL).await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() {
            tracing::warn!("some statuses were not written at the end");
        }
    };
    lost.run_until_cancelled(work).await;
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
                cache.take(event, |binding| Some(compact(binding)));
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
