//! What one plugin may use, and how its instances live.

use std::time::Duration;

/// The limits of one plugin. The size of the WebAssembly stack is the engine's, the same for all
/// ([`EngineConfig::stack_bytes`](crate::EngineConfig)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time that starting an instance may take, and each call for itself. An overrun ends the call within a
    /// few ticks of the engine's clock.
    pub deadline: Duration,
    /// All linear memory of one instance. At most [`EngineConfig::memory_bytes_max`](crate::EngineConfig).
    pub memory_bytes: usize,
    /// What one answer may hold, as the host counts it when it copies the answer out.
    pub answer_bytes: usize,
    /// Calls that run at the same time; as many warm instances are kept at most.
    pub concurrency: u32,
    /// How long a call waits for one of those places, and then for a place in the engine's pool.
    pub queue_wait: Duration,
    /// An instance is replaced by a fresh one after so many calls.
    pub calls_per_instance: u32,
    /// An instance whose memory has grown beyond this is dropped after its call instead of kept warm.
    pub resident_bytes: usize,
    pub isolation: Isolation,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            deadline: Duration::from_millis(500),
            memory_bytes: 128 << 20,
            answer_bytes: 16 << 20,
            concurrency: 32,
            queue_wait: Duration::from_secs(1),
            calls_per_instance: 10_000,
            resident_bytes: 16 << 20,
            isolation: Isolation::Warm,
        }
    }
}

/// What one call leaves behind for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Instances are kept and used again.
    Warm,
    /// Each call gets an instance of its own: nothing in its memory survives the call.
    PerCall,
}

impl Isolation {
    /// `Warm` or `PerCall`.
    pub const fn name(self) -> &'static str {
        match self {
            Isolation::Warm => "Warm",
            Isolation::PerCall => "PerCall",
        }
    }
}
