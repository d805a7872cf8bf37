//! What all requests of one server share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use parking_lot::Mutex;
use rustls::crypto::SecureRandom;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_core::Hook;
use windlass_schema::protobuf::Messages;

use crate::admission::Admission;
use crate::catalogue::{Catalogue, DEFINITIONS_STORE, Served};
use crate::extra::Extra;
use crate::identity::User;
use crate::identity::rbac::Rbac;
use crate::identity::service_accounts::{self, ISSUER};
use crate::store::Store;
use crate::tls::Authority;

/// Requests that may be worked on at once, as kube-apiserver bounds them by default. Watches don't count.
pub(crate) const READS_MAX: usize = 400;
pub(crate) const WRITES_MAX: usize = 200;

/// Makes the text that `/metrics` shows, in Prometheus' format.
pub type MetricsText = Box<dyn Fn() -> String + Send + Sync>;

pub(crate) struct State {
    /// In logs.
    pub(crate) name: String,
    pub(crate) store: Arc<Store>,
    pub(crate) catalogue: Catalogue,
    /// Read when the first body in protobuf comes.
    pub(crate) messages: LazyLock<Messages>,
    /// Asked in this order.
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) admission: Admission,
    pub(crate) rbac: Rbac,
    pub(crate) authority: Authority,
    /// Makes the text of `/metrics`, once somebody has any.
    pub(crate) metrics: OnceLock<MetricsText>,
    /// What another part of the control plane answers, once it is there.
    pub(crate) extra: OnceLock<Extra>,
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) writes: Arc<Semaphore>,
    pub(crate) random: &'static dyn SecureRandom,
    /// What [`Store::newest`] said of the definitions that the catalogue was made from.
    pub(crate) catalogued: AtomicU64,
    /// Held while the catalogue is made anew, so that it never goes back to older definitions.
    pub(crate) replacing: Mutex<()>,
    /// Ends watches and background work.
    pub(crate) stopping: CancellationToken,
    /// The background work.
    pub(crate) tasks: TaskTracker,
}

impl State {
    /// What is served: always what the stored definitions say, so that whoever has seen a definition, by a watch or
    /// otherwise, finds it served.
    pub(crate) fn served(&self) -> Arc<Served> {
        let newest = self.store.newest(DEFINITIONS_STORE);
        if self.catalogued.load(Ordering::Acquire) != newest {
            self.refresh_catalogue();
        }
        self.catalogue.served()
    }

    fn refresh_catalogue(&self) {
        let _replacing = self.replacing.lock();
        let newest = self.store.newest(DEFINITIONS_STORE);
        if self.catalogued.load(Ordering::Acquire) == newest {
            return;
        }
        let snapshot = self.store.snapshot(DEFINITIONS_STORE);
        let definitions: Vec<Value> =
            snapshot.iter().filter_map(|stored| serde_json::from_slice(&stored.json).ok()).collect();
        self.catalogue.replace(&definitions);
        self.catalogued.store(newest, Ordering::Release);
    }

    /// Whose bearer token it is, and for which of these audiences.
    pub(crate) fn token_owner(&self, token: &str, audiences: &[String]) -> Option<(User, Vec<String>)> {
        match self.authority.token_identity(token) {
            // These are for this server.
            Some(identity) => audiences
                .iter()
                .any(|audience| audience == ISSUER)
                .then(|| (User::from(identity), vec![ISSUER.to_owned()])),
            None => service_accounts::authenticate(self, token, audiences),
        }
    }

    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).expect("the system has randomness: TLS depends on it");
        bytes
    }

    /// A random UUID (version 4).
    pub(crate) fn new_uid(&self) -> String {
        let mut bytes: [u8; 16] = self.random_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut uid = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                uid.push('-');
            }
            uid.push_str(&format!("{byte:02x}"));
        }
        uid
    }

    /// What is appended to a generateName: no vowels, so no words, and nothing that looks alike.
    pub(crate) fn name_suffix(&self) -> String {
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        let bytes: [u8; 5] = self.random_bytes();
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
    }
}

/// `2026-01-02T03:04:05Z`
pub(crate) fn now() -> String {
    timestamp(jiff::Timestamp::now())
}

pub(crate) fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
