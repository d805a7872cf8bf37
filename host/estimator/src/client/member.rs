//! One member's estimator: the task that asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::Client;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::cluster::ResourceSummary;
use windlass_api::errors::in_one_line;
use windlass_scheduler::{Answer, Question};

use super::connection::{CallError, Connection};
use super::memory::{Call, Memory, Outcome};
use super::{Options, address};
use crate::protocol::ObjectReference;

/// Calls to one estimator at a time.
const CALLS_MAX: usize = 8;

/// What all members have in common.
pub(super) struct Common {
    pub(super) control_plane: Client,
    pub(super) options: Options,
    pub(super) tls: Option<ClientConfig>,
    pub(super) changes: broadcast::Sender<String>,
    pub(super) started: Instant,
    /// How many calls there have been.
    pub(super) calls: AtomicU64,
}

pub(super) struct Member {
    name: String,
    common: Arc<Common>,
    memory: Mutex<Memory>,
    /// The room that the cluster reported last.
    pub(super) reported: Mutex<Option<ResourceSummary>>,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    wake: Notify,
    pub(super) gone: CancellationToken,
}

impl Member {
    pub(super) fn new(name: String, common: Arc<Common>, gone: CancellationToken) -> Member {
        Member {
            name,
            common,
            memory: Mutex::default(),
            reported: Mutex::default(),
            connection: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            gone,
        }
    }

    pub(super) fn answers(&self) -> Arc<windlass_scheduler::Answers> {
        let mut memory = self.memory.lock();
        // The task may be late; what is too old is not to be seen.
        memory.expire(self.now());
        memory.answers()
    }

    pub(super) fn ask(&self, question: Question) {
        if self.memory.lock().want(question) {
            self.wake.notify_one();
        } else {
            // It may have been answered since whoever asks looked, who would wait for nothing.
            self.announce();
        }
    }

    pub(super) fn changed(&self) {
        if self.memory.lock().changed() {
            self.announce();
        }
        self.wake.notify_one();
    }

    /// Asks what is wanted until the member is gone.
    pub(super) async fn run(self: Arc<Self>) {
        let mut calls = FuturesUnordered::new();
        loop {
            while calls.len() < CALLS_MAX {
                let next = self.memory.lock().next(self.now(), !calls.is_empty());
                let Some(call) = next else { break };
                calls.push(self.call(call));
            }
            let wake_at = self.memory.lock().wake_at();
            let timer = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(self.common.started + at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.gone.cancelled() => return,
                () = self.wake.notified() => {}
                Some((call, outcome)) = calls.next() => {
                    if self.memory.lock().ended(call, outcome, self.now()) {
                        self.announce();
                    }
                }
                () = timer => {
                    // Whoever holds what was known must not go by it any longer.
                    if self.memory.lock().expire(self.now()) {
                        self.announce();
                    }
                }
            }
        }
    }

    async fn call(&self, call: Call) -> (Call, Outcome) {
        self.common.calls.fetch_add(1, Ordering::Relaxed);
        let asked = self.reached(async |connection| connection.ask(&self.name, &call.question).await);
        let outcome = match asked.await {
            Ok(answer) => Outcome::Answered(answer),
            Err(CallError::Refused(status)) => {
                let message = status.message();
                tracing::warn!(
                    cluster = self.name,
                    message,
                    "the cluster's estimator has no answer to a question"
                );
                Outcome::Answered(Answer::NoOpinion)
            }
            Err(error) => {
                let error = in_one_line(&error);
                tracing::warn!(
                    cluster = self.name,
                    error,
                    "the cluster's estimator failed: its summary counts until it is back"
                );
                Outcome::Failed
            }
        };
        (call, outcome)
    }

    /// How many of a workload's pods have found no node for longer than `threshold`.
    pub(super) async fn unschedulable(
        &self,
        workload: ObjectReference,
        threshold: Duration,
    ) -> Result<Option<i64>, CallError> {
        self.reached(async |connection| connection.unschedulable(&self.name, workload, threshold).await).await
    }

    /// What a call comes to within the time that it may take. After one that came to nothing the estimator is looked
    /// for again: it may be elsewhere now.
    async fn reached<A>(
        &self,
        call: impl AsyncFnOnce(&Connection) -> Result<A, CallError>,
    ) -> Result<A, CallError> {
        let timeout = self.common.options.timeout;
        let called = async { call(&*self.connected().await?).await };
        let answer = tokio::time::timeout(timeout, called).await.unwrap_or(Err(CallError::Timeout(timeout)));
        if answer.as_ref().is_err_and(|error| !matches!(error, CallError::Refused(_))) {
            *self.connection.lock().await = None;
        }
        answer
    }

    /// The connection, made when there is none.
    async fn connected(&self) -> Result<Arc<Connection>, CallError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(Arc::clone(connection));
        }
        let Common { control_plane, options, tls, .. } = self.common.as_ref();
        let places = address::resolve(control_plane, options, &self.name).await?;
        // Of two names both are to have their turn.
        let each = options.timeout / u32::try_from(places.len().max(1)).unwrap_or(1);
        let made = Arc::new(Connection::new(&places, tls.as_ref(), each)?);
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    fn now(&self) -> Duration {
        self.common.started.elapsed()
    }

    fn announce(&self) {
        // Without a scheduler in this process nobody listens.
        let _ = self.common.changes.send(self.name.clone());
    }
}
