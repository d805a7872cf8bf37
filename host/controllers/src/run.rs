//! Wires the control loops together and runs them.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_core::Gvk;

use crate::binding::Bindings;
use crate::cluster::{Clusters, Timing};
use crate::context::Context;
use crate::dependencies::{Dependencies, Registry};
use crate::descheduler::Descheduler;
use crate::detector::{Detector, Policies};
use crate::events::Events;
use crate::execution::{Applier, Execution, Namespaces};
use crate::index::{Index, Key, MemberObjects};
use crate::listen::{self, Kinds, Queues, requeue_works, template_of};
use crate::member_clients::{MemberChange, MemberClients, MemberRooms};
use crate::queue::{Priority, Queue};
use crate::quota::{self, Quotas};
use crate::rebalancer::{self, Rebalancers};
use crate::runner::{self, Reconcile};
use crate::scheduling::{Intake, Scheduling};
use crate::status::{BindingStatuses, Notes, Observations, Reflection, TemplateStatuses, WorkStatuses};

/// Runs every control loop until `shutdown`, and returns when all have ended.
pub async fn run(context: Context, shutdown: CancellationToken) {
    let tasks = TaskTracker::new();
    let loops = Loops::new(context, &tasks, &shutdown);
    loops.listen();
    loops.index.start(&tasks, &shutdown);
    tokio::select! {
        () = loops.index.synced() => loops.start(&tasks, &shutdown),
        () = shutdown.cancelled() => {}
    }
    shutdown.cancelled().await;
    tasks.close();
    tasks.wait().await;
}

struct Loops {
    context: Context,
    index: Arc<Index>,
    objects: Arc<MemberObjects>,
    queues: Arc<Queues>,
    notes: Arc<Notes>,
    observations: Arc<Observations>,
    events: Events,
    registry: Arc<Registry>,
    kinds: Kinds,
}

impl Loops {
    fn new(context: Context, tasks: &TaskTracker, shutdown: &CancellationToken) -> Loops {
        let queues = Arc::new(Queues::default());
        let (events, publish) = Events::new(context.client.clone(), shutdown.clone());
        tasks.spawn(publish.instrument(tracing::info_span!("events")));
        Loops {
            index: Arc::new(Index::new(context.client.clone(), shutdown.clone())),
            objects: Arc::new(MemberObjects::new(shutdown.clone())),
            notes: Arc::new(Notes::new(queues.binding_statuses.clone(), context.clock.clone())),
            observations: Arc::new(Observations::new(queues.work_statuses.clone())),
            registry: Arc::default(),
            kinds: Kinds::default(),
            queues,
            events,
            context,
        }
    }

    fn listen(&self) {
        listen::register(&self.index, &self.objects, &self.registry, &self.queues, &self.notes, &self.kinds);
        quota::listen(&self.index, &self.context.quotas, &self.queues.quotas);
        rebalancer::listen(&self.index, &self.queues.rebalancers);
    }

    fn start(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let Context {
            client,
            interpreter,
            interpreters_changed,
            members,
            rooms,
            waiting,
            quotas,
            clock,
            scheduler,
            descheduled,
            options,
        } = self.context.clone();
        let Loops { index, objects, queues, notes, observations, events, registry, kinds, .. } = self;
        quotas.complete();
        let spawn = Spawn { tasks, shutdown, queues: queues.clone(), concurrency: options.concurrency };

        spawn.controller(
            Policies { client: client.clone(), index: index.clone(), templates: queues.templates.clone() },
            &queues.policies,
        );
        spawn.controller(
            Detector {
                client: client.clone(),
                index: index.clone(),
                interpreter: interpreter.clone(),
                events: events.clone(),
                notes: notes.clone(),
            },
            &queues.templates,
        );
        spawn.controller(
            Dependencies {
                index: index.clone(),
                interpreter: interpreter.clone(),
                events: events.clone(),
                registry: registry.clone(),
                kinds: kinds.clone(),
            },
            &queues.dependencies,
        );
        let clusters = Clusters {
            index: index.clone(),
            client: client.clone(),
            members: members.clone(),
            rooms: rooms.clone(),
            clock: clock.clone(),
            timing: Timing::default(),
        };
        spawn.task("clusters", clusters.run(shutdown.clone()));
        spawn.controller(
            Quotas {
                index: index.clone(),
                client: client.clone(),
                ledger: quotas.clone(),
                events: events.clone(),
                scheduling: queues.scheduling.clone(),
                told: Mutex::default(),
            },
            &queues.quotas,
        );
        spawn.controller(
            Rebalancers {
                index: index.clone(),
                client: client.clone(),
                events: events.clone(),
                clock: clock.clone(),
            },
            &queues.rebalancers,
        );
        if let Some(options) = options.descheduling {
            let descheduler = Descheduler {
                index: index.clone(),
                waiting,
                events: events.clone(),
                options,
                counts: descheduled,
                recent: Default::default(),
            };
            spawn.task("descheduler", descheduler.run(shutdown.clone()));
        }
        let scheduling = Scheduling {
            scheduler,
            index: index.clone(),
            rooms: rooms.clone(),
            intake: queues.scheduling.clone(),
            notes: notes.clone(),
            events: events.clone(),
            quotas: Some(quotas),
            interpreter: Some(interpreter.clone()),
        };
        spawn.task("scheduling", scheduling.run(shutdown.clone()));
        spawn.task("rooms", follow_rooms(rooms, index.clone(), queues.scheduling.clone()));
        spawn.controller(
            Bindings { index: index.clone(), interpreter: interpreter.clone(), events: events.clone() },
            &queues.bindings,
        );
        spawn.controller(
            Execution {
                client: client.clone(),
                index: index.clone(),
                members: members.clone(),
                applier: Applier::new(objects.clone(), interpreter.clone(), options.member_timeout),
                observations: observations.clone(),
                events: events.clone(),
            },
            &queues.works,
        );
        spawn.controller(Namespaces { index: index.clone() }, &queues.namespaces);
        spawn.controller(
            Reflection {
                index: index.clone(),
                members: objects.clone(),
                interpreter: interpreter.clone(),
                observations: observations.clone(),
                events: events.clone(),
            },
            &queues.member_objects,
        );
        spawn.follower(
            WorkStatuses { index: index.clone(), observations: observations.clone(), clock },
            &queues.work_statuses,
        );
        spawn.follower(
            BindingStatuses { index: index.clone(), notes: notes.clone() },
            &queues.binding_statuses,
        );
        spawn.follower(
            TemplateStatuses { client, index: index.clone(), interpreter, events: events.clone() },
            &queues.template_statuses,
        );

        spawn.task("kinds", watch_kinds(index.clone(), registry.clone(), kinds.clone()));
        spawn.task("members", follow_members(members, index.clone(), objects.clone(), queues.clone()));
        spawn.task(
            "interpreters",
            follow_interpreters(interpreters_changed, index.clone(), objects.clone(), queues.clone()),
        );
        kinds.notify_one();
    }
}

/// Starts tasks that end with `shutdown`.
struct Spawn<'a> {
    tasks: &'a TaskTracker,
    shutdown: &'a CancellationToken,
    queues: Arc<Queues>,
    concurrency: usize,
}

/// From this many objects on their way on, those that follow them give way.
const BUSY: usize = 16;

impl Spawn<'_> {
    fn controller<R: Reconcile>(&self, reconciler: R, queue: &Arc<Queue<R::Key>>) {
        let concurrency = self.concurrency;
        self.run(reconciler, queue, move || concurrency);
    }

    /// Starts a controller that writes what follows from objects that have arrived. While many are still on their
    /// way it goes on one by one: the store's time goes to them, and what is late is written once instead of often.
    fn follower<R: Reconcile>(&self, reconciler: R, queue: &Arc<Queue<R::Key>>) {
        let (concurrency, queues) = (self.concurrency, self.queues.clone());
        self.run(reconciler, queue, move || {
            let on_their_way = queues.templates.load() + queues.bindings.load() + queues.works.load();
            if on_their_way < BUSY { concurrency } else { 1 }
        });
    }

    fn run<R: Reconcile>(
        &self,
        reconciler: R,
        queue: &Arc<Queue<R::Key>>,
        concurrency: impl Fn() -> usize + Send + 'static,
    ) {
        let running = runner::run(Arc::new(reconciler), queue.clone(), concurrency, self.shutdown.clone());
        self.tasks.spawn(running.instrument(tracing::info_span!("controller", name = R::NAME)));
    }

    fn task(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        let task = async move {
            tokio::select! {
                () = task => {}
                () = shutdown.cancelled() => {}
            }
        };
        self.tasks.spawn(task.instrument(tracing::info_span!("task", name)));
    }
}

/// Keeps watches on the kinds that policies select and that bindings are of.
async fn watch_kinds(index: Arc<Index>, registry: Arc<Registry>, kinds: Kinds) {
    loop {
        kinds.notified().await;
        let policies = index.policies.all().into_iter().chain(index.cluster_policies.all());
        let mut wanted: BTreeSet<Gvk> = policies
            .flat_map(|policy| {
                let selectors = policy.spec.resource_selectors.iter();
                selectors.map(|selector| Gvk::new(&selector.api_version, &selector.kind)).collect::<Vec<_>>()
            })
            .collect();
        wanted.extend(index.all_bindings().map(|binding| template_of(&binding).gvk));
        wanted.extend(registry.kinds());
        index.templates.want(&wanted);
    }
}

/// A member that joins gets its Works; one that leaves is watched no more.
async fn follow_members(
    members: Arc<dyn MemberClients>,
    index: Arc<Index>,
    objects: Arc<MemberObjects>,
    queues: Arc<Queues>,
) {
    let mut changes = members.changes();
    for cluster in members.clusters() {
        requeue_works(&index, &queues, &cluster, Priority::Replay);
    }
    loop {
        match changes.recv().await {
            Ok(MemberChange::Joined(cluster)) => {
                objects.forget(&cluster);
                requeue_works(&index, &queues, &cluster, Priority::Fresh);
            }
            Ok(MemberChange::Left(cluster)) => {
                objects.forget(&cluster);
                requeue_works(&index, &queues, &cluster, Priority::Fresh);
            }
            Err(RecvError::Lagged(_)) => {
                for cluster in members.clusters() {
                    objects.forget(&cluster);
                    requeue_works(&index, &queues, &cluster, Priority::Fresh);
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// A member whose room changes is looked at again by the scheduler.
pub(crate) async fn follow_rooms(rooms: Arc<dyn MemberRooms>, index: Arc<Index>, intake: Arc<Intake>) {
    let mut changes = rooms.changes();
    loop {
        match changes.recv().await {
            Ok(cluster) => intake.cluster(&cluster),
            Err(RecvError::Lagged(_)) => {
                for cluster in index.clusters.all() {
                    intake.cluster(cluster.metadata.name.as_deref().unwrap_or_default());
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// What was interpreted may be interpreted otherwise, and what failed may succeed.
async fn follow_interpreters(
    mut changed: tokio::sync::watch::Receiver<u64>,
    index: Arc<Index>,
    objects: Arc<MemberObjects>,
    queues: Arc<Queues>,
) {
    while changed.changed().await.is_ok() {
        for template in index.templates.filter(|_| true) {
            queues.templates.add_with(template.id().clone(), Priority::Replay);
        }
        for object in objects.all() {
            queues.member_objects.add_with(object, Priority::Replay);
        }
        for binding in index.all_bindings() {
            queues.bindings.add_with(Key::of(&binding.metadata), Priority::Replay);
            queues.template_statuses.add_with(template_of(&binding), Priority::Replay);
        }
    }
}
