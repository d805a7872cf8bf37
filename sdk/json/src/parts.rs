//! The parts of a list or object, as they are written.

use std::cmp::Ordering;
use std::ops::Range;

use crate::pointer::unescape;
use crate::skip::{end_of_container, end_of_plain};

/// What an entry of an object is called, between its quotes as it is written, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Escapes are not undone.
    pub key: &'a str,
    /// Without the white space around it.
    pub value: &'a str,
}

/// The entries of the object `text`; nothing of anything else, and nothing behind what is no JSON.
pub fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut cursor = Cursor::inside(text, b'{');
    std::iter::from_fn(move || {
        let key = cursor.key()?;
        Some(Entry { key, value: cursor.value()? })
    })
}

/// The items of the list `text`; nothing of anything else, and nothing behind what is no JSON.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut cursor = Cursor::inside(text, b'[');
    std::iter::from_fn(move || cursor.next())
}

/// What a pointer leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'t, 'p> {
    /// `None` where there is nothing, or null.
    pub(crate) value: Option<&'t str>,
    pub(crate) place: Place<'p>,
}

/// Where in a text a value stands, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'p> {
    /// What of the text another value takes the place of: nothing where there is no entry yet.
    pub(crate) range: Range<usize>,
    /// The end of the pointer, for which there is nothing yet.
    pub(crate) missing: &'p str,
    pub(crate) hole: Hole,
}

/// What stands in a [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    Value,
    /// An entry, behind the last one of its object.
    NextEntry,
    /// An entry, of an object that has none.
    OnlyEntry,
}

/// What so many tokens of the pointer lead to is no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Astray(pub(crate) usize);

/// What came of looking for a pointer; nothing where the text is no JSON.
pub(crate) type Outcome<'t, 'p> = Result<Option<Found<'t, 'p>>, Astray>;

/// What the JSON pointer `path` leads to in `text`, through objects alone. No byte behind it is looked at, so a name
/// counts where it stands first. It stands once in what has been a tree, and objects have been.
pub(crate) fn find<'t, 'p>(text: &'t str, path: &'p str) -> Outcome<'t, 'p> {
    find_all(text, &[path]).pop().unwrap_or(Ok(None))
}

/// As [`find`], of several pointers at once.
pub(crate) fn find_all<'t, 'p>(text: &'t str, paths: &[&'p str]) -> Vec<Outcome<'t, 'p>> {
    let mut found = vec![Ok(None); paths.len()];
    for (paths, found) in paths.chunks(AT_ONCE).zip(found.chunks_mut(AT_ONCE)) {
        let all = (0..paths.len()).fold(0, |all, at| all | 1 << at);
        let cursor = Cursor { text, at: 0, begun: false };
        let _: Option<()> =
            Search { cursor, paths, missing: paths.to_vec(), left: paths.len(), found }.look(all, 0);
    }
    found
}

/// So many pointers are looked for at once: bits of a word.
const AT_ONCE: usize = u64::BITS as usize;

/// A walk through a text that ends as soon as all is found.
struct Search<'s, 't, 'p> {
    cursor: Cursor<'t>,
    paths: &'s [&'p str],
    /// Of each pointer, what leads on from here.
    missing: Vec<&'p str>,
    /// How many are still looked for.
    left: usize,
    found: &'s mut [Outcome<'t, 'p>],
}

impl Search<'_, '_, '_> {
    /// Passes the value to which so many tokens of the pointers `here` lead.
    fn look(&mut self, here: u64, depth: usize) -> Option<()> {
        let first = self.cursor.peek()?;
        let start = self.cursor.at;
        let deeper = ones(here).filter(|at| !self.missing[*at].is_empty()).fold(0, |all, at| all | 1 << at);
        let inside = if first == b'{' { deeper } else { 0 };
        let value = if inside == 0 {
            self.cursor.value()?
        } else {
            self.look_inside(inside, depth)?;
            &self.cursor.text[start..self.cursor.at]
        };
        for at in ones(here & !inside) {
            let missing = self.missing[at];
            let place = Place { range: start..self.cursor.at, missing, hole: Hole::Value };
            let value = Some(value).filter(|value| missing.is_empty() && *value != "null");
            let is_astray = !missing.is_empty() && first != b'n';
            self.decide(at, if is_astray { Err(Astray(depth)) } else { Ok(Some(Found { value, place })) })?;
        }
        Some(())
    }

    /// As [`look`](Self::look), of an object through which all of them lead.
    fn look_inside(&mut self, mut sought: u64, depth: usize) -> Option<()> {
        self.cursor.at += 1;
        self.cursor.begun = false;
        let mut hole = Hole::OnlyEntry;
        while let Some(key) = self.cursor.key() {
            hole = Hole::NextEntry;
            let here = ones(sought).filter(|at| leads_on(self.missing[*at], key));
            let here = here.fold(0, |all, at| all | 1 << at);
            if here == 0 {
                self.cursor.value()?;
                continue;
            }
            sought &= !here;
            ones(here).for_each(|at| self.missing[at] = first_token(self.missing[at]).1);
            self.look(here, depth + 1)?;
            ones(here).for_each(|at| self.step_back(at));
            self.cursor.begun = true;
        }
        if self.cursor.peek()? != b'}' {
            return None;
        }
        let end = self.cursor.at;
        for at in ones(sought) {
            let place = Place { range: end..end, missing: self.missing[at], hole };
            self.decide(at, Ok(Some(Found { value: None, place })))?;
        }
        self.cursor.at += 1;
        Some(())
    }
}

impl<'t, 'p> Search<'_, 't, 'p> {
    /// One token more is missing again.
    fn step_back(&mut self, at: usize) {
        let (path, missing) = (self.paths[at], self.missing[at]);
        let passed = &path[..path.len() - missing.len()];
        self.missing[at] = &path[passed.rfind('/').unwrap_or(0)..];
    }

    /// Whether others are still looked for.
    fn decide(&mut self, at: usize, outcome: Outcome<'t, 'p>) -> Option<()> {
        self.found[at] = outcome;
        self.left -= 1;
        (self.left > 0).then_some(())
    }
}

/// Where in a word the ones are.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(at)
    })
}

/// Whether a pointer's first token is `key`, as it is written between its quotes.
fn leads_on(pointer: &str, key: &str) -> bool {
    if pointer.contains('~') || key.contains('\\') {
        return is_key(key, &unescape(first_token(pointer).0));
    }
    let rest = pointer.strip_prefix('/').and_then(|tokens| tokens.strip_prefix(key));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The first token of a pointer, and what is behind it.
fn first_token(pointer: &str) -> (&str, &str) {
    let tokens = pointer.strip_prefix('/').unwrap_or(pointer);
    tokens.split_at(tokens.bytes().position(|byte| byte == b'/').unwrap_or(tokens.len()))
}

/// Whether `key`, as it is written between its quotes, is `name`.
#[inline]
pub fn is_key(key: &str, name: &str) -> bool {
    // An escape is longer than what it stands for.
    match key.len().cmp(&name.len()) {
        Ordering::Less => false,
        Ordering::Equal => key == name && !key.contains('\\'),
        Ordering::Greater => key.contains('\\') && is_escaped_key(key, name),
    }
}

#[cold]
fn is_escaped_key(key: &str, name: &str) -> bool {
    serde_json::from_str::<String>(&format!("\"{key}\"")).is_ok_and(|key| key == name)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Whether a value has been passed already.
    begun: bool,
}

impl<'a> Cursor<'a> {
    fn inside(text: &'a str, bracket: u8) -> Cursor<'a> {
        let mut cursor = Cursor { text, at: 0, begun: false };
        if cursor.pass(bracket).is_none() {
            cursor.at = text.len();
        }
        cursor
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            match byte {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                _ => return Some(byte),
            }
        }
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The next item, or the key of the next entry.
    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        if self.begun {
            self.pass(b',')?;
        }
        self.begun = true;
        self.value()
    }

    /// The key of the next entry of an object; its value is next.
    #[inline]
    fn key(&mut self) -> Option<&'a str> {
        let key = self.next()?.strip_prefix('"')?.strip_suffix('"')?;
        self.pass(b':')?;
        Some(key)
    }

    /// The value that begins here.
    #[inline]
    fn value(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let first = self.peek()?;
        let start = self.at;
        self.at = match first {
            b'"' => end_of_string(bytes, start + 1)?,
            b'{' | b'[' => end_of_container(bytes, start)?,
            b',' | b':' | b']' | b'}' => return None,
            _ => {
                // A closing square bracket becomes a curly one so, and nothing else does.
                let ends = |byte: &u8| *byte <= b' ' || *byte == b',' || *byte | 0x20 == b'}';
                bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
            }
        };
        self.text.get(start..self.at)
    }
}

/// Behind the string that goes on at `at`.
pub(crate) fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = end_of_plain(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_they_are_written() {
        let all: Vec<_> = entries(r#" { "a" : [1, "]"] ,"b\"":{ "c":"}" }, "d":-1.5e2 } "#)
            .map(|Entry { key, value }| (key, value))
            .collect();
        assert_eq!(all, [("a", r#"[1, "]"]"#), (r#"b\""#, r#"{ "c":"}" }"#), ("d", "-1.5e2")]);
        assert_eq!(
            items(r#"[ 1 ,"a",[2],{}, null ]"#).collect::<Vec<_>>(),
            ["1", "\"a\"", "[2]", "{}", "null"]
        );
    }

    #[test]
    fn a_key_is_its_name_however_it_is_written() {
        for (key, name) in
            [("a", "a"), ("", ""), (r"\u0061", "a"), (r#"\""#, "\""), (r"\\", "\\"), (r"\ud83d\ude00", "😀")]
        {
            assert!(is_key(key, name), "{key}");
        }
        for (key, name) in [
            ("a", "b"),
            ("a", "ab"),
            ("ab", "a"),
            (r"\\", r"\\"),
            (r"\u0061", "b"),
            (r"\n", r"\n"),
            (r"\u", "u"),
        ] {
            assert!(!is_key(key, name), "{key}");
        }
    }

    #[test]
    fn there_is_nothing_in_what_has_no_parts() {
        for text in [
            "", "7", "\"a\"", "[", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{a}", "{\"a\\", "{,}", "}{",
            "[,]",
        ] {
            assert_eq!(entries(text).count(), 0, "{text}");
        }
        assert_eq!(items("[1,]").collect::<Vec<_>>(), ["1"]);
        assert_eq!(items("{\"a\":1}").count(), 0);
        assert_eq!(entries("[1]").count(), 0);
    }
}
