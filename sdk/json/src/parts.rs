//! The parts of a list or object, as they are written.

use std::cmp::Ordering;

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
        let key = cursor.next()?;
        cursor.pass(b':')?;
        let value = cursor.value()?;
        Some(Entry { key: key.strip_prefix('"')?.strip_suffix('"')?, value })
    })
}

/// The items of the list `text`; nothing of anything else, and nothing behind what is no JSON.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut cursor = Cursor::inside(text, b'[');
    std::iter::from_fn(move || cursor.next())
}

/// What a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Value(&'a str),
    /// Nothing, or null; or it leads through null, or text that is no JSON.
    Nothing,
    /// What so many tokens lead to is no object.
    Astray(usize),
}

/// What the JSON pointer `path` leads to in `text`, through objects alone. No byte behind it is looked at.
pub(crate) fn find<'a>(text: &'a str, path: &str) -> Found<'a> {
    let mut cursor = Cursor { text, at: 0, begun: false };
    for (depth, token) in path.split('/').skip(1).enumerate() {
        match cursor.peek() {
            Some(b'{') => cursor = Cursor { text, at: cursor.at + 1, begun: false },
            Some(b'n') => return Found::Nothing,
            _ => return Found::Astray(depth),
        }
        if cursor.pass_to(&unescape(token)).is_none() {
            return Found::Nothing;
        }
    }
    match cursor.value() {
        None | Some("null") => Found::Nothing,
        Some(value) => Found::Value(value),
    }
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

    /// Passes all up to the value of the entry `name`, in an object.
    fn pass_to(&mut self, name: &str) -> Option<()> {
        loop {
            let key = self.next()?.strip_prefix('"')?.strip_suffix('"')?;
            self.pass(b':')?;
            if is_key(key, name) {
                return Some(());
            }
            self.value()?;
        }
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
