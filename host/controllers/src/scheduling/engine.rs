//! The engine, shared between the loop that runs it and those who ask it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;
use windlass_api::labels::DEFAULT_SCHEDULER;
use windlass_scheduler::Limits;
use windlass_scheduler::engine::{Action, Engine, Settings};

use super::measures::Measures;
use super::pace::Pace;

/// The scheduler of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Scheduler {
    engine: Arc<Mutex<Engine>>,
    /// Where the engine's time begins.
    started: Instant,
    pace: Arc<Pace>,
    measures: Measures,
}

/// Writes of decisions that may be under way at once, at most.
const WRITES_IN_FLIGHT: usize = 32;

/// What a scheduler is given once.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// Bindings that ask for one of another name are left alone.
    pub name: String,
    /// So many writes of decisions may be under way at once.
    pub writes_in_flight: usize,
    /// Whether bindings whose policies want that take room from those of lower priority.
    pub preemption: bool,
}

impl Default for SchedulerSettings {
    fn default() -> SchedulerSettings {
        SchedulerSettings {
            name: DEFAULT_SCHEDULER.to_owned(),
            writes_in_flight: WRITES_IN_FLIGHT,
            preemption: true,
        }
    }
}

impl Default for Scheduler {
    fn default() -> Scheduler {
        Scheduler::new(SchedulerSettings::default())
    }
}

impl Scheduler {
    /// A scheduler that knows nothing yet.
    pub fn new(settings: SchedulerSettings) -> Scheduler {
        let SchedulerSettings { name, writes_in_flight, preemption } = settings;
        let pace = Pace::new(writes_in_flight.max(1));
        let settings = Settings {
            scheduler_name: name,
            writes_in_flight: pace.at_once(),
            limits: Limits::default(),
            began: Timestamp::now(),
            preemption,
        };
        Scheduler {
            engine: Arc::new(Mutex::new(Engine::new(settings))),
            started: Instant::now(),
            pace: Arc::new(pace),
            measures: Measures::default(),
        }
    }

    /// How many writes may be under way.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The name by which bindings ask for it.
    pub fn name(&self) -> String {
        self.engine.lock().settings().scheduler_name.clone()
    }

    /// Asks the engine; it is told the time. Nothing is decided meanwhile.
    pub fn ask<R>(&self, ask: impl FnOnce(&Engine, Duration) -> R) -> R {
        ask(&self.engine.lock(), self.now())
    }

    /// Forgets all: what was under way in a loop that has ended is nobody's any more, and the objects tell the rest.
    pub(super) fn begin(&self) {
        self.pace.begin();
        let mut engine = self.engine.lock();
        let settings = engine.settings().clone();
        *engine = Engine::new(settings);
    }

    /// What the loop counts.
    pub(super) fn measures(&self) -> &Measures {
        &self.measures
    }

    pub(super) fn input(&self, input: impl FnOnce(&mut Engine, Duration)) {
        input(&mut self.engine.lock(), self.now());
    }

    pub(super) fn next(&self) -> Option<Action> {
        self.engine.lock().next(self.now())
    }

    /// When there is something to do again, if nothing is heard before.
    pub(super) fn wake_at(&self) -> Instant {
        let now = self.now();
        let next = self.engine.lock().wake_at(now);
        self.started + next.unwrap_or(now + Duration::from_secs(60))
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
