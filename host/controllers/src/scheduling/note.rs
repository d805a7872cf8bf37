//! What the engine notes, as the writers of statuses take it.

use k8s_openapi::jiff::Timestamp;
use windlass_api::conditions::SCHEDULED;
use windlass_scheduler::engine::Note;

use crate::status::{self, Decision, NewCondition, Notes};

/// Keeps a note for the one who writes the binding's status.
pub(super) fn keep(notes: &Notes, note: Note) {
    let (key, note) = (note.key.clone(), noted(note, (notes.clock)()));
    notes.add(&key, note);
}

/// A note that is made now.
pub(super) fn noted(note: Note, now: Timestamp) -> status::Note {
    let Note { key: _, status, reason, message, decided } = note;
    let condition = NewCondition { status, reason: reason.to_owned(), message };
    status::Note {
        conditions: [(SCHEDULED, Some(condition))].into(),
        decision: decided.map(|decided| Decision {
            observed_generation: decided.generation,
            affinity_name: decided.affinity,
            scheduled_at: decided.chosen.then_some(now),
        }),
    }
}
