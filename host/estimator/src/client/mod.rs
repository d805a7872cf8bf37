//! The client: asks the estimators of all members, Karmada's or ours, and remembers what they said.
//!
//! A member's estimator is asked each question once until the member changes; calls to one go side by side, up to a
//! bound, and have nothing to do with those to another. One that fails is silent, which leaves its cluster to whatever
//! else is known of it, and is tried again in the background: nobody waits for it a second time.

mod address;
mod connection;
mod estimators;
mod member;
mod memory;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use windlass_api::cluster::Cluster;
use windlass_scheduler::{Answers, OpenQuestion};

pub use address::AddressError;
pub use connection::CallError;
pub use estimators::Estimators;

use crate::tls::ClientFiles;

/// Where estimators are, and how they are asked. The defaults are those of Karmada's scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Their Services are called so, then `-` and the cluster's name.
    pub service_prefix: String,
    /// Where their Services are.
    pub service_namespace: String,
    /// The port of their Services.
    pub port: u16,
    /// How long a call may take, the connection included.
    pub timeout: Duration,
    /// Whether those of clusters in pull mode are left alone.
    pub skip_pull_mode: bool,
    pub files: ClientFiles,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            service_prefix: "karmada-scheduler-estimator".to_owned(),
            service_namespace: "karmada-system".to_owned(),
            port: 10352,
            timeout: Duration::from_secs(3),
            skip_pull_mode: false,
            files: ClientFiles::default(),
        }
    }
}

/// What a scheduling loop needs of the members' estimators.
pub trait MemberEstimators: Send + Sync {
    /// A cluster's object is this now; `None`: it is gone. What was answered is forgotten when its room has changed.
    fn cluster(&self, name: &str, cluster: Option<&Cluster>);

    /// What the cluster's estimator has answered; `None`: nobody asks it.
    fn answers(&self, cluster: &str) -> Option<Arc<Answers>>;

    /// Asks; the answer shows in [`MemberEstimators::answers`] within the timeout, be it that there is none.
    fn ask(&self, question: OpenQuestion);

    /// The names of clusters about which something else is known now. A receiver that lags looks at all.
    fn changes(&self) -> broadcast::Receiver<String>;
}
