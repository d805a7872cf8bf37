//! What is to be looked at again when its time has come.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::quotas::ObjectKey;
use super::{State, WorkloadKey};
use crate::feed::Key;

/// What a timer is for. One that is not needed any more is let run out: who handles it looks whether it still holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The status of a workload has waited long enough for its pods.
    Status(WorkloadKey),
    /// A pod starts, ends or starts again.
    Life(Key),
    /// A workload that has ended may be forgotten.
    Forget(WorkloadKey),
    /// An object that was admitted should have been seen by now.
    Admitted(ObjectKey),
}

/// Timers, the next one first.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, Due)>);

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, due: Due) {
        self.0.insert((at, due));
    }

    fn pop(&mut self, now: Timestamp) -> Option<Due> {
        if self.0.first()?.0 > now {
            return None;
        }
        self.0.pop_first().map(|(_, due)| due)
    }
}

impl State {
    /// When the state wants to be settled again, even if there is no news.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.0.first().map(|(at, _)| *at)
    }

    pub(super) fn settle_timers(&mut self, now: Timestamp) {
        while let Some(due) = self.timers.pop(now) {
            match due {
                Due::Status(workload) | Due::Forget(workload) => {
                    self.dirty.insert(workload);
                }
                Due::Admitted(object) => self.admission_lapsed(&object, now),
                Due::Life(pod) => {
                    self.lives.insert(pod);
                }
            }
        }
    }
}
