//! ResourceQuotas: what they have charged, what they refuse, and the status that says so.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::timers::Due;
use super::{Action, State};
use crate::amounts::Amounts;
use crate::feed::{Key, News, key_of};
use crate::quota::{Claim, Quota, ResourceName, refusal};

/// How long an object that was admitted is charged without having been seen: its creation may have failed since.
const ADMITTED: SignedDuration = SignedDuration::from_secs(10);

/// What an object is charged.
#[derive(Debug)]
pub(super) struct Charged {
    claim: Claim,
    /// Until when it counts without having been seen.
    admitted_until: Option<Timestamp>,
}

/// An object by its resource, and its namespace and name.
pub(super) type ObjectKey = (ResourceName, Key);

impl State {
    /// The resources besides pods whose objects have to be known.
    pub(crate) fn counted(&self) -> BTreeSet<ResourceName> {
        self.quotas.values().flat_map(|quotas| quotas.values()).flat_map(Quota::counted).collect()
    }

    /// Why the quotas of its namespace refuse an object; if they don't, it is charged from now on.
    pub(crate) fn admit(
        &mut self,
        resource: ResourceName,
        key: Key,
        object: &Value,
        dry_run: bool,
    ) -> Option<String> {
        // The simulator charged its own pods before it asked for them.
        let known = resource.is_pods() && self.pods.contains_key(&key);
        let quotas = self.quotas.get(&key.0).filter(|_| !known)?;
        let claim = Claim::of_object(&resource, object);
        let refused = refusal(quotas, &claim, &self.listed);
        if refused.is_none() && !dry_run && !key.1.is_empty() {
            let until = self.now.saturating_add(ADMITTED).unwrap_or(self.now);
            let object = (resource, key);
            self.timers.set(until, Due::Admitted(object.clone()));
            self.charge_object(object, Charged { claim, admitted_until: Some(until) });
        }
        refused
    }

    /// Why the quotas of its namespace refuse that an object becomes another.
    pub(crate) fn admit_change(
        &self,
        resource: &ResourceName,
        namespace: &str,
        old: &Value,
        new: &Value,
    ) -> Option<String> {
        let quotas = self.quotas.get(namespace)?;
        let growth = Claim::of_object(resource, new).beyond(&Claim::of_object(resource, old));
        refusal(quotas, &growth, &self.listed)
    }

    pub(crate) fn counted_news(&mut self, resource: &ResourceName, news: News<DynamicObject>) {
        match news {
            News::Seen(object) => {
                let key = key_of(&object);
                let Ok(object) = serde_json::to_value(&object) else { return };
                let charged = Charged { claim: Claim::of_object(resource, &object), admitted_until: None };
                self.charge_object((resource.clone(), key), charged);
            }
            News::Gone(key) => self.release_object(&(resource.clone(), key)),
            News::Listed(listed) => {
                let gone = self.objects.iter().filter(|((of, key), charged)| {
                    of == resource && charged.admitted_until.is_none() && !listed.contains(key)
                });
                let gone: Vec<ObjectKey> = gone.map(|(object, _)| object.clone()).collect();
                gone.iter().for_each(|object| self.release_object(object));
                self.listed.insert(resource.clone());
                let changed = self.quotas.iter().flat_map(|(namespace, quotas)| {
                    quotas.keys().map(|name| (namespace.clone(), name.clone()))
                });
                self.quotas_changed.extend(changed);
            }
        }
    }

    fn charge_object(&mut self, object: ObjectKey, charged: Charged) {
        self.release_object(&object);
        self.book(&object.1.0, |quota| quota.charge(&charged.claim));
        self.objects.insert(object, charged);
    }

    /// Gives back what the object was charged.
    pub(super) fn release_object(&mut self, object: &ObjectKey) {
        let Some(charged) = self.objects.remove(object) else { return };
        self.book(&object.1.0, |quota| quota.release(&charged.claim));
        self.quota_loosened(&object.1.0);
    }

    /// Gives back what an object was charged that was admitted and hasn't been seen.
    pub(super) fn admission_lapsed(&mut self, object: &ObjectKey, now: Timestamp) {
        let until = self.objects.get(object).and_then(|charged| charged.admitted_until);
        if until.is_some_and(|until| until <= now) {
            self.release_object(object);
        }
    }

    /// Books a change with every quota of the namespace.
    pub(super) fn book(&mut self, namespace: &str, change: impl Fn(&mut Quota)) {
        for (name, quota) in self.quotas.get_mut(namespace).into_iter().flatten() {
            change(quota);
            self.quotas_changed.insert((namespace.to_owned(), name.clone()));
        }
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
        let pods = self.pods.range((key.0.clone(), String::new())..);
        for (_, entry) in pods.take_while(|((namespace, _), _)| *namespace == key.0) {
            quota.charge(&entry.claim);
        }
        for (_, charged) in self.objects.iter().filter(|((_, (namespace, _)), _)| *namespace == key.0) {
            quota.charge(&charged.claim);
        }
        let status = serde_json::to_value(&seen.status).unwrap_or_default();
        self.quota_status.insert(key.clone(), status);
        self.quotas.entry(key.0.clone()).or_default().insert(key.1.clone(), quota);
        self.forget_uncounted();
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
        self.forget_uncounted();
        self.quota_loosened(&key.0);
    }

    /// What no quota counts any more isn't watched any more, and has to be listed anew when one does again.
    fn forget_uncounted(&mut self) {
        if self.listed.is_empty() {
            return;
        }
        let counted = self.counted();
        self.listed.retain(|resource| counted.contains(resource));
        self.objects
            .retain(|(resource, _), charged| charged.admitted_until.is_some() || counted.contains(resource));
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
            let status = json!({"hard": printed(quota.hard()), "used": printed(&quota.used(&self.listed))});
            if self.quota_status.get(&key) != Some(&status) {
                self.quota_status.insert(key.clone(), status.clone());
                self.actions.push(Action::QuotaStatus { key, status });
            }
        }
    }
}
