//! What a plugin declares instead of writing a function for it: answers that come from the text of objects alone.
//!
//! The host gives them, and so do the tests of plugins that run without one: both with what is here.

mod keep;
mod place;
mod reflect;
mod retain;

use std::fmt;

pub use keep::keeping;
pub use place::Unfit;
pub use retain::Retained;

/// What is declared for a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// InterpretStatus, if that is declared.
    pub status: Option<Reflection>,
    /// Retain, if that is declared: what is kept of the member's object.
    pub retain: Vec<Kept>,
}

/// What of an object's status is its answer to InterpretStatus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reflection {
    /// All of it, as it is.
    Whole,
    /// The fields of these names, where they are not null.
    Fields(Vec<String>),
}

/// A part of an object in which its member has a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// JSON pointer, through objects alone: `/spec/clusterIP`.
    pub path: String,
    /// What becomes of it.
    pub keeping: Keeping,
    /// Where it is kept, if not everywhere.
    pub only_where: Option<TextAt>,
}

/// What becomes of a part in which the member has a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is as in the member, unless it is absent or null there.
    Given,
    /// It is as in the member, unless there is nothing in it: it is absent, null, false, an empty string, list or
    /// object, or a number that is not above zero.
    Filled,
    /// It is a list: of the desired items, and then of those of the member's whose string in the field of this name
    /// none before them has.
    Joined(String),
}

/// That the desired object has this string at this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextAt {
    /// JSON pointer, through objects alone.
    pub path: String,
    /// The string.
    pub text: String,
}

/// How deep a status may be. It becomes part of other objects, and what is deeper than some 128 can't be read again.
pub const DEPTH_MAX: usize = 100;

/// Parts that are kept of one kind. Each of them costs a look through the object.
const KEPT_MAX: usize = 64;

/// Tokens of a pointer, and fields of a status.
const PARTS_MAX: usize = 100;

impl Declared {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.retain.is_empty()
    }

    /// What can't be, if anything: the field, and what is wrong with it.
    ///
    /// # Errors
    /// A path is no pointer or lies in another one, or there is nothing in a list, or too much.
    pub fn check(&self) -> Result<(), (String, String)> {
        let Declared { status, retain } = self;
        let wrong = |field: String, problem: &str| Err((field, problem.to_owned()));
        match status {
            Some(Reflection::Fields(names)) if names.is_empty() => {
                return wrong("status.fields".to_owned(), "is empty: the status would always be");
            }
            Some(Reflection::Fields(names)) if names.len() > PARTS_MAX => {
                return wrong("status.fields".to_owned(), &format!("has more than {PARTS_MAX}"));
            }
            _ => {}
        }
        if retain.len() > KEPT_MAX {
            return wrong("retain".to_owned(), &format!("has more than {KEPT_MAX}"));
        }
        for (at, Kept { path, keeping: _, only_where }) in retain.iter().enumerate() {
            let condition = only_where.iter().map(|condition| ("onlyWhere.path", &condition.path));
            for (field, pointer) in std::iter::once(("path", path)).chain(condition) {
                if let Some(problem) = no_pointer(pointer) {
                    return wrong(format!("retain[{at}].{field}"), &format!("is {pointer:?}, and {problem}"));
                }
            }
            let within = |one: &str, other: &str| {
                one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let other =
                retain[..at].iter().find(|other| within(path, &other.path) || within(&other.path, path));
            if let Some(Kept { path: other, .. }) = other {
                return wrong(
                    format!("retain[{at}].path"),
                    &format!("is {path:?}, which overlaps with {other:?}"),
                );
            }
        }
        Ok(())
    }
}

fn no_pointer(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.len() < 2 {
        return Some("must be a JSON pointer: /spec/clusterIP".to_owned());
    }
    (path.bytes().filter(|byte| *byte == b'/').count() > PARTS_MAX)
        .then(|| format!("has more than {PARTS_MAX} parts"))
}

impl Reflection {
    /// The whole status.
    pub const fn whole() -> Reflection {
        Reflection::Whole
    }

    /// The fields of these names.
    pub fn fields<'n>(names: impl IntoIterator<Item = &'n str>) -> Reflection {
        Reflection::Fields(names.into_iter().map(str::to_owned).collect())
    }
}

impl Kept {
    fn new(path: &str, keeping: Keeping) -> Kept {
        Kept { path: path.to_owned(), keeping, only_where: None }
    }

    /// What is at `path` is as in the member, unless it is absent or null there.
    pub fn given(path: &str) -> Kept {
        Kept::new(path, Keeping::Given)
    }

    /// What is at `path` is as in the member, unless there is nothing in it: it is absent, null, false, an empty
    /// string, list or object, or a number that is not above zero.
    pub fn filled(path: &str) -> Kept {
        Kept::new(path, Keeping::Filled)
    }

    /// What is at `path` is a list: of the desired items, and then of those of the member's whose string in the field
    /// `name` none before them has.
    pub fn joined(path: &str, name: &str) -> Kept {
        Kept::new(path, Keeping::Joined(name.to_owned()))
    }

    /// Only where the desired object has the string `text` at `path`.
    #[must_use]
    pub fn only_where(self, path: &str, text: &str) -> Kept {
        Kept { only_where: Some(TextAt { path: path.to_owned(), text: text.to_owned() }), ..self }
    }
}

impl fmt::Display for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reflection::Whole => f.write_str("the whole status"),
            Reflection::Fields(names) => write!(f, "of the status {}", names.join(", ")),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kept { path, keeping, only_where } = self;
        match keeping {
            Keeping::Given => write!(f, "{path}")?,
            Keeping::Filled => write!(f, "{path} unless empty")?,
            Keeping::Joined(name) => write!(f, "{path} joined by {name}")?,
        }
        match only_where {
            Some(TextAt { path, text }) => write!(f, " where {path} is {text:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(declared: Declared, want: Option<(&str, &str)>) {
        match (declared.check(), want) {
            (Ok(()), None) => {}
            (Err((field, problem)), Some((wanted, part))) if field == wanted && problem.contains(part) => {}
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn what_can_not_be_declared_is_told_by_its_field() {
        let retain = |retain: &[Kept]| Declared { retain: retain.to_vec(), ..Declared::default() };
        let status = |status| Declared { status: Some(status), ..Declared::default() };
        check(retain(&[Kept::given("/spec/a"), Kept::filled("/spec/ab"), Kept::joined("/b", "name")]), None);
        check(retain(&[Kept::given("/a").only_where("/b", "c")]), None);
        check(status(Reflection::fields(["a"])), None);
        check(retain(&[Kept::given("spec")]), Some(("retain[0].path", "JSON pointer")));
        check(retain(&[Kept::given("")]), Some(("retain[0].path", "JSON pointer")));
        check(
            retain(&[Kept::given("/a").only_where("b", "")]),
            Some(("retain[0].onlyWhere.path", "pointer")),
        );
        check(retain(&[Kept::given("/a"), Kept::filled("/a/b")]), Some(("retain[1].path", "overlaps")));
        check(retain(&[Kept::given("/a/b"), Kept::filled("/a")]), Some(("retain[1].path", "overlaps")));
        check(retain(&vec![Kept::given("/a"); 100]), Some(("retain", "more than 64")));
        check(retain(&[Kept::given(&"/a".repeat(101))]), Some(("retain[0].path", "more than 100")));
        check(status(Reflection::fields([])), Some(("status.fields", "empty")));
    }

    #[test]
    fn a_declaration_is_shown_as_it_is_said() {
        let kept = Kept::filled("/spec/clusterIP").only_where("/type", "x");
        assert_eq!(kept.to_string(), r#"/spec/clusterIP unless empty where /type is "x""#);
        assert_eq!(Kept::joined("/secrets", "name").to_string(), "/secrets joined by name");
        assert_eq!(Reflection::fields(["a", "b"]).to_string(), "of the status a, b");
    }
}
