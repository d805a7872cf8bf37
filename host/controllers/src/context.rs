//! What the control loops are given: clients, the interpreter, and options, all passed in.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;
use windlass_core::Interpreter;
use windlass_quota::Ledger;

use crate::descheduler::{Descheduled, Descheduling};
use crate::member_clients::{MemberClients, MemberRooms};
use crate::members::WaitingPods;
use crate::scheduling::Scheduler;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How busy the control loops may be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reconciles that may be under way at once in each controller that does I/O.
    pub concurrency: usize,
    /// How long one call to a member cluster may take.
    pub member_timeout: Duration,
    /// Whether replicas that members can't place are dealt out anew, and when.
    pub descheduling: Option<Descheduling>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            concurrency: 32,
            member_timeout: Duration::from_secs(10),
            descheduling: Some(Descheduling::default()),
        }
    }
}

/// Everything that [`crate::run`] needs.
#[derive(Clone)]
pub struct Context {
    /// A client of the control plane.
    pub client: kube::Client,
    pub interpreter: Arc<dyn Interpreter>,
    /// Changes whenever the set of interpreters does: what failed to be interpreted is then tried again.
    pub interpreters_changed: watch::Receiver<u64>,
    pub members: Arc<dyn MemberClients>,
    pub rooms: Arc<dyn MemberRooms>,
    /// Who tells the descheduler which pods members can't place.
    pub waiting: Arc<dyn WaitingPods>,
    /// What namespaces use and may use; kept up to date here, for admission to enforce.
    pub quotas: Arc<Ledger>,
    pub clock: Clock,
    /// The scheduler, to be run here, and to be asked by whoever made it.
    pub scheduler: Scheduler,
    /// Counts what the descheduler does.
    pub descheduled: Descheduled,
    pub options: Options,
}
