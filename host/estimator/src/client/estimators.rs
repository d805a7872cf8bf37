//! The estimators of all members.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kube::Client;
use parking_lot::RwLock;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_api::cluster::{Cluster, ClusterSyncMode};
use windlass_scheduler::{Answers, OpenQuestion};

use super::connection::CallError;
use super::member::{Common, Member};
use super::{MemberEstimators, Options};
use crate::protocol::ObjectReference;
use crate::tls::TlsError;

/// News that a slow listener may fall behind; after that it looks at everything.
const CHANGES_MAX: usize = 1024;

/// One task a member, each ended with its member or with `shutdown`.
pub struct Estimators {
    common: Arc<Common>,
    members: RwLock<BTreeMap<String, Arc<Member>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Estimators {
    /// Finds them by the Services of `control_plane`. Nobody is asked before [`MemberEstimators::cluster`] tells of a
    /// cluster.
    ///
    /// # Errors
    /// The certificates of `options` can't be used.
    pub fn new(
        control_plane: Client,
        options: Options,
        shutdown: CancellationToken,
    ) -> Result<Estimators, TlsError> {
        let tls = options.files.config()?;
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let common = Common {
            control_plane,
            options,
            tls,
            changes,
            started: Instant::now(),
            calls: AtomicU64::new(0),
        };
        Ok(Estimators {
            common: Arc::new(common),
            members: RwLock::default(),
            tasks: TaskTracker::new(),
            shutdown,
        })
    }

    /// How many times any of them was asked for an estimate.
    pub fn calls(&self) -> u64 {
        self.common.calls.load(Ordering::Relaxed)
    }

    /// How many of a workload's pods have found no node in the cluster for longer than `threshold`. `None`: there is
    /// no estimator to ask, or it can't tell.
    ///
    /// # Errors
    /// The estimator failed.
    pub async fn unschedulable(
        &self,
        cluster: &str,
        workload: ObjectReference,
        threshold: Duration,
    ) -> Result<Option<i64>, CallError> {
        match self.member(cluster) {
            Some(member) => member.unschedulable(workload, threshold).await,
            None => Ok(None),
        }
    }

    fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.members.read().get(name).cloned()
    }
}

impl MemberEstimators for Estimators {
    fn cluster(&self, name: &str, cluster: Option<&Cluster>) {
        let skip = self.common.options.skip_pull_mode;
        let asked = cluster.filter(|cluster| !(skip && cluster.spec.sync_mode == ClusterSyncMode::Pull));
        let Some(cluster) = asked else {
            if let Some(member) = self.members.write().remove(name) {
                member.gone.cancel();
                let _ = self.common.changes.send(name.to_owned());
            }
            return;
        };
        let summary = cluster.status.as_ref().and_then(|status| status.resource_summary.clone());
        if let Some(member) = self.member(name) {
            let mut reported = member.reported.lock();
            if *reported != summary {
                *reported = summary;
                member.changed();
            }
            return;
        }
        let member = Member::new(name.to_owned(), Arc::clone(&self.common), self.shutdown.child_token());
        *member.reported.lock() = summary;
        let member = Arc::new(member);
        self.members.write().insert(name.to_owned(), Arc::clone(&member));
        self.tasks.spawn(member.run());
        let _ = self.common.changes.send(name.to_owned());
    }

    fn answers(&self, cluster: &str) -> Option<Arc<Answers>> {
        Some(self.member(cluster)?.answers())
    }

    fn ask(&self, OpenQuestion { cluster, question }: OpenQuestion) {
        match self.member(&cluster) {
            Some(member) => member.ask(question),
            // Whoever asks about one that is gone is told to look again.
            None => {
                let _ = self.common.changes.send(cluster);
            }
        }
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.common.changes.subscribe()
    }
}
