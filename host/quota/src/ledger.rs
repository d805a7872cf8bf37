//! The ledger of all namespaces, shared by those who observe and those who ask.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use parking_lot::Mutex;
use windlass_scheduler::Resources;

use crate::account::{Account, Charge};
use crate::excess::Refused;

/// Which binding or quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingId<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
}

/// What the bindings of each namespace use and may use.
///
/// A binding is booked by its UID and generation, as it was observed. A write that was admitted counts beside that
/// until a later version of its binding is observed, so that of two writes at one moment only one takes the last room,
/// and a write that is admitted twice or fails is not charged twice or for ever.
///
/// Versions are resourceVersions: numbers that grow with each change of an object.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether all that was there has been observed.
    complete: bool,
    accounts: HashMap<String, Account>,
}

impl Ledger {
    /// Books what a binding was seen to use; `used` is asked only if the binding's UID or generation is another one.
    /// Whether it is something else than before.
    pub fn observe(
        &self,
        of: BindingId<'_>,
        uid: &str,
        generation: i64,
        version: u64,
        used: impl FnOnce() -> Resources,
    ) -> bool {
        self.with(of.namespace, |account| account.observe(of.name, uid, generation, version, used))
    }

    /// The binding was seen to be gone, in this version; whether it used anything.
    pub fn gone(&self, of: BindingId<'_>, version: u64) -> bool {
        self.with(of.namespace, |account| account.gone(of.name, version))
    }

    /// Books the limits of a quota that was seen.
    pub fn limit(&self, of: BindingId<'_>, version: u64, overall: &BTreeMap<String, Text>) {
        let overall = Resources::reported(overall);
        self.with(of.namespace, |account| account.limit(of.name, version, overall));
    }

    /// A quota of which version `version` was there is about to be written, 0 if there was none: from now on its lower
    /// limits hold, its higher ones when it is seen.
    pub fn limit_coming(
        &self,
        of: BindingId<'_>,
        version: u64,
        overall: &BTreeMap<String, Text>,
        now: Instant,
    ) {
        let overall = Resources::reported(overall);
        self.with(of.namespace, |account| account.limit_coming(of.name, version, overall, now));
    }

    /// The quota was seen to be gone.
    pub fn unlimited(&self, of: BindingId<'_>) {
        self.with(of.namespace, |account| account.unlimited(of.name));
    }

    /// Forgets everything: somebody else observes from now on.
    pub fn begin(&self) {
        *self.state.lock() = State::default();
    }

    /// All that was there has been observed: from now on charges are judged.
    pub fn complete(&self) {
        self.state.lock().complete = true;
    }

    /// Charges a write of a binding that is about to be made. What uses no more than before is always allowed.
    ///
    /// # Errors
    /// A quota would be exceeded, or not all is known yet.
    pub fn charge(&self, of: BindingId<'_>, charge: Charge, now: Instant) -> Result<(), Refused> {
        self.judge(of, &charge, now, |account| account.charge(of.name, charge.clone(), now))
    }

    /// Whether a charge would be made; nothing is charged.
    ///
    /// # Errors
    /// As with [`Ledger::charge`].
    pub fn would_charge(&self, of: BindingId<'_>, charge: &Charge, now: Instant) -> Result<(), Refused> {
        self.judge(of, charge, now, |_| ())
    }

    fn judge(
        &self,
        of: BindingId<'_>,
        charge: &Charge,
        now: Instant,
        allowed: impl FnOnce(&mut Account),
    ) -> Result<(), Refused> {
        let grows = charge.after.positive().any(|(name, amount)| amount > charge.before.get(name));
        if grows && !self.state.lock().complete {
            return Err(Refused::Unknown);
        }
        self.with(of.namespace, |account| {
            account.expire(now);
            let excess = account.excess(of.namespace, of.name, charge);
            if !excess.is_empty() {
                return Err(Refused::Exceeded(excess));
            }
            allowed(account);
            Ok(())
        })
    }

    /// What the namespace's bindings were seen to use, of the resources that `overall` limits.
    pub fn used(&self, namespace: &str, overall: &BTreeMap<String, Text>) -> BTreeMap<String, Text> {
        let used = self.total(namespace);
        let limited = used.positive().filter(|(name, _)| overall.contains_key(*name));
        limited.map(|(name, amount)| (name.to_owned(), amount.into())).collect()
    }

    /// What the namespace's bindings were seen to use, of all resources.
    pub fn total(&self, namespace: &str) -> Resources {
        let state = self.state.lock();
        state.accounts.get(namespace).map(|account| account.used().clone()).unwrap_or_default()
    }

    fn with<T>(&self, namespace: &str, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut state = self.state.lock();
        let Some(account) = state.accounts.get_mut(namespace) else {
            let mut account = Account::default();
            let answer = change(&mut account);
            if !account.is_empty() {
                state.accounts.insert(namespace.to_owned(), account);
            }
            return answer;
        };
        let answer = change(account);
        if account.is_empty() {
            state.accounts.remove(namespace);
        }
        answer
    }
}
