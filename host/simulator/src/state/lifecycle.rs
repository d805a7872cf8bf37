//! A pod on its node: its containers start, become ready or not, crash, start again, and end.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::pods::{PodEntry, Stage};
use super::timers::Due;
use super::{Action, State};
use crate::behaviour::{Behaviour, back_off};
use crate::feed::Key;
use crate::pod_status::{Addresses, Doing, Reported, on_node};

/// How fast a member is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// From a pod's binding to its being ready.
    pub(crate) startup_delay: SignedDuration,
    /// How long pods run that are to end and don't say when.
    pub(crate) run_time: SignedDuration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { startup_delay: SignedDuration::from_millis(20), run_time: SignedDuration::from_secs(3) }
    }
}

/// What is next for a pod.
enum Step {
    /// Nothing, unless something happens.
    Rest,
    Later(Timestamp),
    Now(Doing<'static>),
    /// As `Now`, for a reason of its own.
    Hold(String),
}

fn after(
    since: Timestamp,
    wait: SignedDuration,
    now: Timestamp,
    doing: impl FnOnce() -> Doing<'static>,
) -> Step {
    match since.checked_add(wait) {
        Ok(at) if at <= now => Step::Now(doing()),
        Ok(at) => Step::Later(at),
        Err(_) => Step::Rest,
    }
}

impl PodEntry {
    fn next_step(&self, behaviour: &Behaviour, node_ready: bool, pace: Pace, now: Timestamp) -> Step {
        let reported = &self.reported;
        let ready = behaviour.ready && node_ready;
        let runs = || Doing::Running { ready, began: now };
        match self.stage {
            Stage::Bound => match &behaviour.waiting_reason {
                Some(_) if reported.held_back => Step::Rest,
                Some(reason) => Step::Hold(reason.clone()),
                None if !node_ready => Step::Rest,
                None => after(self.bound.unwrap_or(now), pace.startup_delay, now, runs),
            },
            Stage::Running if reported.held_back => {
                after(reported.run_ended.unwrap_or(now), back_off(reported.restarts), now, runs)
            }
            Stage::Running => {
                let began = reported.run_began.unwrap_or(now);
                let ends = behaviour.run_time.map(|run_time| {
                    let exit_code = behaviour.exit_code;
                    after(began, run_time, now, || match behaviour.restarts(self.restarts) {
                        true => Doing::BackingOff { exit_code },
                        false => Doing::Ended { exit_code },
                    })
                });
                match ends {
                    // A node that isn't there to tell doesn't.
                    Some(Step::Now(doing)) if node_ready => Step::Now(doing),
                    _ if ready != reported.ready => Step::Now(Doing::Running { ready, began }),
                    Some(Step::Now(_)) | None => Step::Rest,
                    Some(step) => step,
                }
            }
            Stage::Creating | Stage::Waiting | Stage::Binding | Stage::Ended => Step::Rest,
        }
    }

    /// Books what the containers do from now on, more exactly than whole seconds tell.
    fn book(&mut self, doing: &Doing<'_>, now: Timestamp) {
        let reported = &mut self.reported;
        reported.started.get_or_insert(now);
        match doing {
            Doing::Running { ready, began } => {
                if reported.held_back && self.stage == Stage::Running {
                    reported.restarts += 1;
                }
                *reported =
                    Reported { ready: *ready, held_back: false, run_began: Some(*began), ..reported.clone() };
            }
            Doing::Waiting { .. } => reported.held_back = true,
            Doing::BackingOff { .. } | Doing::Ended { .. } => {
                *reported =
                    Reported { ready: false, held_back: true, run_ended: Some(now), ..reported.clone() };
            }
        }
    }
}

impl State {
    /// Takes every pod that may have something to do a step further.
    pub(super) fn settle_lives(&mut self, now: Timestamp) {
        for key in std::mem::take(&mut self.lives) {
            if self.has_to_leave(&key, now) {
                self.delete_pod(&key);
            } else if let Some((uid, status)) = self.live(&key, now) {
                self.actions.push(Action::PodStatus { key, uid, status });
            }
        }
    }

    /// Whether its node's taints drive the pod away; if they will later, it is looked at again then.
    fn has_to_leave(&mut self, key: &Key, now: Timestamp) -> bool {
        let Some(entry) = self.pods.get(key).filter(|entry| entry.stage != Stage::Ended) else {
            return false;
        };
        let node = entry.node.as_ref().and_then(|node| self.nodes.get(node));
        match node.and_then(|node| node.leave_at(&entry.needs)) {
            Some(at) if at > now => {
                self.timers.set(at, Due::Life(key.clone()));
                false
            }
            leave => leave.is_some(),
        }
    }

    fn live(&mut self, key: &Key, now: Timestamp) -> Option<(String, Value)> {
        let entry = self.pods.get_mut(key)?;
        if entry.writing.is_some() || entry.deleting {
            return None;
        }
        // Bound by its creator to a node that isn't there: it stays pending, as without a kubelet.
        let node = entry.node.as_deref()?;
        let room = self.nodes.get(node)?;
        let host = self.host_ips.get(node)?;
        if entry.stage == Stage::Bound {
            entry.bound.get_or_insert(now);
        }
        let owner = entry.owner.as_ref().and_then(|owner| self.workload_of_uid.get(owner));
        let owner = owner.and_then(|owner| self.workloads.get(owner)).map(|owner| &owner.wishes);
        let behaviour = Behaviour::of(&entry.wishes, owner, entry.restarts, self.pace.run_time);
        let reason;
        let doing = match entry.next_step(&behaviour, room.is_ready(), self.pace, now) {
            Step::Rest => return None,
            Step::Later(at) => {
                self.timers.set(at, Due::Life(key.clone()));
                return None;
            }
            Step::Now(doing) => doing,
            Step::Hold(why) => {
                reason = why;
                Doing::Waiting { reason: &reason }
            }
        };
        let pod_address;
        let addresses = if entry.reported.started.is_none() {
            self.addresses += 1;
            let [_, high, middle, low] = self.addresses.to_be_bytes();
            // 10.64.0.0/10, apart from the nodes' own addresses.
            pod_address = format!("10.{}.{middle}.{low}", 64 + high % 64);
            Some(Addresses { host, pod: &pod_address })
        } else {
            None
        };
        entry.writing = Some(entry.reported.clone());
        entry.book(&doing, now);
        let status = on_node(&doing, &entry.containers, &entry.reported, addresses.as_ref(), now);
        Some((entry.uid.clone(), status))
    }
}
