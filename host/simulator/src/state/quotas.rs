//! ResourceQuotas: what they have charged, and the status that says so.

use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::{Value, json};

use super::pods::Stage;
use super::{Action, State};
use crate::amounts::Amounts;
use crate::feed::{Key, News, key_of};
use crate::quota::{Claim, Quota, refusal};

impl State {
    /// Why the quotas of its namespace refuse a pod that the simulator hasn't created itself.
    pub(crate) fn quota_refusal(&self, key: &Key, claim: &Claim) -> Option<String> {
        if self.pods.contains_key(key) {
            return None;
        }
        self.quotas.get(&key.0).and_then(|quotas| refusal(quotas, claim))
    }

    pub(crate) fn quota_news(&mut self, news: News<ResourceQuota>) {
        match news {
            News::Seen(quota) => self.quota_seen(&quota),
            News::Gone(key) => self.quota_gone(&key),
            News::Listed(listed) => {
                let known = self.quotas.iter().flat_map(|(namespace, quotas)| {
                    quotas.keys().map(|name| (namespace.clone(), name.clone()))
                });
                let gone: Vec<Key> = known.filter(|key| !listed.contains(key)).collect();
                gone.iter().for_each(|key| self.quota_gone(key));
            }
        }
    }

    fn quota_seen(&mut self, seen: &ResourceQuota) {
        let key = key_of(seen);
        let mut quota = Quota::of(seen);
        for ((namespace, _), entry) in self.pods.range((key.0.clone(), String::new())..) {
            if *namespace != key.0 {
                break;
            }
            if entry.stage != Stage::Ended {
                quota.charge(&entry.claim);
            }
        }
        let status = serde_json::to_value(&seen.status).unwrap_or_default();
        self.quota_status.insert(key.clone(), status);
        self.quotas.entry(key.0.clone()).or_default().insert(key.1.clone(), quota);
        self.quota_loosened(&key.0);
        self.quotas_changed.insert(key);
    }

    fn quota_gone(&mut self, key: &Key) {
        self.quota_status.remove(key);
        if let Some(quotas) = self.quotas.get_mut(&key.0) {
            quotas.remove(&key.1);
            if quotas.is_empty() {
                self.quotas.remove(&key.0);
            }
        }
        self.quota_loosened(&key.0);
    }

    /// Gives the workloads that a quota of the namespace refused another chance.
    pub(super) fn quota_loosened(&mut self, namespace: &str) {
        if let Some(refused) = self.refused_by_quota.remove(namespace) {
            self.dirty.extend(refused);
        }
    }

    /// Decides on the status of every quota whose use has changed.
    pub(super) fn settle_quotas(&mut self) {
        for key in std::mem::take(&mut self.quotas_changed) {
            let Some(quota) = self.quotas.get(&key.0).and_then(|quotas| quotas.get(&key.1)) else { continue };
            let printed = |amounts: &Amounts| -> Value {
                amounts.iter().map(|(name, n)| (name.clone(), json!(n.to_string()))).collect()
            };
            let status = json!({"hard": printed(quota.hard()), "used": printed(quota.used())});
            if self.quota_status.get(&key) != Some(&status) {
                self.quota_status.insert(key.clone(), status.clone());
                self.actions.push(Action::QuotaStatus { key, status });
            }
        }
    }
}
