//! Places in the text of an object.

use std::borrow::Cow;
use std::fmt;

use crate::parts::{Astray, Found, Outcome, entries, find, is_key};
use crate::pointer::unescape;

/// The object is not made for what is declared for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// `observed.spec`
    pub field: String,
    /// What it has to be.
    pub message: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Unfit {}

/// One of the objects that a question is about.
#[derive(Clone, Copy)]
pub(super) struct Document<'t> {
    /// What fields of it begin with: nothing, or `observed`.
    pub(super) name: &'static str,
    pub(super) text: &'t str,
}

impl<'t> Document<'t> {
    /// The value at the JSON pointer `path`; `None` where there is none, or null.
    pub(super) fn at(self, path: &str) -> Result<Option<&'t str>, Unfit> {
        Ok(self.found(path, find(self.text, path))?.and_then(|found| found.value))
    }

    /// What came of looking for `path`.
    pub(super) fn found<'p>(
        self,
        path: &str,
        outcome: Outcome<'t, 'p>,
    ) -> Result<Option<Found<'t, 'p>>, Unfit> {
        outcome.map_err(|Astray(depth)| self.unfit(path, depth, "an object"))
    }

    /// What the first `depth` tokens of `path` lead to is no `wanted`.
    #[cold]
    pub(super) fn unfit(self, path: &str, depth: usize, wanted: &str) -> Unfit {
        let mut field = self.name.to_owned();
        for token in path.split('/').skip(1).take(depth) {
            let token = unescape(token);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !token.chars().all(is_plain) {
                field.push_str(&format!("['{token}']"));
            } else {
                field.push_str(if field.is_empty() { "" } else { "." });
                field.push_str(&token);
            }
        }
        Unfit { field, message: format!("must be {wanted}") }
    }
}

/// The field `name` of an object.
pub(super) fn field<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    entries(object).find(|entry| is_key(entry.key, name)).map(|entry| entry.value)
}

/// The string that `value` is, if it is one.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        crate::read::<String>(value).ok().map(Cow::Owned)
    } else {
        Some(inside.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_through_objects_alone() {
        let text = r#" {"x": {"a": 0}, "\u0061": {"~": "}", "b/c": [2], "n": null} , "l": [{}] } "#;
        let at = |path: &str| Document { name: "observed", text }.at(path).map_err(|unfit| unfit.field);
        assert_eq!(at("/a/b~1c"), Ok(Some("[2]")), "a key is the same however it is written");
        assert_eq!(at("/a/~0"), Ok(Some("\"}\"")));
        assert_eq!(at("/a/b~1c/d"), Err("observed.a['b/c']".to_owned()));
        assert_eq!(at("/a/n/x"), Ok(None));
        assert_eq!(at("/x/y"), Ok(None));
        assert_eq!(at("/y/x"), Ok(None));
        assert_eq!(at("/l/0"), Err("observed.l".to_owned()));
        let nothing = Document { name: "", text: "7" }.at("/a").map_err(|unfit| unfit.to_string());
        assert_eq!(nothing, Err(": must be an object".to_owned()));
    }

    #[test]
    fn strings_are_what_they_say() {
        assert_eq!(string(r#""a\u0062""#).as_deref(), Some("ab"));
        assert_eq!(string("\"\"").as_deref(), Some(""));
        for text in ["7", "\"", "\"a\\", "null", ""] {
            assert_eq!(string(text), None, "{text}");
        }
    }
}
