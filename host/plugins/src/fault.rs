//! From what the engine reports to who is to blame.

use std::time::Duration;

use wasmtime::{PoolConcurrencyLimitError, Trap};
use windlass_core::Blame;

use crate::guest::Guest;
use crate::limits::Limits;
use crate::wasi::NotOffered;

/// A call that failed, before anybody has said which plugin's and about which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) blame: Blame,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn host(message: impl Into<String>) -> Fault {
        Fault { blame: Blame::HostFault, message: message.into() }
    }

    pub(crate) fn bad_answer(message: impl Into<String>) -> Fault {
        Fault { blame: Blame::BadAnswer, message: message.into() }
    }
}

/// What the guest was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Being instantiated, its start code included.
    Start,
    /// Answering a call.
    Call,
}

/// Tells whose fault `error` is.
pub(crate) fn classify(error: &wasmtime::Error, phase: Phase, guest: &Guest, limits: &Limits) -> Fault {
    let trap = error.downcast_ref::<Trap>();
    let (blame, what) = if trap == Some(&Trap::Interrupt) {
        (Blame::Deadline, format!("did not end within {}", human(limits.deadline)))
    } else if guest.memory.denied {
        (Blame::OutOfMemory, format!("wanted more than its {} MiB of memory", limits.memory_bytes >> 20))
    } else if let Some(trap) = trap {
        (Blame::Trap, trap.to_string())
    } else if let Some(not_offered) = error.downcast_ref::<NotOffered>() {
        (Blame::Trap, not_offered.to_string())
    } else if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() || phase == Phase::Start {
        (Blame::HostFault, format!("{error:#}"))
    } else {
        // No trap, and no host function that fails: what came back is not what the contract says.
        (Blame::BadAnswer, format!("{error:#}"))
    };
    let printed = guest.printed();
    let mut message = what;
    if phase == Phase::Start {
        message.insert_str(0, "while starting: ");
    }
    if !printed.is_empty() {
        message = format!("{message}; it said: {printed}");
    }
    Fault { blame, message }
}

/// A duration as people write it: `500ms`, `2s`.
pub(crate) fn human(duration: Duration) -> String {
    if duration.subsec_millis() == 0 && duration.as_secs() > 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
