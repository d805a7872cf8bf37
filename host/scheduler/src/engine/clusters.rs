//! What a change of a cluster means, and to whom.

use std::time::Duration;

use windlass_api::Key;

use super::concerns::may_help;
use super::{Engine, ROOM_EVENTS_EVERY};
use crate::refusal::{Reason, Why};
use crate::snapshot::ClusterState;

/// What a change of a cluster may mean for bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing that the scheduler looks at.
    Nothing,
    /// There may be more room than before.
    Room,
    /// It may be allowed where it was not, or the other way round.
    Allowed,
}

impl Engine {
    /// A cluster is so; its promises are the engine's to know, and not read.
    pub fn cluster(&mut self, mut state: ClusterState, now: Duration) {
        let old = self.clusters.get(&state.name).cloned();
        let name = state.name.clone();
        state.promises.clear();
        let meaning = match old.as_deref() {
            None => Meaning::Allowed,
            Some(old) => {
                state.promises.clone_from(&old.promises);
                meaning(old, &state)
            }
        };
        if meaning == Meaning::Nothing {
            return;
        }
        // An answer tells nothing of what is up: others that are remembered may be older.
        let reported =
            old.as_deref().is_none_or(|old| old.capacity != state.capacity || old.room != state.room);
        let answered = old.as_deref().is_none_or(|old| old.answers != state.answers);
        self.clusters.put(state);
        if answered {
            self.answered(&name);
        }
        if old.is_none() {
            self.promises.restore(&mut self.clusters, &name);
            for key in self.concerns.placed_on(&name) {
                if let Some(known) = self.bindings.get(&key) {
                    self.promises.resumed(&mut self.clusters, &key, known.placed(), &name, now);
                }
            }
        }
        if reported {
            self.promises.reported(&mut self.clusters, &name, now);
        }
        self.roomier.insert(name.clone());
        if meaning == Meaning::Allowed {
            let new = self.clusters.get(&name).cloned();
            self.concern(&name, old.as_deref(), new.as_deref(), now);
        }
    }

    /// A cluster is gone.
    pub fn cluster_gone(&mut self, name: &str, now: Duration) {
        let Some(old) = self.clusters.get(name).cloned() else { return };
        self.clusters.remove(name);
        self.answered(name);
        self.concern(name, Some(&old), None, now);
    }

    /// Those that were refused for want of room try again where there may be some.
    pub(super) fn tell_rooms(&mut self, now: Duration) {
        if self.roomier.is_empty() || now < self.rooms_told + ROOM_EVENTS_EVERY {
            return;
        }
        self.rooms_told = now;
        let roomier = std::mem::take(&mut self.roomier);
        let refusals = &self.refusals;
        self.queue.event(|key| {
            refusals.get(key).and_then(|refused| refused.refusal.as_ref()).is_some_and(|refusal| {
                let mut clusters = refusal.clusters.iter();
                clusters.any(|cluster| {
                    !matches!(cluster.why, Why::Filtered(_)) && roomier.contains(&cluster.cluster)
                })
            })
        });
    }

    /// Has those look again whom a change of a cluster concerns.
    fn concern(&mut self, name: &str, old: Option<&ClusterState>, new: Option<&ClusterState>, now: Duration) {
        let (refusals, bindings) = (&self.refusals, &self.bindings);
        self.queue.event(|key: &Key| {
            let Some(refusal) = refusals.get(key).and_then(|refused| refused.refusal.as_ref()) else {
                return false;
            };
            match (refusal.reason, refusal.clusters.is_empty()) {
                // What contradicts itself does so whatever the clusters are; too many of a kind may be fewer.
                (Reason::SchedulerError, contradiction) => !contradiction,
                _ => bindings
                    .get(key)
                    .is_some_and(|known| new.is_some_and(|new| may_help(old, new, &known.binding.spec))),
            }
        });
        let mut concerned = self.concerns.follow(old, new);
        if new.is_none_or(|new| new.deleting) {
            concerned.extend(self.concerns.placed_on(name));
        }
        for key in concerned {
            if let Some(in_flight) = self.in_flight.get_mut(&key) {
                in_flight.again = true;
            } else if let Some(known) = self.bindings.get_mut(&key) {
                known.decided = None;
                self.look_at(&key, true, now);
            }
        }
    }
}

fn meaning(old: &ClusterState, new: &ClusterState) -> Meaning {
    if !is_as_allowed(old, new) {
        Meaning::Allowed
    } else if old.capacity != new.capacity || old.room != new.room || old.answers != new.answers {
        Meaning::Room
    } else {
        Meaning::Nothing
    }
}

/// Whether both are allowed for the same bindings, whatever room they have.
fn is_as_allowed(a: &ClusterState, b: &ClusterState) -> bool {
    a.labels == b.labels
        && a.deleting == b.deleting
        && a.provider == b.provider
        && a.region == b.region
        && a.zones == b.zones
        && a.taints == b.taints
        && a.apis == b.apis
        && a.apis_complete == b.apis_complete
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cluster;
    use crate::{Capacity, Room};

    #[test]
    fn a_heartbeat_means_nothing_room_means_room_and_a_taint_means_more() {
        let bare: ClusterState = cluster("m1").into();
        assert_eq!(meaning(&bare, &bare.clone()), Meaning::Nothing);
        let roomy = ClusterState { capacity: Some(Capacity::default()), ..bare.clone() };
        assert_eq!(meaning(&bare, &roomy), Meaning::Room);
        assert_eq!(
            meaning(&bare, &ClusterState { room: Some(Room::default()), ..bare.clone() }),
            Meaning::Room
        );
        let tainted: ClusterState = cluster("m1").taint("a", "NoSchedule").into();
        assert_eq!(meaning(&bare, &tainted), Meaning::Allowed);
    }
}
