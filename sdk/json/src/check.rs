//! Text of unknown origin.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Unread, read};

/// Looks at every byte of a document, and says how deep it is: 0 for a scalar.
///
/// # Errors
/// It is not JSON, or holds what can't be read into a tree: a number beyond all bounds, half a character, or more than
/// 127 levels.
pub fn check(text: &str) -> Result<usize, Unread> {
    read::<Depth>(text).map(|Depth(depth)| depth)
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
    fn what_can_not_become_a_tree_is_refused() {
        for text in
            ["", "[1e999]", r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#, "[01]", "[1", "[1]]", "[nul]", "{1:2}"]
        {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
