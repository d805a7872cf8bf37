//! The one engine that all plugins run on: its configuration, its clock, and the places in its pool.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::seats::{Seat, Seats};

/// What the engine as a whole may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The step of the clock that deadlines are measured with.
    pub tick: Duration,
    /// The WebAssembly stack of one call; it is taken from the calling thread's own.
    pub stack_bytes: usize,
    /// The most that one plugin's memory limit may be.
    pub memory_bytes_max: usize,
    /// Instances alive at the same time, of all plugins together. Each reserves (but does not use) some 8 GiB of
    /// address space.
    pub instances: u32,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            tick: Duration::from_millis(2),
            stack_bytes: 512 << 10,
            memory_bytes_max: 1 << 30,
            instances: 1_000,
        }
    }
}

/// The engine could not be made: this machine can't reserve the pool's address space, or a limit makes no sense.
#[derive(Debug, thiserror::Error)]
#[error(
    "the WebAssembly engine can't start with {instances} instances; a lower number needs less address space"
)]
pub struct EngineError {
    instances: u32,
    source: wasmtime::Error,
}

/// The engine. Dropping the last reference stops its clock.
pub struct Engine {
    wasm: wasmtime::Engine,
    config: EngineConfig,
    places: Arc<Seats>,
    keepers: Mutex<Vec<Weak<dyn KeepsInstances>>>,
    clock: Clock,
}

/// Who keeps warm instances, and can be asked to drop one.
pub(crate) trait KeepsInstances: Send + Sync {
    /// Drops one instance that is not in use; whether there was one.
    fn drop_one(&self) -> bool;
}

/// How many instances of each part one component may have: a Rust component consists of three core instances, one
/// with an adapter for WASI preview 1 of four or five.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;
const MEMORIES_PER_COMPONENT: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 4;

impl Engine {
    /// Makes the engine and starts its clock.
    ///
    /// # Errors
    /// The operating system refuses the pool's address space.
    pub fn new(config: EngineConfig) -> Result<Arc<Engine>, EngineError> {
        let failed = |source| EngineError { instances: config.instances, source };
        let wasm = wasmtime::Engine::new(&wasm_config(&config)).map_err(failed)?;
        let clock = Clock::start(wasm.clone(), config.tick).map_err(|error| failed(error.into()))?;
        Ok(Arc::new(Engine {
            places: Seats::new(config.instances),
            keepers: Mutex::new(Vec::new()),
            clock,
            wasm,
            config,
        }))
    }

    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.wasm
    }

    /// Lets the clock run while guest code does.
    pub(crate) fn running(&self) -> Running<'_> {
        self.clock.shared.running.fetch_add(1, Ordering::SeqCst);
        let asleep = &self.clock.shared.asleep;
        if asleep.load(Ordering::SeqCst) && asleep.swap(false, Ordering::SeqCst) {
            self.clock.thread.thread().unpark();
        }
        Running(&self.clock.shared)
    }

    /// A duration in ticks of the clock, never shorter.
    pub(crate) fn ticks(&self, duration: Duration) -> u64 {
        let ticks = duration.as_nanos().div_ceil(self.config.tick.as_nanos().max(1));
        // The tick that is under way counts as one, so one more is needed.
        u64::try_from(ticks).unwrap_or(u64::MAX >> 1).saturating_add(1)
    }

    /// From now on `keeper` is asked for an instance when the pool is full.
    pub(crate) fn register(&self, keeper: Weak<dyn KeepsInstances>) {
        let mut keepers = self.keepers.lock();
        keepers.retain(|keeper| keeper.strong_count() > 0);
        keepers.push(keeper);
    }

    /// A place in the pool. If none is free, a warm instance of another plugin is given up for it.
    pub(crate) fn place(&self, wait: Duration) -> Option<Seat> {
        if let Some(seat) = self.places.try_take() {
            return Some(seat);
        }
        let keepers: Vec<_> = {
            let mut keepers = self.keepers.lock();
            // Who is asked first changes, so that no plugin's instances pay for all.
            if keepers.len() > 1 {
                keepers.rotate_left(1);
            }
            keepers.iter().filter_map(Weak::upgrade).collect()
        };
        keepers
            .iter()
            .filter(|keeper| keeper.drop_one())
            .find_map(|_| self.places.try_take())
            .or_else(|| self.places.take(wait))
    }

    /// Whether somebody waits for a place in the pool.
    pub(crate) fn contended(&self) -> bool {
        self.places.contended()
    }
}

fn wasm_config(config: &EngineConfig) -> Config {
    let EngineConfig { tick: _, stack_bytes, memory_bytes_max, instances } = *config;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memory_size(memory_bytes_max)
        // Resetting what a call touched by writing is cheaper than by unmapping, up to about this size.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(64);

    let mut wasm = Config::new();
    wasm.allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .max_wasm_stack(stack_bytes)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        // Plugins are stripped, so a backtrace names nothing; the panic's own message is kept instead.
        .wasm_backtrace_max_frames(None::<NonZeroUsize>);
    wasm
}

/// Held while guest code runs.
pub(crate) struct Running<'a>(&'a ClockState);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The thread that advances the engine's epoch. It sleeps while no guest code has run for a while.
struct Clock {
    shared: Arc<ClockState>,
    thread: JoinHandle<()>,
}

struct ClockState {
    running: AtomicU64,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

/// The clock goes on so many ticks after the last call, so that steady calls never wake it.
const IDLE_TICKS_UNTIL_SLEEP: u32 = 500;

impl Clock {
    fn start(wasm: wasmtime::Engine, tick: Duration) -> std::io::Result<Clock> {
        let shared = Arc::new(ClockState {
            running: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let state = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("plugin-clock".into()).spawn(move || state.run(&wasm, tick))?;
        Ok(Clock { shared, thread })
    }
}

impl ClockState {
    fn run(&self, wasm: &wasmtime::Engine, tick: Duration) {
        let mut idle_ticks = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            std::thread::sleep(tick);
            wasm.increment_epoch();
            idle_ticks = if self.running.load(Ordering::SeqCst) == 0 { idle_ticks + 1 } else { 0 };
            if idle_ticks >= IDLE_TICKS_UNTIL_SLEEP {
                idle_ticks = 0;
                self.asleep.store(true, Ordering::SeqCst);
                // A call that began since saw `asleep` and unparks, or is seen here: never neither.
                while self.asleep.load(Ordering::SeqCst)
                    && self.running.load(Ordering::SeqCst) == 0
                    && !self.stopped.load(Ordering::SeqCst)
                {
                    std::thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
            }
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // The thread ends at its next tick; nobody waits for it, and it holds nothing but the epoch.
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_shorter_than_asked_for() {
        let engine =
            Engine::new(EngineConfig { instances: 4, ..EngineConfig::default() }).expect("an engine");
        assert_eq!(engine.ticks(Duration::from_millis(2)), 2);
        assert_eq!(engine.ticks(Duration::from_millis(3)), 3);
        assert_eq!(engine.ticks(Duration::ZERO), 1);
    }
}
