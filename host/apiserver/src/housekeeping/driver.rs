//! Runs one chore.

use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use jiff::Timestamp;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use super::request::{Answer, ApiRequest};
use crate::store::{Change, Store, Stored, Watch};

/// Keys of one chore that are worked on at the same time. Enough that the server commits their writes together.
const RUNNING_MAX: usize = 32;
/// Requests of one key that are made at the same time.
const IN_FLIGHT_MAX: usize = 32;
/// Objects to show at the start before others get their turn on the thread.
const SHOWN_AT_ONCE: usize = 500;

/// Decides what is to be done. Sees every change of every object, in order, from the first one on.
pub(super) trait Planner {
    type Key: Clone + Eq + Hash + std::fmt::Debug;

    /// A name for logs.
    const NAME: &'static str;

    /// Takes note of the object's present state, or that it is gone, and names the keys to look at.
    fn observe(&mut self, change: Change, object: &Stored, keys: &mut Vec<Self::Key>);

    /// Forgets everything: all present objects are shown again, as added. Names the keys to look at whatever there is.
    fn restart(&mut self, keys: &mut Vec<Self::Key>);

    /// What is to be done about a key, given what was observed so far.
    fn plan(&self, key: &Self::Key, now: Timestamp) -> Plan;
}

/// What is to be done about a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    Nothing,
    /// These, in any order.
    Requests(Vec<ApiRequest>),
    /// Look again then.
    Later(Duration),
}

/// Does the chore until `shutdown`.
pub(super) async fn drive<P: Planner>(
    mut planner: P,
    client: Client,
    store: Arc<Store>,
    shutdown: CancellationToken,
) {
    let mut queue = Queue::new();
    let mut running = FuturesUnordered::new();
    let mut watch = show_all(&mut planner, &store, &mut queue).await;
    let mut keys = Vec::new();
    loop {
        while running.len() < RUNNING_MAX
            && let Some(key) = queue.take(Instant::now())
        {
            match planner.plan(&key, Timestamp::now()) {
                Plan::Nothing => queue.done(&key),
                Plan::Later(pause) => {
                    queue.done(&key);
                    queue.add_at(key, Instant::now() + pause);
                }
                Plan::Requests(requests) => {
                    let client = client.clone();
                    running.push(async move { (key, send_all(&client, requests).await) });
                }
            }
        }
        let has_room = running.len() < RUNNING_MAX;
        let next_at = queue.next_at().filter(|_| has_room);
        tokio::select! {
            () = shutdown.cancelled() => return,
            event = watch.next() => {
                let mut event = event;
                // All that is there is observed before the next plan.
                loop {
                    match event {
                        Ok(event) => planner.observe(event.change, &event.object, &mut keys),
                        Err(error) => {
                            tracing::warn!(chore = P::NAME, %error, "fell behind, starts over");
                            watch = show_all(&mut planner, &store, &mut queue).await;
                        }
                    }
                    event = match watch.try_next() {
                        Ok(Some(event)) => Ok(event),
                        Ok(None) => break,
                        Err(error) => Err(error),
                    };
                }
                keys.drain(..).for_each(|key| queue.add(key));
            }
            Some((key, result)) = running.next() => match result {
                Ok(Answer::Done) => queue.done(&key),
                Ok(Answer::Outdated) => queue.failed(&key, Instant::now()),
                Err(error) => {
                    tracing::warn!(chore = P::NAME, ?key, %error, "will be tried again");
                    queue.failed(&key, Instant::now());
                }
            },
            () = sleep_until(next_at) => {}
        }
    }
}

async fn show_all<P: Planner>(planner: &mut P, store: &Store, queue: &mut Queue<P::Key>) -> Watch {
    let mut keys = Vec::new();
    planner.restart(&mut keys);
    let (snapshots, watch) = store.snapshot_all_and_watch();
    for (at, object) in snapshots.iter().flat_map(|(_, snapshot)| snapshot.iter()).enumerate() {
        planner.observe(Change::Added, object, &mut keys);
        if at % SHOWN_AT_ONCE == SHOWN_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
    }
    keys.into_iter().for_each(|key| queue.add(key));
    watch
}

/// Makes all the requests, whatever becomes of the others, and gives back the worst answer.
async fn send_all(client: &Client, requests: Vec<ApiRequest>) -> Result<Answer, kube::Error> {
    let mut answers =
        stream::iter(requests).map(|request| request.send(client)).buffer_unordered(IN_FLIGHT_MAX);
    let mut worst = Ok(Answer::Done);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(Answer::Done) => {}
            Ok(Answer::Outdated) if worst.is_err() => {}
            worse => worst = worse,
        }
    }
    worst
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
