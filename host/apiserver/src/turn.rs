//! A request's place among those that are worked on at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::status::ApiError;

/// How long a request waits for its turn before it is told to come back.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);

/// Held as long as the request is worked on; all clones are the same place.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Place>);

struct Place {
    places: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    /// Waits for a place.
    ///
    /// # Errors
    /// 429 where none comes free in time, 503 where the server stops.
    pub(crate) async fn wait(places: &Arc<Semaphore>) -> Result<Turn, ApiError> {
        let held = Mutex::new(Some(place(places).await?));
        Ok(Turn(Arc::new(Place { places: Arc::clone(places), held })))
    }

    /// Leaves the place to others while `work` waits for somebody outside, who may well write here before answering.
    ///
    /// # Errors
    /// As of [`wait`](Self::wait), when the request comes back.
    pub(crate) async fn away<T>(&self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        drop(self.0.held.lock().take());
        let outcome = work.await;
        let again = place(&self.0.places).await?;
        *self.0.held.lock() = Some(again);
        Ok(outcome)
    }
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    match tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(places).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(ApiError::unavailable("the server is stopping")),
        Err(_) => Err(ApiError::too_many_requests()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_away_keeps_nobody_waiting() {
        let places = Arc::new(Semaphore::new(1));
        let turn = Turn::wait(&places).await.unwrap();
        assert_eq!(places.available_permits(), 0);
        let other = turn.away(async { Turn::wait(&places).await.map(drop) }).await.unwrap();
        other.unwrap();
        assert_eq!(places.available_permits(), 0);
        drop(turn);
        assert_eq!(places.available_permits(), 1);
    }
}
