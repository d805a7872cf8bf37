//! Text of unknown origin.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::skip::end_of_plain;
use crate::{Unread, read};

/// Looks at every byte of a document, and says how deep it is: 0 for a scalar.
///
/// # Errors
/// It is not JSON, or holds what can't be read into a tree: a number beyond all bounds, half a character, or more than
/// 127 levels.
pub fn check(text: &str) -> Result<usize, Unread> {
    match only_counts(text) {
        Some(()) => Ok(1),
        None => read::<Depth>(text).map(|Depth(depth)| depth),
    }
}

/// Digits of a count that any tree can hold.
const DIGITS_MAX: usize = 18;

/// An object of plain keys and counts without white space, as most answers are, is known for what it is at once.
fn only_counts(text: &str) -> Option<()> {
    let bytes = text.as_bytes();
    let is = |at: usize, byte: u8| (*bytes.get(at)? == byte).then_some(());
    let (mut at, mut lead) = (0, b'{');
    loop {
        is(at, lead)?;
        is(at + 1, b'"')?;
        at = end_of_plain(bytes, at + 2);
        is(at, b'"')?;
        is(at + 1, b':')?;
        at += 2;
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > DIGITS_MAX || (digits > 1 && bytes[at] == b'0') {
            return None;
        }
        at += digits;
        lead = b',';
        if is(at, b'}').is_some() {
            return (at + 1 == bytes.len()).then_some(());
        }
    }
}

struct Depth(usize);

impl<'de> Deserialize<'de> for Depth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Depth, D::Error> {
        deserializer.deserialize_any(DepthVisitor)
    }
}

struct DepthVisitor;

impl<'de> Visitor<'de> for DepthVisitor {
    type Value = Depth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Depth, E> {
        Ok(Depth(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Depth, A::Error> {
        let mut deepest = 0;
        while let Some(Depth(depth)) = items.next_element()? {
            deepest = deepest.max(depth);
        }
        Ok(Depth(deepest + 1))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Depth, A::Error> {
        let mut deepest = 0;
        while let Some((Depth(_), Depth(depth))) = entries.next_entry()? {
            deepest = deepest.max(depth);
        }
        Ok(Depth(deepest + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_that_of_the_deepest_part() {
        let depth = |text: &str| check(text).ok();
        assert_eq!(depth("7"), Some(0));
        assert_eq!(depth(r#"{"a":[1,{"b":2}],"c":{}}"#), Some(3));
        assert_eq!(depth(&("[".repeat(127) + &"]".repeat(127))), Some(127));
        assert_eq!(depth(&("[".repeat(128) + &"]".repeat(128))), None);
    }

    #[test]
    fn objects_of_counts_are_read_as_any_other() {
        let text = r#"{"replicas":3,"ü":0,"":123456789012345678}"#;
        assert_eq!(only_counts(text), Some(()));
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(only_counts(&text[..end]).is_none() && check(&text[..end]).is_err());
        }
        for other in
            ["{}", r#"{"a":01}"#, r#"{"a":1.5}"#, r#"{"a":1}}"#, r#"{"a":-1}"#, r#"{"a\n":1}"#, r#"{"a":1 }"#]
        {
            assert_eq!(only_counts(other), None, "{other}");
        }
        assert_eq!(check(text).ok(), Some(1));
    }

    #[test]
    fn what_can_not_become_a_tree_is_refused() {
        for text in
            ["", "[1e999]", r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#, "[01]", "[1", "[1]]", "[nul]", "{1:2}"]
        {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
