//! One simulated member: its watches, its loop, and the admission of objects by its quotas.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use windlass_core::{AdmissionRequest, CallError, Hook, Interpreter, Verb, Verdict};

use crate::counted;
use crate::feed::{News, feed};
use crate::kinds::{self, Kinds};
use crate::quota::ResourceName;
use crate::setup::{SetupError, set_up};
use crate::spec::MemberSpec;
use crate::state::{Kind, KindAccess, Outcome, State};
use crate::writes::Writer;

/// News waiting to be read. When it is full the watches wait, and the API server's buffers take over.
const NEWS_MAX: usize = 4096;
/// News taken in before the next decisions.
const BATCH_MAX: usize = 1024;
/// How long a failed write waits for another try.
const RETRY: Duration = Duration::from_secs(1);

enum Event {
    Node(Box<News<Node>>),
    Pod(Box<News<Pod>>),
    Quota(Box<News<ResourceQuota>>),
    Counted(ResourceName, Box<News<DynamicObject>>),
    Workload(Kind, Arc<KindAccess>, Box<News<DynamicObject>>),
}

/// What is known of a member, shared between its loop and its admission.
#[derive(Clone, Default)]
pub struct MemberState(Arc<Mutex<State>>);

impl MemberState {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held can't have left more than one decision unbooked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses what is over its namespace's ResourceQuotas, as kube-apiserver's admission does. To be put into the chain
/// of the member's API server.
impl Hook for MemberState {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        if request.namespace.is_empty() || !request.subresource.is_empty() {
            return Ok(Verdict::UNCHANGED);
        }
        let resource = ResourceName::new(&request.gvk.group, &request.resource);
        let full_name = resource.full();
        let named = |pointer: &str| request.object.pointer(pointer).and_then(Value::as_str);
        let name = named("/metadata/name").unwrap_or(&request.name).to_owned();
        let refused = match request.verb {
            Verb::Create => {
                let key = (request.namespace.clone(), name.clone());
                self.lock().admit(resource, key, &request.object, request.dry_run)
            }
            Verb::Update => {
                self.lock().admit_change(&resource, &request.namespace, &request.old_object, &request.object)
            }
            Verb::Delete => None,
        };
        let name = if name.is_empty() { named("/metadata/generateName").unwrap_or_default() } else { &name };
        Ok(refused.map_or(Verdict::UNCHANGED, |why| Verdict::Denied {
            message: format!("{full_name} \"{name}\" is forbidden: {why}"),
            causes: Vec::new(),
        }))
    }
}

/// A simulated member cluster. It needs nothing but a client of its API server.
pub struct Member {
    pub client: Client,
    pub spec: MemberSpec,
    pub interpreter: Arc<dyn Interpreter>,
    /// Changes whenever the set of interpreters does.
    pub interpreters_changed: watch::Receiver<u64>,
    pub state: MemberState,
    pub clock: fn() -> Timestamp,
}

impl Member {
    /// Sets the member up and keeps it running until `shutdown`.
    ///
    /// # Errors
    /// The nodes and quotas of the specification could not be created.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), SetupError> {
        set_up(&self.client, &self.spec).await?;
        let writer = Writer::new(self.client.clone());
        self.state.lock().set_pace(self.spec.pace());
        let (news, mut incoming) = mpsc::channel(NEWS_MAX);
        let (found, mut kinds_found) = mpsc::channel(1);
        let mut watches = JoinSet::new();
        let all = || self.client.clone();
        watches.spawn(feed(Api::<Node>::all(all()), news.clone(), |one| Event::Node(Box::new(one))));
        watches
            .spawn(feed(Api::<ResourceQuota>::all(all()), news.clone(), |one| Event::Quota(Box::new(one))));
        watches.spawn(feed(Api::<Pod>::all(all()), news.clone(), |one| Event::Pod(Box::new(one))));
        let (client, interpreter) = (all(), Arc::clone(&self.interpreter));
        let mut changed = self.interpreters_changed.clone();
        watches.spawn(kinds::follow(client, interpreter, self.interpreters_changed.clone(), found));

        let (counted, needed) = watch::channel(BTreeSet::new());
        let wrap = |resource, one| Event::Counted(resource, Box::new(one));
        watches.spawn(counted::follow(all(), needed, news.clone(), wrap));

        let mut watched: HashMap<Kind, (Arc<KindAccess>, AbortHandle)> = HashMap::new();
        let mut writes: JoinSet<Outcome> = JoinSet::new();
        let mut retry = tokio::time::interval(RETRY);
        let mut follow_interpreters = true;
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let due = self.until_due();
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                count = incoming.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return Ok(()) },
                Some(kinds) = kinds_found.recv() => {
                    self.watch_kinds(&kinds, &mut watched, &mut watches, &news);
                }
                Some(ended) = writes.join_next() => self.write_ended(ended.ok(), &mut writes),
                () = due => {}
                _ = retry.tick() => self.state.lock().retry_failed(),
                result = changed.changed(), if follow_interpreters => {
                    follow_interpreters = result.is_ok();
                    self.state.lock().interpret_again(self.interpreter.as_ref());
                }
            }
            let actions = self.settle(&mut batch);
            counted.send_if_modified(|counted| {
                let before = std::mem::replace(counted, self.state.lock().counted());
                before != *counted
            });
            for action in actions {
                writes.spawn(writer.clone().carry_out(action));
            }
        }
    }

    /// Ends when the state wants to be settled again.
    fn until_due(&self) -> impl Future<Output = ()> + use<> {
        let due = self.state.lock().next_due();
        let wait = due.map(|due| due.duration_since((self.clock)()));
        async move {
            match wait {
                Some(wait) => tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Books how writes ended: this one, and those that have ended meanwhile.
    fn write_ended(&self, first: Option<Outcome>, writes: &mut JoinSet<Outcome>) {
        let mut state = self.state.lock();
        let mut next = first;
        while let Some(outcome) = next {
            state.ended(outcome);
            next = writes.try_join_next().and_then(Result::ok);
        }
    }

    /// Takes in the news and decides.
    fn settle(&self, batch: &mut Vec<Event>) -> Vec<crate::state::Action> {
        let now = (self.clock)();
        let mut state = self.state.lock();
        for event in batch.drain(..) {
            match event {
                Event::Node(news) => state.node_news(*news, now),
                Event::Pod(news) => state.pod_news(*news),
                Event::Quota(news) => state.quota_news(*news),
                Event::Counted(resource, news) => state.counted_news(&resource, *news),
                Event::Workload(kind, access, news) => {
                    state.workload_news(&kind, &access, *news, self.interpreter.as_ref());
                }
            }
        }
        state.settle(self.interpreter.as_ref(), now)
    }

    fn watch_kinds(
        &self,
        kinds: &Kinds,
        watched: &mut HashMap<Kind, (Arc<KindAccess>, AbortHandle)>,
        watches: &mut JoinSet<()>,
        news: &mpsc::Sender<Event>,
    ) {
        watched.retain(|kind, (access, watch)| {
            let stays = kinds.get(kind).is_some_and(|now| now == access);
            if !stays {
                watch.abort();
                self.state.lock().kind_gone(kind);
            }
            stays
        });
        for (kind, access) in kinds {
            watched.entry(kind.clone()).or_insert_with(|| {
                let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &access.resource);
                let (event_kind, event_access) = (kind.clone(), Arc::clone(access));
                let wrap =
                    move |one| Event::Workload(event_kind.clone(), Arc::clone(&event_access), Box::new(one));
                (Arc::clone(access), watches.spawn(feed(api, news.clone(), wrap)))
            });
        }
    }
}
