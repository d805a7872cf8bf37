//! What a plugin declares instead of answering it, on the wire and off it.

use windlass_json::declared::{Declared, Keeping, Kept, Reflection, TextAt};

use super::bindings::windlass::interpreter::types as wire;

/// Kinds for which the same is declared (apiVersion, kind, and what is to be said if more is), and as what.
pub type DeclaredKinds<'a> = (&'a [(&'a str, &'a str, &'a str)], u16);

/// Sees to it that what is declared for a kind is declared once, and has no function.
///
/// # Panics
/// It is not so. This is for the compiler.
pub const fn expect_declared_once(functions: &[(&str, &str, u16)], declared: &[DeclaredKinds<'_>]) {
    let mut group = 0;
    while group < declared.len() {
        let (kinds, operations) = declared[group];
        let mut at = 0;
        while at < kinds.len() {
            let (api_version, kind, message) = kinds[at];
            let mut other = 0;
            while other < functions.len() {
                let (other_version, other_kind, other_operations) = functions[other];
                if other_operations & operations != 0
                    && is_same(other_version, api_version)
                    && is_same(other_kind, kind)
                {
                    panic!("{}", message);
                }
                other += 1;
            }
            if times_declared(declared, api_version, kind, operations) > 1 {
                panic!("{}", message);
            }
            at += 1;
        }
        group += 1;
    }
}

const fn times_declared(
    declared: &[DeclaredKinds<'_>],
    api_version: &str,
    kind: &str,
    operations: u16,
) -> usize {
    let (mut group, mut times) = (0, 0);
    while group < declared.len() {
        let (kinds, other_operations) = declared[group];
        let mut at = 0;
        while at < kinds.len() {
            let (other_version, other_kind, _) = kinds[at];
            if other_operations & operations != 0
                && is_same(other_version, api_version)
                && is_same(other_kind, kind)
            {
                times += 1;
            }
            at += 1;
        }
        group += 1;
    }
    times
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Puts what is declared on the wire.
pub(super) fn on_wire(declared: &Declared) -> wire::Declared {
    let Declared { status, retain } = declared;
    let reflection = |reflection: &Reflection| match reflection {
        Reflection::Whole => wire::Reflection::Whole,
        Reflection::Fields(names) => wire::Reflection::Fields(names.clone()),
    };
    let text_at = |TextAt { path, text }: &TextAt| wire::TextAt { path: path.clone(), text: text.clone() };
    let kept = |Kept { path, keeping, only_where }: &Kept| wire::Kept {
        path: path.clone(),
        keeping: match keeping {
            Keeping::Given => wire::Keeping::Given,
            Keeping::Filled => wire::Keeping::Filled,
            Keeping::Joined(name) => wire::Keeping::Joined(name.clone()),
        },
        only_where: only_where.as_ref().map(text_at),
    };
    wire::Declared { status: status.as_ref().map(reflection), retain: retain.iter().map(kept).collect() }
}

/// Takes what is declared off the wire, as the host does.
#[cfg(feature = "testing")]
pub(crate) fn off_wire(declared: wire::Declared) -> Declared {
    let reflection = |reflection| match reflection {
        wire::Reflection::Whole => Reflection::Whole,
        wire::Reflection::Fields(names) => Reflection::Fields(names),
    };
    let kept = |kept: wire::Kept| Kept {
        path: kept.path,
        keeping: match kept.keeping {
            wire::Keeping::Given => Keeping::Given,
            wire::Keeping::Filled => Keeping::Filled,
            wire::Keeping::Joined(name) => Keeping::Joined(name),
        },
        only_where: kept.only_where.map(|wire::TextAt { path, text }| TextAt { path, text }),
    };
    Declared {
        status: declared.status.map(reflection),
        retain: declared.retain.into_iter().map(kept).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_the_wire_comes_off_it() {
        let retain =
            vec![Kept::given("/a"), Kept::filled("/b").only_where("/c", "d"), Kept::joined("/e", "f")];
        for status in [Some(Reflection::Whole), Some(Reflection::fields(["g"])), None] {
            let declared = Declared { status, retain: retain.clone() };
            assert_eq!(off_wire(on_wire(&declared)), declared);
        }
    }

    #[test]
    fn what_is_declared_is_declared_once() {
        type Functions = &'static [(&'static str, &'static str, u16)];
        const FUNCTIONS: Functions = &[("v1", "A", 3), ("v1", "A", 2), ("v1", "B", 2)];
        let check = |declared: &[DeclaredKinds<'_>], is_good: bool| {
            let checked = std::panic::catch_unwind(|| expect_declared_once(FUNCTIONS, declared));
            assert_eq!(checked.is_ok(), is_good, "{declared:?}");
        };
        check(
            &[(&[("v1", "A", ""), ("v1", "C", "")], 4), (&[("v1", "B", "")], 1), (&[("v1", "A", "")], 8)],
            true,
        );
        check(&[(&[("v1", "C", ""), ("v1", "A", "")], 2)], false);
        check(&[(&[("v1", "C", ""), ("v1", "C", "")], 1)], false);
        check(&[(&[("v1", "C", "")], 1), (&[("v2", "C", "")], 1)], true);
        check(&[(&[("v1", "C", "")], 1), (&[("v1", "C", "")], 3)], false);
    }
}
