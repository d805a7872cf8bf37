//! The descheduler: from time to time it takes replicas from members that haven't been able to place them for long, and
//! the scheduler deals them out anew.

mod plan;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windlass_core::{Gvk, ObjectId};

use crate::context::Clock;
use crate::error::{is_conflict, is_not_found, message};
use crate::events::Events;
use crate::index::{Binding, Index, Key, binding_resource};
use crate::listen::template_of;
use crate::member_clients::{MemberClients, MemberRooms};
use crate::members::{Owner, pods_of};

use plan::{Short, Taken, short, taken};

/// How many bindings are looked at side by side.
const BINDINGS_AT_ONCE: usize = 16;

/// How the descheduler goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descheduling {
    /// How often all bindings are looked at.
    pub interval: Duration,
    /// How long a member may look for a place for a pod.
    pub threshold: Duration,
}

impl Default for Descheduling {
    fn default() -> Descheduling {
        Descheduling { interval: Duration::from_secs(120), threshold: Duration::from_secs(300) }
    }
}

/// Looks at all bindings, again and again.
pub(crate) struct Descheduler {
    pub(crate) index: Arc<Index>,
    pub(crate) members: Arc<dyn MemberClients>,
    pub(crate) rooms: Arc<dyn MemberRooms>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) options: Descheduling,
}

impl Descheduler {
    /// Runs until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut rounds = interval(self.options.interval.max(Duration::from_millis(1)));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = rounds.tick() => self.round().await,
            }
        }
    }

    async fn round(&self) {
        let bindings = self.index.bindings.all();
        let mut found: Vec<_> = bindings.into_iter().map(|binding| (short(&binding), binding)).collect();
        found.retain(|(short, _)| !short.is_empty());
        for some in found.chunks(BINDINGS_AT_ONCE) {
            join_all(some.iter().map(|(short, binding)| self.deschedule(binding, short))).await;
        }
    }

    async fn deschedule(&self, binding: &Binding, short: &[Short]) {
        let counted = join_all(short.iter().map(|short| self.unschedulable(binding, &short.cluster))).await;
        let names = short.iter().map(|short| short.cluster.as_str());
        let counts: HashMap<_, _> = names.zip(counted).collect();
        if let Some(taken) =
            taken(&binding.spec.clusters, short, |name| counts.get(name).copied().unwrap_or(0))
        {
            self.write(binding, taken).await;
        }
    }

    /// How many of the binding's pods a member has looked for a place for in vain, for too long. None where nobody can
    /// say: what is not known to be stuck is not moved.
    async fn unschedulable(&self, binding: &Binding, cluster: &str) -> i64 {
        let workload = template_of(binding);
        let Some(mut pods) = self.rooms.unplaced(cluster, &workload.namespace) else { return 0 };
        let threshold = SignedDuration::try_from(self.options.threshold).unwrap_or(SignedDuration::MAX);
        let before = (self.clock)().checked_sub(threshold).unwrap_or(Timestamp::MIN);
        pods.retain(|pod| pod.since.is_some_and(|since| since <= before));
        let Some(client) = self.members.client(cluster).filter(|_| !pods.is_empty()) else { return 0 };
        let owner =
            Owner { api_version: workload.gvk.api_version(), kind: workload.gvk.kind, name: workload.name };
        match pods_of(&client, &workload.namespace, &pods, &owner).await {
            Ok(count) => i64::try_from(count).unwrap_or(i64::MAX),
            Err(error) => {
                tracing::warn!(cluster, %error, "whose pods wait is not known, they stay");
                0
            }
        }
    }

    /// Takes the replicas on condition that nobody has decided anything about the binding meanwhile.
    async fn write(&self, binding: &Binding, taken: Taken) {
        let key = Key::of(&binding.metadata);
        let patch = Patch::Merge(json!({
            "metadata": {"uid": binding.metadata.uid, "resourceVersion": binding.metadata.resource_version},
            "spec": {"clusters": taken.targets},
        }));
        match self.index.binding_api(&key).patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(written) => {
                self.index.bindings_for(&key).offer(written);
                self.tell(binding, &key, &taken);
            }
            // The next round sees what has become of it.
            Err(error) if is_conflict(&error) || is_not_found(&error) => {}
            Err(error) => {
                let (about, uid) = (binding_id(&key), binding.metadata.uid.as_deref().unwrap_or_default());
                let note = format!("its replicas were not taken back: {}", message(&error));
                self.events.warn(&about, uid, "DescheduleBindingFailed", "DescheduleBinding", note);
            }
        }
    }

    fn tell(&self, binding: &Binding, key: &Key, taken: &Taken) {
        let from: Vec<_> =
            taken.from.iter().map(|(cluster, count)| format!("{count} from cluster {cluster}")).collect();
        let total: i64 = taken.from.iter().map(|(_, count)| count).sum();
        let seconds = self.options.threshold.as_secs();
        let note = format!(
            "{total} replicas that found no place for {seconds} s are dealt out anew: {}",
            from.join(", ")
        );
        let uid = |uid: Option<&str>| uid.unwrap_or_default().to_owned();
        let about = [
            (binding_id(key), uid(binding.metadata.uid.as_deref())),
            (template_of(binding), uid(Some(&binding.spec.resource.uid))),
        ];
        for (about, uid) in about {
            self.events.inform(&about, &uid, "DescheduleBindingSucceed", "DescheduleBinding", note.clone());
        }
    }
}

fn binding_id(key: &Key) -> ObjectId {
    let resource = binding_resource(!key.namespace.is_empty());
    let gvk = Gvk::new(&resource.api_version, &resource.kind);
    ObjectId { gvk, namespace: key.namespace.clone(), name: key.name.clone() }
}
