//! The scheduling loop: tells the engine what is seen, and carries out what it says.
//!
//! What is decided, and when, does not belong here: that is [`windlass_scheduler::engine`].

mod engine;
mod intake;
mod measures;
mod note;
mod pace;
mod state;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use windlass_api::Key;
use windlass_core::Interpreter;
use windlass_quota::Ledger;
use windlass_scheduler::engine::{Action, Tell, Told, WriteEnd};
use windlass_scheduler::{ClusterState, Room};

use crate::events::Events;
use crate::index::Index;
use crate::marks;
use crate::member_clients::MemberRooms;
use crate::status::Notes;

use write::Writer;

use state::States;

pub use engine::{Scheduler, SchedulerSettings};
pub(crate) use intake::Intake;

/// How many actions are carried out before others on this thread get a turn.
const ACTIONS_AT_ONCE: usize = 64;

/// What the loop needs.
pub(crate) struct Scheduling {
    pub(crate) scheduler: Scheduler,
    pub(crate) index: Arc<Index>,
    pub(crate) rooms: Arc<dyn MemberRooms>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) events: Events,
    /// What namespaces use and may use, where this process knows.
    pub(crate) quotas: Option<Arc<Ledger>>,
    /// Who knows what state those take along who leave for others; `None`: nobody does.
    pub(crate) interpreter: Option<Arc<dyn Interpreter>>,
}

/// The loop's own state: writes under way.
struct Running {
    given: Scheduling,
    writer: Arc<Writer>,
    writes: JoinSet<WriteEnd>,
    under_way: HashMap<Id, UnderWay>,
}

/// A write under way.
struct UnderWay {
    key: Key,
    attempt: u64,
    began: Instant,
    schedule_type: &'static str,
}

impl Scheduling {
    /// Runs until `shutdown`; then what is being written is waited for, and what came of it is noted.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let writer = Arc::new(Writer::new(self.index.clone(), self.quotas.clone(), self.notes.clock.clone()));
        let mut running = Running { given: self, writer, writes: JoinSet::new(), under_way: HashMap::new() };
        running.given.scheduler.begin();
        running.look_at_everything();
        loop {
            let idle = running.act();
            let intake = running.given.intake.clone();
            let wake_at = running.given.scheduler.wake_at();
            tokio::select! {
                () = shutdown.cancelled() => return running.end().await,
                () = intake.changed() => {}
                Some(ended) = running.writes.join_next_with_id() => running.finish(ended),
                () = tokio::task::yield_now(), if !idle => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }
}

impl Running {
    fn look_at_everything(&self) {
        let Scheduling { index, intake, .. } = &self.given;
        for cluster in index.clusters.all() {
            intake.cluster(cluster.metadata.name.as_deref().unwrap_or_default());
        }
        for binding in index.all_bindings() {
            intake.binding(Key::of(&binding.metadata));
        }
    }

    /// Does what there is to do, and before each of it hears what is new: somebody more urgent may have come. Whether
    /// nothing is left.
    fn act(&mut self) -> bool {
        for _ in 0..ACTIONS_AT_ONCE {
            while let Some(ended) = self.writes.try_join_next_with_id() {
                self.finish(ended);
            }
            self.take_changes();
            let began = Instant::now();
            match self.given.scheduler.next() {
                None => return true,
                Some(Action::Write(write)) => {
                    self.given.scheduler.measures().decided(began.elapsed());
                    let schedule_type = measures::schedule_type(&write);
                    let (key, attempt) = (write.key.clone(), write.attempt);
                    self.given.scheduler.pace().began();
                    let writer = self.writer.clone();
                    let states = self.states().filter(|_| write.evicted_for.is_some());
                    let task = self.writes.spawn(async move {
                        let write = match states {
                            Some(states) => states.preserved(write).await,
                            None => write,
                        };
                        writer.write(write).await
                    });
                    self.under_way.insert(task.id(), UnderWay { key, attempt, began, schedule_type });
                }
                Some(Action::Ask(questions)) => self.given.rooms.ask(questions),
                Some(Action::Note(note)) => note::keep(&self.given.notes, note),
                Some(Action::Tell(tell)) => self.tell(tell),
            }
        }
        false
    }

    fn states(&self) -> Option<States> {
        let Scheduling { index, events, interpreter, .. } = &self.given;
        let interpreter = interpreter.clone()?;
        Some(States { interpreter, index: index.clone(), events: events.clone() })
    }

    /// Decides no more, and hears of the writes under way.
    async fn end(mut self) {
        while let Some(ended) = self.writes.join_next_with_id().await {
            self.finish(ended);
        }
        // What there is to be said comes before the next decision, which is nobody's any more.
        loop {
            match self.given.scheduler.next() {
                Some(Action::Note(note)) => note::keep(&self.given.notes, note),
                Some(Action::Tell(tell)) => self.tell(tell),
                Some(Action::Write(_) | Action::Ask(_)) | None => return,
            }
        }
    }

    fn take_changes(&self) {
        let Some(changes) = self.given.intake.take() else { return };
        let Scheduling { index, rooms, scheduler, .. } = &self.given;
        scheduler.input(|engine, now| {
            for name in &changes.clusters {
                let cluster = index.cluster(name);
                rooms.follow(name, cluster.as_deref());
                match cluster {
                    Some(cluster) => {
                        let room = rooms.room(name).map(|room| Room::clone(&room));
                        let answers = rooms.answers(name);
                        engine.cluster(ClusterState { room, answers, ..ClusterState::new(&cluster) }, now);
                    }
                    None => engine.cluster_gone(name, now),
                }
            }
            for key in &changes.bindings {
                match index.binding(key) {
                    Some(binding) => engine.binding(binding, now),
                    None => engine.binding_gone(key, now),
                }
            }
            for namespace in &changes.quotas {
                engine.quota_changed(namespace);
            }
        });
    }

    fn finish(&mut self, ended: Result<(Id, WriteEnd), JoinError>) {
        let (id, end) = match ended {
            Ok((id, end)) => (id, end),
            Err(error) => (error.id(), WriteEnd::Failed("the write was broken off".to_owned())),
        };
        if let WriteEnd::Failed(message) | WriteEnd::OverQuota(message) | WriteEnd::Invalid(message) = &end {
            tracing::warn!(error = message, "a decision was not written");
        }
        if let Some(UnderWay { key, attempt, began, schedule_type }) = self.under_way.remove(&id) {
            let written = matches!(end, WriteEnd::Written(_));
            self.given.scheduler.pace().ended(Instant::now());
            self.given.scheduler.measures().attempted(written, schedule_type, began.elapsed());
            let at_once = self.given.scheduler.pace().at_once();
            self.given.scheduler.input(|engine, now| {
                engine.set_writes_in_flight(at_once);
                engine.write_ended(&key, attempt, end, now);
            });
        }
    }

    fn tell(&self, tell: Tell) {
        let Tell { key, uid, told, message } = tell;
        let (about, events) = (marks::binding_object(key), &self.given.events);
        match told {
            Told::Refused => {
                events.warn(&about, &uid, "ScheduleBindingFailed", "ScheduleBinding", message);
            }
            Told::Preempted => events.warn(&about, &uid, "Preempted", "Preempting", message),
            Told::Preempting => events.inform(&about, &uid, "Preempting", "Preempting", message),
        }
    }
}
