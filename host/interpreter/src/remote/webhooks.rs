//! All webhooks that are configured, and the bridge from threads that wait to the network.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::future::join_all;
use prometheus_client::registry::Registry;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use windlass_api::config::ResourceInterpreterWebhookConfiguration;
use windlass_callout::Client;
use windlass_core::{Answered, Ask, Blame, CallError, Inspection, Object, Operation};

use super::configuration::definitions;
use super::exchange::{Fault, Query, Told};
use super::metrics::Metrics;
use super::services::{Present, Services};
use super::webhook::Webhook;
use super::{MEMORY, WAITING_MAX};
use crate::memo::{Memo, MemoCounts};

/// What of an answer the runtime may be late with.
const GRACE: Duration = Duration::from_secs(1);

/// The webhooks of a control plane. Whoever watches its objects sets them; the dispatcher asks them.
pub struct Webhooks {
    list: ArcSwap<Vec<Arc<Webhook>>>,
    generation: AtomicU64,
    services: Arc<ArcSwap<Services>>,
    client: Arc<Client<Present>>,
    /// Begun with the first question: most control planes have no webhooks.
    network: OnceLock<Option<Runtime>>,
    waiting: AtomicUsize,
    questions: AtomicU64,
    memo: Memo<Remembered, Result<Told, CallError>>,
    begun: Instant,
    metrics: Metrics,
}

/// A question whose answer is good for as long as its window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Remembered {
    operation: Operation,
    replicas: Option<i32>,
    window: u64,
}

impl Webhooks {
    /// None yet. Remembers answers in at most about `memo_bytes`.
    pub(crate) fn new(memo_bytes: usize) -> Webhooks {
        let services = Arc::new(ArcSwap::from_pointee(Services::new()));
        Webhooks {
            list: ArcSwap::default(),
            generation: AtomicU64::new(0),
            client: Arc::new(Client::new("windlass-interpreter", Present(Arc::clone(&services)))),
            services,
            network: OnceLock::new(),
            waiting: AtomicUsize::new(0),
            questions: AtomicU64::new(0),
            memo: Memo::new(memo_bytes),
            begun: Instant::now(),
            metrics: Metrics::new(),
        }
    }

    /// Asks those of these configurations from now on. One that is as it was before goes on as it did.
    pub fn set(&self, configurations: &[ResourceInterpreterWebhookConfiguration]) {
        let before = self.list.load();
        let now: Vec<Arc<Webhook>> = definitions(configurations)
            .into_iter()
            .map(|definition| {
                let same = before.iter().find(|webhook| *webhook.definition() == definition);
                same.map_or_else(|| Arc::new(Webhook::new(definition)), Arc::clone)
            })
            .collect();
        let unchanged = now.len() == before.len()
            && now.iter().zip(before.iter()).all(|(now, before)| Arc::ptr_eq(now, before));
        if !unchanged {
            self.list.store(Arc::new(now));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Finds webhooks behind these Services from now on.
    pub fn set_services(&self, services: Services) {
        self.services.store(Arc::new(services));
    }

    /// Changes whenever the webhooks do.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// In the order in which they are asked.
    pub fn list(&self) -> Arc<Vec<Arc<Webhook>>> {
        self.list.load_full()
    }

    /// Shows what is counted.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    pub(crate) fn memo_counts(&self) -> MemoCounts {
        self.memo.counts()
    }

    /// All that `ask` holds, side by side.
    pub(crate) fn inspect(&self, webhook: &Arc<Webhook>, object: &Object, ask: Ask) -> Inspection {
        let operations: Vec<Operation> = ask.operations().collect();
        let queries: Vec<_> = operations.iter().map(|operation| Query::Inspect(*operation)).collect();
        let mut inspection = Inspection::default();
        for (operation, told) in operations.into_iter().zip(self.ask_all(webhook, object, &queries)) {
            take(&mut inspection, webhook.name(), operation, told);
        }
        inspection
    }

    /// The object, changed as the query asks.
    pub(crate) fn change(
        &self,
        webhook: &Arc<Webhook>,
        object: &Object,
        query: Query<'_>,
    ) -> Result<Object, CallError> {
        match self.ask_all(webhook, object, &[query]).pop() {
            Some(Ok(Told::Object(object))) => Ok(object),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => unreachable!("a query that changes an object is answered with one"),
        }
    }

    fn ask_all(
        &self,
        webhook: &Arc<Webhook>,
        object: &Object,
        queries: &[Query<'_>],
    ) -> Vec<Result<Told, CallError>> {
        let known: Vec<_> = queries.iter().map(|query| self.known(webhook, object, *query)).collect();
        let unknown = queries.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<Query<'_>> = unknown.map(|(query, _)| *query).collect();
        let mut fresh = self.ask_fresh(webhook, object, &unknown).into_iter();
        let told = known.into_iter().map(|known| known.or_else(|| fresh.next()));
        told.map(|told| told.expect("there is an answer to each query")).collect()
    }

    fn ask_fresh(
        &self,
        webhook: &Arc<Webhook>,
        object: &Object,
        queries: &[Query<'_>],
    ) -> Vec<Result<Told, CallError>> {
        if queries.is_empty() {
            return Vec::new();
        }
        let begun = Instant::now();
        let uids: Vec<String> = queries.iter().map(|_| self.uid()).collect();
        let questions: Vec<Bytes> =
            queries.iter().zip(&uids).map(|(query, uid)| query.text(uid, object)).collect();
        let admitted = webhook.begin(begun);
        let asked = admitted.is_ok();
        let texts = match admitted {
            Ok(()) => self.send_all(webhook, questions),
            Err(fault) => vec![Err(fault); queries.len()],
        };
        let mut answers = Vec::with_capacity(queries.len());
        for ((query, uid), text) in queries.iter().zip(&uids).zip(texts) {
            let not_sent = text.as_ref().err().cloned();
            let told = text.and_then(|text| query.told(uid, object, &text));
            if asked {
                let nonsense = told.as_ref().err().filter(|fault| fault.blame == Blame::BadAnswer);
                // One that says that it failed at this object may do well with the next.
                webhook.ended(not_sent.as_ref().or(nonsense), Instant::now());
            }
            let result = told.as_ref().err().map_or("Ok", |fault| fault.blame.reason());
            self.metrics.answered(webhook.name(), query.operation(), result, begun.elapsed());
            let answer = told.map_err(|Fault { blame, message }| CallError {
                plugin: Arc::clone(webhook.name()),
                call: query.operation().name(),
                object: object.id().clone().into(),
                blame,
                message,
            });
            if let Some(question) = self.lasting(*query) {
                self.memo.remember(webhook.digest(), question, object, &answer);
            }
            answers.push(answer);
        }
        answers
    }

    fn send_all(&self, webhook: &Arc<Webhook>, questions: Vec<Bytes>) -> Vec<Result<Bytes, Fault>> {
        let count = questions.len();
        let (client, metrics, asked) = (Arc::clone(&self.client), self.metrics.clone(), Arc::clone(webhook));
        let sending = async move {
            let each = questions.into_iter().map(|question| asked.send(&client, &metrics, question));
            join_all(each).await
        };
        self.wait(sending, webhook.definition().timeout + GRACE)
            .unwrap_or_else(|fault| vec![Err(fault); count])
    }

    fn known(&self, webhook: &Webhook, object: &Object, query: Query<'_>) -> Option<Result<Told, CallError>> {
        let known = self.memo.known(webhook.digest(), self.lasting(query)?, object)?;
        self.metrics.remembered(webhook.name());
        Some(known)
    }

    /// As what the answer is remembered, if it is.
    fn lasting(&self, query: Query<'_>) -> Option<Remembered> {
        let replicas = match query {
            Query::Inspect(_) => None,
            Query::ReviseReplica(replicas) => Some(replicas),
            Query::Retain(_) | Query::AggregateStatus(_) => return None,
        };
        let window = self.begun.elapsed().as_secs() / MEMORY.as_secs();
        Some(Remembered { operation: query.operation(), replicas, window })
    }

    /// Unique in this process; who logs it on the other side can tell its callers apart by their addresses.
    fn uid(&self) -> String {
        format!("windlass-{}-{}", std::process::id(), self.questions.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for `work`, which goes on in the network's own runtime, at most `patience`.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        patience: Duration,
    ) -> Result<T, Fault> {
        let _place = Place::take(self)?;
        let network = self.network.get_or_init(network).as_ref();
        let network = network.ok_or_else(|| Fault::new(Blame::HostFault, "no runtime for the network"))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        network.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = sender.send(work.await);
        });
        let received = give_way(|| receiver.recv_timeout(patience));
        received.map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => Fault::new(Blame::HostFault, "the network has come to a stop"),
            mpsc::RecvTimeoutError::Disconnected => {
                Fault::new(Blame::HostFault, "asking failed unexpectedly")
            }
        })
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        // Simply dropped, it would wait, which a thread of another runtime must not do.
        if let Some(Some(network)) = self.network.take() {
            network.shutdown_background();
        }
    }
}

/// One of the callers that wait.
struct Place<'a>(&'a Webhooks);

impl Place<'_> {
    fn take(webhooks: &Webhooks) -> Result<Place<'_>, Fault> {
        let before = webhooks.waiting.fetch_add(1, Ordering::Relaxed);
        webhooks.metrics.waiting.inc();
        let place = Place(webhooks);
        if before >= WAITING_MAX {
            let message = format!("{WAITING_MAX} callers wait for webhooks already");
            return Err(Fault::new(Blame::HostFault, message));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiting.dec();
    }
}

fn network() -> Option<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("webhooks").enable_all().build();
    runtime.inspect_err(|error| tracing::error!(%error, "no runtime for webhooks")).ok()
}

/// Runs what blocks without keeping the tasks of this thread's runtime from going on.
fn give_way<T>(block: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(block),
        _ => block(),
    }
}

fn take(inspection: &mut Inspection, by: &Arc<str>, operation: Operation, told: Result<Told, CallError>) {
    let by = || Arc::clone(by);
    match (operation, told) {
        (_, Ok(Told::Replicas(found))) => {
            inspection.replicas = Some(Answered { by: by(), result: Ok(found) })
        }
        (_, Ok(Told::Components(found))) => {
            inspection.components = Some(Answered { by: by(), result: Ok(found) });
        }
        (_, Ok(Told::Dependencies(found))) => {
            inspection.dependencies = Some(Answered { by: by(), result: Ok(found) });
        }
        (_, Ok(Told::Status(found))) => inspection.status = Some(Answered { by: by(), result: Ok(found) }),
        (_, Ok(Told::Health(found))) => inspection.health = Some(Answered { by: by(), result: Ok(found) }),
        (Operation::InterpretReplica, Err(error)) => {
            inspection.replicas = Some(Answered { by: by(), result: Err(error) });
        }
        (Operation::InterpretComponent, Err(error)) => {
            inspection.components = Some(Answered { by: by(), result: Err(error) });
        }
        (Operation::InterpretDependency, Err(error)) => {
            inspection.dependencies = Some(Answered { by: by(), result: Err(error) });
        }
        (Operation::InterpretStatus, Err(error)) => {
            inspection.status = Some(Answered { by: by(), result: Err(error) });
        }
        (Operation::InterpretHealth, Err(error)) => {
            inspection.health = Some(Answered { by: by(), result: Err(error) });
        }
        (_, Ok(Told::Object(_)) | Err(_)) => unreachable!("an inspection asks no other operation"),
    }
}
