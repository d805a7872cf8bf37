//! Waiting for a condition, with a deadline. Nothing here sleeps for its own sake: a poll's pause is how often the
//! question is put, never how long an answer takes.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// How long a condition may take to come true on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks `probe` until `wanted` holds of its answer; panics with the last answer when `PATIENCE` is over.
pub async fn until<T, F>(what: &str, mut probe: impl FnMut() -> F, wanted: impl Fn(&T) -> bool) -> T
where
    T: Debug,
    F: Future<Output = T>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = probe().await;
        if wanted(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}; last seen: {found:#?}");
        tokio::time::sleep(PAUSE).await;
    }
}
