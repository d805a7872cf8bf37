//! A binding that was refused, and what has been said about it.

use std::time::Duration;

use windlass_api::Key;
use windlass_api::conditions::{SCHEDULED, scheduled};
use windlass_api::work::Binding;

use super::{Action, Decided, Engine, Note, Told, eviction};
use crate::queue::{Popped, Waiting};
use crate::refusal::Refusal;

/// How often the wording of a refusal that stays the same but for its numbers is brought up to date.
const REWORDED_EVERY: Duration = Duration::from_secs(5);

/// Why a binding was refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// `None`: by a quota, when it was written.
    pub(super) refusal: Option<Refusal>,
    pub(super) message: String,
    /// The message that was noted.
    noted: String,
    /// When another may be.
    pub(super) tell_at: Duration,
    generation: Option<i64>,
}

impl Refused {
    pub(super) fn is_by_quota(&self) -> bool {
        self.refusal.is_none()
    }
}

impl Engine {
    /// A binding stays where it is, or nowhere, until an event may have changed that. `None`: a quota refused it.
    pub(super) fn refuse(
        &mut self,
        popped: Popped<Key>,
        on: &Binding,
        refusal: Option<Refusal>,
        message: String,
        now: Duration,
    ) {
        let key = popped.key.clone();
        self.roomier.extend(self.promises.settled(&mut self.clusters, &key, now));
        if let Some(known) = self.bindings.get_mut(&key) {
            known.is_refused(on);
        }
        let old = self.refusals.remove(&key);
        if let Some(old) = &old {
            self.untold.remove(&(old.tell_at, key.clone()));
        }
        // Numbers apart: they change with every pod.
        let wording = |text: &str| text.split(|digit: char| digit.is_ascii_digit()).collect::<String>();
        let kind = |refusal: &Option<Refusal>| {
            refusal.as_ref().map(|refusal| (refusal.reason, wording(&refusal.summary)))
        };
        let same = old.as_ref().filter(|old| kind(&old.refusal) == kind(&refusal));
        if same.is_none() && self.reserved.get(&key).is_none() {
            self.tell(&key, on, Told::Refused, message.clone());
        }
        let generation = on.metadata.generation;
        let mut refused =
            Refused { refusal, message, noted: String::new(), tell_at: now + REWORDED_EVERY, generation };
        match same {
            Some(old)
                if old.generation == generation && (old.noted == refused.message || now < old.tell_at) =>
            {
                (refused.noted, refused.tell_at) = (old.noted.clone(), old.tell_at);
                if refused.noted != refused.message {
                    self.untold.insert((refused.tell_at, key.clone()));
                }
            }
            _ => self.note_refusal(&key, &mut refused),
        }
        let by_quota = refused.is_by_quota();
        self.refusals.insert(key, refused);
        if by_quota {
            // No cluster's event helps, were it the one that came while this was being written.
            self.queue.park(popped, now);
        } else {
            self.queue.unschedulable(popped, now);
        }
    }

    /// Brings the wording of refusals up to date that were put off.
    pub(super) fn reword(&mut self, now: Duration) {
        while let Some((at, key)) = self.untold.pop_first() {
            if at > now {
                self.untold.insert((at, key));
                return;
            }
            if let Some(mut refused) = self.refusals.remove(&key) {
                refused.tell_at = now + REWORDED_EVERY;
                self.note_refusal(&key, &mut refused);
                self.refusals.insert(key, refused);
            }
        }
    }

    /// A binding has changed in a way that does not matter: what it was refused for holds for it as it is now.
    pub(super) fn note_still_refused(&mut self, key: &Key) {
        let Some(known) = self.bindings.get_mut(key) else { return };
        let generation = known.binding.metadata.generation;
        let waits = matches!(self.queue.waiting(key), Some(Waiting::Unschedulable { .. }));
        let Some(mut refused) = self.refusals.remove(key) else { return };
        // A scheduler that was there before may have had its say after this one.
        let said = known.is_noted() && known.condition(SCHEDULED) != Some(scheduled::SUCCESS);
        if waits && (refused.generation != generation || !said) {
            known.is_refused(&known.binding.clone());
            refused.generation = generation;
            self.note_refusal(key, &mut refused);
        }
        self.refusals.insert(key.clone(), refused);
    }

    fn note_refusal(&mut self, key: &Key, refused: &mut Refused) {
        refused.noted.clone_from(&refused.message);
        let mut reason =
            refused.refusal.as_ref().map_or(scheduled::QUOTA_EXCEEDED, |refusal| refusal.reason.name());
        let mut message = refused.message.clone();
        let preempted = self.bindings.get(key).and_then(|known| eviction::why(&known.binding));
        if let Some(why) = preempted.filter(|_| reason == scheduled::UNSCHEDULABLE) {
            (reason, message) = (scheduled::PREEMPTED, format!("{why}; {message}"));
        }
        self.outbox.push_back(Action::Note(Note {
            key: key.clone(),
            status: false,
            reason,
            message,
            decided: Some(Decided { generation: refused.generation, ..Decided::default() }),
        }));
    }
}
