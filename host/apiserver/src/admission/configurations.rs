//! The stored configurations, read once and again only after one of them changed. A write is published before it is
//! acknowledged, so what a client has configured applies to its next request.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::policy::Policy;
use super::webhook::{Stage, Webhook};
use crate::catalogue::store_name;
use crate::store::{Snapshot, Store, Watch};

const GROUP: &str = "admissionregistration.k8s.io";
const RESOURCES: [&str; 4] = [
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
];

/// All that is configured at one time.
#[derive(Default)]
pub(crate) struct Configured {
    /// In the order in which they are called: by the name of the configuration, and as they stand in it.
    pub(crate) mutating: Vec<Webhook>,
    pub(crate) validating: Vec<Webhook>,
    /// By name.
    pub(crate) policies: Vec<Policy>,
}

impl Configured {
    fn read([mutating, validating, policies, bindings]: &[Snapshot; 4]) -> Configured {
        Configured {
            mutating: webhooks(mutating, Stage::Mutating),
            validating: webhooks(validating, Stage::Validating),
            policies: read_policies(policies, bindings),
        }
    }
}

fn read_policies(policies: &Snapshot, bindings: &Snapshot) -> Vec<Policy> {
    let parse = |snapshot: &Snapshot| -> Vec<Value> {
        snapshot.iter().filter_map(|stored| serde_json::from_slice(&stored.json).ok()).collect()
    };
    let (policies, bindings) = (parse(policies), parse(bindings));
    let mut read = Vec::with_capacity(policies.len());
    for policy in &policies {
        match Policy::read(policy, &bindings) {
            Ok(policy) => read.push(policy),
            Err(error) => tracing::error!(
                policy = %policy["metadata"]["name"], %error, "a stored policy can't be read, and is not asked"
            ),
        }
    }
    read
}

fn webhooks(snapshot: &Snapshot, stage: Stage) -> Vec<Webhook> {
    let mut webhooks = Vec::new();
    for stored in snapshot.iter() {
        let configuration: Value = serde_json::from_slice(&stored.json).unwrap_or_default();
        let list = configuration.get("webhooks").and_then(Value::as_array);
        for webhook in list.into_iter().flatten() {
            match Webhook::read(&stored.key.name, webhook, stage) {
                Ok(webhook) => webhooks.push(webhook),
                Err(error) => tracing::error!(
                    configuration = &*stored.key.name, %error, "a stored webhook can't be read, and is not called"
                ),
            }
        }
    }
    webhooks
}

struct Current {
    watches: Vec<Watch>,
    configured: Arc<Configured>,
}

/// Keeps [`Configured`] up to date.
pub(crate) struct Configurations {
    store: Arc<Store>,
    current: Mutex<Option<Current>>,
}

impl Configurations {
    pub(super) fn new(store: Arc<Store>) -> Configurations {
        Configurations { store, current: Mutex::new(None) }
    }

    pub(crate) fn current(&self) -> Arc<Configured> {
        let mut current = self.current.lock();
        if let Some(current) = current.as_mut() {
            // Any event, and a log that was overrun, mean that there is something to read again.
            let unchanged = current.watches.iter_mut().all(|watch| matches!(watch.try_next(), Ok(None)));
            if unchanged {
                return Arc::clone(&current.configured);
            }
        }
        let mut watches = Vec::with_capacity(RESOURCES.len());
        let snapshots = RESOURCES.map(|plural| {
            let (snapshot, watch) = self.store.snapshot_and_watch(&store_name(GROUP, plural));
            watches.push(watch);
            snapshot
        });
        let configured = Arc::new(Configured::read(&snapshots));
        *current = Some(Current { watches, configured: Arc::clone(&configured) });
        configured
    }
}
