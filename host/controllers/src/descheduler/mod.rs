//! The descheduler: from time to time it takes replicas from members that haven't been able to place them for long, and
//! the scheduler deals them out anew.

mod alone;
mod measures;
mod plan;
mod recent;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kube::api::{Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use windlass_api::errors::in_one_line;
use windlass_core::{Gvk, ObjectId};

use crate::error::{is_conflict, is_not_found, message};
use crate::events::Events;
use crate::index::{Binding, Index, Key, binding_resource};
use crate::listen::template_of;
use crate::members::WaitingPods;

pub use alone::{DeschedulerContext, run_descheduler};
pub use measures::Descheduled;
use plan::{Short, Taken, short, taken};
use recent::Recent;

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
    pub(crate) waiting: Arc<dyn WaitingPods>,
    pub(crate) events: Events,
    pub(crate) options: Descheduling,
    pub(crate) counts: Descheduled,
    /// What was taken a moment ago.
    pub(crate) recent: Mutex<Recent>,
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
        // Whoever doesn't answer is not waited for again and again.
        let silent = Mutex::default();
        let bindings = self.index.bindings.all();
        let mut found: Vec<_> = bindings.into_iter().map(|binding| (short(&binding), binding)).collect();
        {
            let mut recent = self.recent.lock();
            recent.expire(Instant::now());
            for (short, binding) in &mut found {
                short.retain(|short| !recent.is_awaited(binding, short));
            }
        }
        found.retain(|(short, _)| !short.is_empty());
        for some in found.chunks(BINDINGS_AT_ONCE) {
            join_all(some.iter().map(|(short, binding)| self.deschedule(binding, short, &silent))).await;
        }
        self.counts.rounds.inc();
    }

    async fn deschedule(&self, binding: &Binding, short: &[Short], silent: &Mutex<BTreeSet<String>>) {
        let workload = &template_of(binding);
        let counting = short.iter().map(|short| self.unschedulable(workload, &short.cluster, silent));
        let counted = join_all(counting).await;
        let names = short.iter().map(|short| short.cluster.as_str());
        let counts: HashMap<_, _> = names.zip(counted).collect();
        if let Some(taken) =
            taken(&binding.spec.clusters, short, |name| counts.get(name).copied().unwrap_or(0))
        {
            self.write(binding, short, taken).await;
        }
    }

    /// How many of the workload's pods a member has looked for a place for in vain, for too long. None where nobody can
    /// say: what is not known to be stuck is not moved.
    async fn unschedulable(
        &self,
        workload: &ObjectId,
        cluster: &str,
        silent: &Mutex<BTreeSet<String>>,
    ) -> i64 {
        if silent.lock().contains(cluster) {
            return 0;
        }
        match self.waiting.count(cluster, workload, self.options.threshold).await {
            Ok(count) => count.unwrap_or(0),
            Err(error) if error.is_of_member() => {
                if silent.lock().insert(cluster.to_owned()) {
                    let error = in_one_line(&error);
                    tracing::warn!(
                        cluster,
                        error,
                        "whose pods wait is not known, all stay until the next round"
                    );
                }
                0
            }
            Err(error) => {
                let error = in_one_line(&error);
                tracing::debug!(cluster, %workload, error, "how many of its pods wait is not known, they stay");
                0
            }
        }
    }

    /// Takes the replicas on condition that nobody has decided anything about the binding meanwhile.
    async fn write(&self, binding: &Binding, short: &[Short], taken: Taken) {
        let key = Key::of(&binding.metadata);
        let patch = Patch::Merge(json!({
            "metadata": {"uid": binding.metadata.uid, "resourceVersion": binding.metadata.resource_version},
            "spec": {"clusters": taken.targets},
        }));
        match self.index.binding_api(&key).patch(&key.name, &PatchParams::default(), &patch).await {
            Ok(written) => {
                self.index.bindings_for(&key).offer(written);
                let of =
                    short.iter().filter(|short| taken.from.iter().any(|(from, _)| *from == short.cluster));
                self.recent.lock().taken(binding, of, Instant::now());
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
        self.counts.replicas.inc_by(total.unsigned_abs());
        let seconds = self.options.threshold.as_secs();
        let what = if total == 1 { "1 replica is".to_owned() } else { format!("{total} replicas are") };
        let note = format!(
            "{what} dealt out anew, for which no place was found for {seconds} s: {}",
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
