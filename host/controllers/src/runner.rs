//! Runs a reconciler over its queue: bounded concurrency, a span for each run, and a panic that stays where it is.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::Error;
use crate::queue::Queue;

/// What a reconciler wants after it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing until something changes.
    Done,
    /// To be run again after this long.
    After(Duration),
}

/// Brings one thing to its desired state. Gets a key and reads all else from caches, so that a run that a change
/// triggered and one that a restart replays are the same.
pub(crate) trait Reconcile: Send + Sync + 'static {
    type Key: Clone + Eq + Hash + Send + Sync + fmt::Display + 'static;

    /// The controller's name, in spans and logs.
    const NAME: &'static str;

    fn reconcile(&self, key: &Self::Key) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// Runs `reconciler` for the keys of `queue` until `shutdown`, at most as many at once as `concurrency` says at the
/// time, which is never none.
pub(crate) async fn run<R: Reconcile>(
    reconciler: Arc<R>,
    queue: Arc<Queue<R::Key>>,
    concurrency: impl Fn() -> usize + Send,
    shutdown: CancellationToken,
) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(_) = running.join_next(), if !running.is_empty() => {}
            key = queue.next(), if running.len() < concurrency() => {
                let span = tracing::info_span!("reconcile", controller = R::NAME, key = %key);
                running.spawn(one(reconciler.clone(), queue.clone(), key).instrument(span));
            }
        }
    }
}

async fn one<R: Reconcile>(reconciler: Arc<R>, queue: Arc<Queue<R::Key>>, key: R::Key) {
    let outcome = AssertUnwindSafe(reconciler.reconcile(&key)).catch_unwind().await;
    match outcome {
        Ok(Ok(Outcome::Done)) => queue.done(&key),
        Ok(Ok(Outcome::After(delay))) => {
            queue.done(&key);
            queue.add_after(key, delay);
        }
        Ok(Err(error)) => {
            if error.is_race() {
                tracing::debug!(%error, "lost a race, trying again");
            } else {
                tracing::warn!(%error, "reconcile failed, trying again");
            }
            queue.failed(&key);
        }
        Err(_) => {
            tracing::error!("reconcile panicked, trying again");
            queue.failed(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct PanicsFirst(AtomicUsize, CancellationToken);

    impl Reconcile for PanicsFirst {
        type Key = u32;
        const NAME: &'static str = "panics-first";

        async fn reconcile(&self, _key: &u32) -> Result<Outcome, Error> {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("the first run panics");
            }
            self.1.cancel();
            Ok(Outcome::Done)
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_like_any_other() {
        let shutdown = CancellationToken::new();
        let queue = Arc::new(Queue::default());
        queue.add(1);
        let reconciler = Arc::new(PanicsFirst(AtomicUsize::new(0), shutdown.clone()));
        run(reconciler.clone(), queue, || 4, shutdown).await;
        assert_eq!(reconciler.0.load(Ordering::SeqCst), 2);
    }
}
