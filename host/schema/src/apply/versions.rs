//! Managers of the same object who write it in different versions: what one owns is named by the paths of the
//! version that they wrote, and is looked at in that version.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::compare::Comparison;
use super::fields::FieldSet;
use super::managers::{Managers, Owned};
use super::shape::{At, field_set, with_named, without};
use crate::kind::Kind;

/// The version that is written, and those whose objects look otherwise.
pub(super) struct Versions<'a> {
    kind: &'a Kind,
    others: &'a [Arc<Kind>],
}

impl<'a> Versions<'a> {
    pub(super) fn new(kind: &'a Kind, others: &'a [Arc<Kind>]) -> Versions<'a> {
        Versions { kind, others }
    }

    /// The kind by whose paths a version's fields are named. A version that looks like the written one, or is no
    /// longer served, is named by its paths.
    fn named(&self, api_version: &str) -> &'a Kind {
        let other = self.others.iter().find(|other| other.api_version() == api_version);
        other.map_or(self.kind, |other| other)
    }

    fn is_own(&self, kind: &Kind) -> bool {
        std::ptr::eq(self.kind, kind)
    }

    /// Each version that an owner's fields are named by, the written one included.
    fn of(&self, owners: &Managers) -> Vec<&'a Kind> {
        let mut kinds = vec![self.kind];
        for owned in owners.values() {
            let kind = self.named(&owned.api_version);
            if !kinds.iter().any(|known| std::ptr::eq(*known, kind)) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// What changed between two objects of the written version, as each owner's version sees it.
    pub(super) fn compare(&self, owners: &Managers, old: &Value, new: &Value) -> Comparisons {
        let mut others = BTreeMap::new();
        for kind in self.of(owners).into_iter().filter(|kind| !self.is_own(kind)) {
            let (old, new) = (converted(self.kind, kind, old), converted(self.kind, kind, new));
            others.insert(kind.api_version(), Comparison::between(root(kind), Some(&old), Some(&new)));
        }
        Comparisons { own: Comparison::between(root(self.kind), Some(old), Some(new)), others }
    }

    /// Removes what a manager applied the last time, no longer applies, and nobody else owns.
    pub(super) fn prune(&self, merged: Value, owners: &Managers, last: &Owned) -> Value {
        if last.fields.is_empty() {
            return merged;
        }
        let kind = self.named(&last.api_version);
        let at = root(kind);
        let merged = converted(self.kind, kind, &merged);
        // First all that was applied, with whatever hangs below it; then back what others own; then back what was
        // never this manager's.
        let applied = with_named(at, &last.fields);
        let mut pruned = removed(at, &merged, &applied);
        for version in self.of(owners) {
            let at = root(version);
            let mut owned = FieldSet::default();
            for owner in owners.values().filter(|owner| std::ptr::eq(self.named(&owner.api_version), version))
            {
                owned.unite(&with_named(at, &owner.fields));
            }
            let (all, rest) = (converted(kind, version, &merged), converted(kind, version, &pruned));
            let restored = removed(at, &all, &gone(at, &all, &rest).difference(&owned));
            pruned = converted(version, kind, &restored);
        }
        let pruned = removed(at, &merged, &gone(at, &merged, &pruned).intersection(&applied));
        converted(kind, self.kind, &pruned)
    }
}

/// What changed, by version.
pub(super) struct Comparisons {
    pub(super) own: Comparison,
    others: BTreeMap<String, Comparison>,
}

impl Comparisons {
    pub(super) fn seen_by(&self, owned: &Owned) -> &Comparison {
        self.others.get(&owned.api_version).unwrap_or(&self.own)
    }
}

fn root(kind: &Kind) -> At<'_> {
    Some(kind.schema().root())
}

fn converted(from: &Kind, to: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if !std::ptr::eq(from, to) {
        from.store(&mut object);
        to.serve(&mut object);
    }
    object
}

fn removed(at: At<'_>, object: &Value, unwanted: &FieldSet) -> Value {
    without(at, object, unwanted).unwrap_or_else(|| object.clone())
}

fn gone(at: At<'_>, all: &Value, rest: &Value) -> FieldSet {
    let named = |object: &Value| with_named(at, &field_set(at, object));
    named(all).difference(&named(rest))
}
