//! The scheduling loop's picture of the clusters, kept up to date piece by piece.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_api::cluster::Cluster;
use windlass_scheduler::{ClusterState, Room, Snapshot};

use super::promises::Promises;
use crate::index::Key;

/// What a change of a cluster may mean for bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing that the scheduler looks at.
    Nothing,
    /// There may be more room than before.
    Room,
    /// It may be allowed where it was not, or the other way round.
    Allowed,
}

/// All clusters.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    states: BTreeMap<String, Arc<ClusterState>>,
}

impl Clusters {
    /// Takes a cluster as its object is now; `None`: it is gone.
    pub(super) fn set(&mut self, name: &str, cluster: Option<&Cluster>, room: Option<Arc<Room>>) -> Meaning {
        let Some(cluster) = cluster else {
            return if self.states.remove(name).is_some() { Meaning::Allowed } else { Meaning::Nothing };
        };
        let state = ClusterState { room: room.map(|room| Room::clone(&room)), ..ClusterState::new(cluster) };
        let meaning = match self.states.get(name) {
            None => Meaning::Allowed,
            Some(old) if !is_as_allowed(old, &state) => Meaning::Allowed,
            Some(old) if old.capacity != state.capacity || old.room != state.room => Meaning::Room,
            Some(_) => Meaning::Nothing,
        };
        if meaning != Meaning::Nothing {
            self.states.insert(name.to_owned(), Arc::new(state));
        }
        meaning
    }

    /// The clusters as they are, promises left aside.
    pub(super) fn bare(&self) -> Snapshot {
        Snapshot::new(self.states.values().cloned())
    }

    /// The clusters as one binding sees them: less what others were promised.
    pub(super) fn snapshot(&self, promises: &Promises, asker: &Key) -> Snapshot {
        Snapshot::new(self.states.values().map(|state| {
            let promised = promises.of_cluster(&state.name, asker);
            if promised.is_empty() {
                return state.clone();
            }
            Arc::new(ClusterState { promises: promised, ..ClusterState::clone(state) })
        }))
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
    use serde_json::{Value, json};

    fn cluster(spec: Value, status: Value) -> Cluster {
        let mut spec = spec;
        spec["syncMode"] = json!("Push");
        serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": "m1"}, "spec": spec, "status": status}))
        .unwrap()
    }

    #[test]
    fn a_heartbeat_means_nothing_room_means_room_and_a_taint_means_more() {
        let mut clusters = Clusters::default();
        let bare = cluster(json!({}), json!({}));
        assert_eq!(clusters.set("m1", Some(&bare), None), Meaning::Allowed);
        let heartbeat = cluster(json!({}), json!({"kubernetesVersion": "v1.36.0"}));
        assert_eq!(clusters.set("m1", Some(&heartbeat), None), Meaning::Nothing);
        let roomy = cluster(json!({}), json!({"resourceSummary": {"allocatable": {"cpu": "4"}}}));
        assert_eq!(clusters.set("m1", Some(&roomy), None), Meaning::Room);
        assert_eq!(clusters.set("m1", Some(&roomy), Some(Arc::default())), Meaning::Room);
        let tainted = cluster(json!({"taints": [{"key": "a", "effect": "NoSchedule"}]}), json!({}));
        assert_eq!(clusters.set("m1", Some(&tainted), None), Meaning::Allowed);
        assert_eq!(clusters.set("m1", None, None), Meaning::Allowed);
        assert_eq!(clusters.set("m1", None, None), Meaning::Nothing);
    }
}
