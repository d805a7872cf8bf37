//! What a plugin declares rather than being asked, found by an object's kind.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use windlass_core::declared::Declared;
use windlass_core::{Gvk, Operation};

use crate::contract::{Abilities, KindSupport, Manifest};

/// What the host answers in a plugin's place.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    /// For each kind that the manifest names exactly: what is declared for it, there or where more kinds are meant.
    named: HashMap<Gvk, Declared, FxBuildHasher>,
    /// For other kinds: those of the manifest that leave something open, the more exact ones first.
    open: Vec<KindSupport>,
}

impl Declarations {
    pub(crate) fn of(manifest: &Manifest) -> Declarations {
        let Abilities::Interprets(kinds) = &manifest.abilities else { return Declarations::default() };
        if kinds.iter().all(|support| support.declared.is_empty()) {
            return Declarations::default();
        }
        let mut by_exactness: Vec<&KindSupport> = kinds.iter().collect();
        by_exactness.sort_by_key(|support| support.wildcards());
        let named = by_exactness.iter().take_while(|support| support.wildcards() == 0).map(|support| {
            let KindSupport { group, version, kind, .. } = support;
            let gvk = Gvk { group: group.clone(), version: version.clone(), kind: kind.clone() };
            let for_it = |operation| deciding(by_exactness.iter().copied(), &gvk, operation);
            let declared = Declared {
                status: for_it(Operation::InterpretStatus).and_then(|declared| declared.status.clone()),
                retain: for_it(Operation::Retain).map(|declared| declared.retain.clone()).unwrap_or_default(),
            };
            (gvk, declared)
        });
        Declarations {
            named: named.collect(),
            open: by_exactness.iter().filter(|support| support.wildcards() > 0).copied().cloned().collect(),
        }
    }

    /// What is declared for `gvk`, if `operation` is.
    pub(crate) fn find(&self, gvk: &Gvk, operation: Operation) -> Option<&Declared> {
        let declared = match self.named.get(gvk) {
            Some(declared) => declared,
            None => deciding(self.open.iter(), gvk, operation)?,
        };
        let is_declared = match operation {
            Operation::InterpretStatus => declared.status.is_some(),
            Operation::Retain => !declared.retain.is_empty(),
            _ => false,
        };
        is_declared.then_some(declared)
    }
}

/// What is declared where it is decided who answers `operation` for `gvk`: at the first kind that has it.
fn deciding<'k>(
    mut by_exactness: impl Iterator<Item = &'k KindSupport>,
    gvk: &Gvk,
    operation: Operation,
) -> Option<&'k Declared> {
    by_exactness
        .find(|support| support.operations().contains(operation) && support.matches(gvk))
        .map(|support| &support.declared)
}

#[cfg(test)]
mod tests {
    use windlass_core::declared::{Kept, Reflection};

    use super::*;
    use crate::contract::Operations;

    fn support(kind: [&str; 3], asked: &[Operation], declared: Declared) -> KindSupport {
        let [group, version, kind] = kind.map(str::to_owned);
        let asked = asked.iter().copied().fold(Operations::default(), Operations::with);
        KindSupport { group, version, kind, asked, declared }
    }

    fn check(kinds: Vec<KindSupport>, [group, version, kind]: [&str; 3], want: [bool; 2]) {
        let manifest = Manifest {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            description: String::new(),
            abilities: Abilities::Interprets(kinds),
        };
        let gvk = Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
        let declarations = Declarations::of(&manifest);
        let found = [Operation::InterpretStatus, Operation::Retain]
            .map(|operation| declarations.find(&gvk, operation).is_some());
        assert_eq!(found, want, "{gvk}");
    }

    const THING: [&str; 3] = ["example.io", "v1", "Thing"];
    const OTHER: [&str; 3] = ["example.io", "v1", "Other"];
    const ANY: [&str; 3] = ["*", "*", "*"];

    fn status() -> Declared {
        Declared { status: Some(Reflection::Whole), ..Declared::default() }
    }

    fn retain() -> Declared {
        Declared { retain: vec![Kept::given("/spec/a")], ..Declared::default() }
    }

    #[test]
    fn the_most_exact_kind_that_has_the_operation_counts() {
        let any = || support(ANY, &[], status());
        check(vec![any(), support(THING, &[Operation::InterpretStatus], retain())], THING, [false, true]);
        check(vec![any(), support(THING, &[Operation::InterpretHealth], retain())], THING, [true, true]);
        check(vec![any(), support(THING, &[], retain())], OTHER, [true, false]);
        let of_group = support(["example.io", "*", "*"], &[Operation::InterpretStatus], Declared::default());
        check(vec![any(), of_group.clone()], OTHER, [false, false]);
        check(vec![any(), of_group.clone(), support(THING, &[], retain())], THING, [false, true]);
        check(vec![of_group, support(THING, &[], status())], THING, [true, false]);
    }

    #[test]
    fn where_nothing_is_declared_nothing_is_found() {
        check(vec![support(ANY, &[Operation::InterpretStatus], Declared::default())], THING, [false, false]);
    }
}
