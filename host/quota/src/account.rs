//! One namespace's account: what its bindings use as observed, what writes under way may add, and the limits.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use windlass_api::quantity::Quantity;
use windlass_scheduler::Resources;

use crate::excess::{Excess, Over};

/// How long a write that was admitted may take until it is stored; after that it has failed. An API server gives a
/// request up well before.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// A write of a binding that is about to be made: what it would use, and what it was made from.
#[derive(Clone, Debug)]
pub struct Charge {
    pub uid: String,
    /// The generation of the binding that is changed; 0 where there is none yet.
    pub generation: i64,
    /// The resourceVersion of the binding that is changed; 0 where there is none yet.
    pub version: u64,
    /// What that binding uses.
    pub before: Resources,
    /// What it would use.
    pub after: Resources,
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    bindings: HashMap<String, Booked>,
    /// By binding. Writes under way are few: each ends within moments.
    claims: HashMap<String, Claim>,
    quotas: BTreeMap<String, Limits>,
    total: Resources,
}

#[derive(Debug)]
struct Booked {
    uid: String,
    generation: i64,
    version: u64,
    used: Resources,
}

/// What a binding counts for, at least, until a version of it beyond `version` has been observed: whatever became of
/// the write is then known. A creation counts until its time is over.
#[derive(Debug)]
struct Claim {
    uid: String,
    generation: i64,
    version: u64,
    until: Instant,
    used: Resources,
}

#[derive(Debug, Default)]
struct Limits {
    version: u64,
    overall: Resources,
    /// Limits that are about to be written, from which version, and until when they count.
    coming: Option<(u64, Instant, Resources)>,
}

impl Account {
    /// Whether nothing is known of the namespace any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.claims.is_empty() && self.quotas.is_empty()
    }

    pub(crate) fn used(&self) -> &Resources {
        &self.total
    }

    /// Books what a binding was seen to use; whether that is something else than before.
    pub(crate) fn observe(
        &mut self,
        name: &str,
        uid: &str,
        generation: i64,
        version: u64,
        used: impl FnOnce() -> Resources,
    ) -> bool {
        self.settle(name, version);
        if let Some(known) = self.bindings.get_mut(name) {
            if version < known.version {
                return false;
            }
            known.version = version;
            // What is used follows from the spec, and the spec has a generation.
            if known.uid == uid && known.generation == generation && generation != 0 {
                return false;
            }
        }
        let used = used();
        let booked = Booked { uid: uid.to_owned(), generation, version, used: used.clone() };
        let before = self.bindings.insert(name.to_owned(), booked).map(|booked| booked.used);
        self.rebook(&before.unwrap_or_default(), &used)
    }

    /// The binding is gone; whether it used anything.
    pub(crate) fn gone(&mut self, name: &str, version: u64) -> bool {
        self.settle(name, version);
        let before = self.bindings.remove(name).map(|booked| booked.used).unwrap_or_default();
        self.rebook(&before, &Resources::default())
    }

    fn rebook(&mut self, before: &Resources, now: &Resources) -> bool {
        if before == now {
            return false;
        }
        self.total.subtract(before);
        self.total.add(now, 1);
        if self.total.positive().next().is_none() {
            self.total = Resources::default();
        }
        true
    }

    /// What was claimed by writes from versions before this one has been decided. Not so a creation: what is seen may
    /// be another one of its name, that was there before.
    fn settle(&mut self, name: &str, version: u64) {
        if self.claims.get(name).is_some_and(|claim| claim.generation != 0 && claim.version < version) {
            self.claims.remove(name);
        }
    }

    /// Drops claims of writes that must have failed.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.claims.retain(|_, claim| claim.until > now);
        self.quotas.retain(|_, limits| {
            let failed = limits.coming.take_if(|(_, until, _)| *until <= now).is_some();
            !(failed && limits.version == 0)
        });
    }

    /// What would be exceeded by a charge.
    pub(crate) fn excess(&self, namespace: &str, name: &str, charge: &Charge) -> Vec<Excess> {
        let Charge { before, after, .. } = charge;
        let wanted: Resources = after
            .positive()
            .map(|(resource, amount)| (resource, amount.minus(before.get(resource))))
            .filter(|(_, wanted)| *wanted > Quantity::ZERO)
            .collect();
        if self.quotas.is_empty() || wanted.iter().next().is_none() {
            return Vec::new();
        }
        // Of this binding the API server, which asks, knows best what it uses.
        let mut used = self.used_by_others(name);
        used.add(before, 1);
        let over = |limits: &Limits| -> Vec<Over> {
            let limits = limits.enforced();
            let wanted = wanted.iter().filter(|(resource, _)| limits.names(resource));
            let over = wanted.map(|(resource, wanted)| Over {
                resource: resource.to_owned(),
                wanted,
                used: used.get(resource),
                limit: limits.get(resource),
            });
            over.filter(|over| over.used.plus(over.wanted) > over.limit).collect()
        };
        self.quotas
            .iter()
            .map(|(quota, limits)| Excess {
                namespace: namespace.to_owned(),
                quota: quota.clone(),
                over: over(limits),
            })
            .filter(|excess| !excess.over.is_empty())
            .collect()
    }

    /// What all bindings but one use, or will use if the writes under way are made.
    fn used_by_others(&self, name: &str) -> Resources {
        let mut used = self.total.clone();
        if let Some(booked) = self.bindings.get(name) {
            used.subtract(&booked.used);
        }
        for (of, claim) in self.claims.iter().filter(|(of, _)| *of != name) {
            let booked = self.bindings.get(of);
            for (resource, claimed) in claim.used.positive() {
                let known = booked.map_or(Quantity::ZERO, |booked| booked.used.get(resource));
                if claimed > known {
                    used.set(resource, used.get(resource).plus(claimed.minus(known)));
                }
            }
        }
        used
    }

    /// Counts a write that was admitted, until it is seen. The same write admitted again, as an API server does when
    /// it tries again, counts once.
    pub(crate) fn charge(&mut self, name: &str, charge: Charge, now: Instant) {
        let Charge { uid, generation, version, before, after } = charge;
        let mut used = before;
        used.raise(&after);
        if used.positive().next().is_none() {
            return;
        }
        let seen = self.bindings.get(name).map_or(0, |booked| booked.version);
        let until = now + WRITE_MAX;
        match self.claims.get_mut(name) {
            Some(claim) if claim.uid == uid && claim.generation == generation && claim.version == version => {
                // One of the two is stored, nobody knows which.
                claim.used.raise(&used);
                claim.until = until;
            }
            // Made from a version that is no longer there: it can't be stored.
            Some(claim) if claim.version > version && generation != 0 => {}
            _ if version < seen && generation != 0 => {}
            _ => {
                self.claims.insert(name.to_owned(), Claim { uid, generation, version, until, used });
            }
        }
    }

    /// A quota as it was seen.
    pub(crate) fn limit(&mut self, quota: &str, version: u64, overall: Resources) {
        let limits = self.quotas.entry(quota.to_owned()).or_default();
        limits.coming.take_if(|(from, ..)| *from < version);
        if version >= limits.version {
            limits.version = version;
            limits.overall = overall;
        }
    }

    /// A quota that is about to be written: from now on the lower of both limits holds.
    pub(crate) fn limit_coming(&mut self, quota: &str, version: u64, overall: Resources, now: Instant) {
        let limits = self.quotas.entry(quota.to_owned()).or_default();
        if version >= limits.version {
            limits.coming = Some((version, now + WRITE_MAX, overall));
        }
    }

    /// The quota is gone.
    pub(crate) fn unlimited(&mut self, quota: &str) {
        self.quotas.remove(quota);
    }
}

impl Limits {
    fn enforced(&self) -> Resources {
        let mut enforced = self.overall.clone();
        for (resource, limit) in self.coming.iter().flat_map(|(_, _, overall)| overall.iter()) {
            if !enforced.names(resource) || limit < enforced.get(resource) {
                enforced.set(resource, limit);
            }
        }
        enforced
    }
}
