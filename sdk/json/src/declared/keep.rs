//! The text of an object that keeps what is retained.

use super::Retained;
use crate::parts::{Hole, Place};
use crate::pointer::{key_of, unescape};

/// What is written around a value: keys, quotes and brackets.
const AROUND: usize = 8;

/// `desired` with all that is `retained`, which was found for it. What is missing on the way is made, and what is new
/// comes last in its object.
///
/// `None` where two parts need the same object made, or the text is no JSON: that is left to those who take objects
/// apart.
pub fn keeping(desired: &str, retained: &[Retained<'_>]) -> Option<String> {
    let start = |part: &Retained<'_>| part.place.as_ref().map(|place| place.range.start);
    let mut parts: Vec<&Retained<'_>> = retained.iter().collect();
    parts.sort_by_key(|part| start(part));
    let around = |part: &Retained<'_>| part.path.len() + part.value.len() + AROUND;
    let mut text = String::with_capacity(desired.len() + retained.iter().map(around).sum::<usize>());
    let mut end = 0;
    for (at, part) in parts.iter().enumerate() {
        let Place { range, missing, hole } = part.place.as_ref()?;
        let mut tokens = missing.split('/').skip(1);
        let mut here =
            parts[..at].iter().rev().take_while(|other| start(other) == Some(range.start)).peekable();
        let follows = here.peek().is_some();
        if here.any(|other| meet(other, part)) {
            return None;
        }
        text.push_str(desired.get(end..range.start)?);
        end = range.end;
        if *hole != Hole::Value {
            if *hole == Hole::NextEntry || follows {
                text.push(',');
            }
            push_key(&mut text, tokens.next()?);
        }
        let mut made = 0;
        for token in tokens {
            text.push('{');
            push_key(&mut text, token);
            made += 1;
        }
        text.push_str(&part.value);
        text.extend(std::iter::repeat_n('}', made));
    }
    text.push_str(desired.get(end..)?);
    Some(text)
}

/// Whether two parts at the same place are parts of one thing that is missing there.
fn meet(one: &Retained<'_>, other: &Retained<'_>) -> bool {
    let first = |part: &Retained<'_>| {
        let Place { missing, hole, .. } = part.place.as_ref()?;
        let token = missing.split('/').nth(1).filter(|_| *hole != Hole::Value)?;
        Some(unescape(token).into_owned())
    };
    first(one) == first(other)
}

fn push_key(text: &mut String, token: &str) {
    text.push('"');
    text.push_str(&key_of(&unescape(token)));
    text.push_str("\":");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declared::{Declared, Kept};

    #[track_caller]
    fn check(desired: &str, observed: &str, want: Option<&str>) {
        let paths = ["/spec/a", "/spec/b", "/l/x~1y/\"z", "/l/x~1y/w"];
        let declared = Declared { retain: paths.map(Kept::given).into(), ..Declared::default() };
        let retained = declared.retained(desired, observed).expect("both fit");
        assert_eq!(keeping(desired, &retained).as_deref(), want);
    }

    #[test]
    fn what_is_kept_is_put_where_it_belongs() {
        let observed = r#"{"spec":{"b":[2],"a":1,"c":0},"l":{"x/y":{"\"z":{}}}}"#;
        check(
            r#"{"spec":{},"l":{"x/y":{}}}"#,
            observed,
            Some(r#"{"spec":{"a":1,"b":[2]},"l":{"x/y":{"\"z":{}}}}"#),
        );
        check(
            r#"{"l":{"x/y":{"\u0022z":[]}},"spec":{ "b" : null, "d":7 } }"#,
            observed,
            Some(r#"{"l":{"x/y":{"\u0022z":{}}},"spec":{ "b" : [2], "d":7 ,"a":1} }"#),
        );
        check(
            r#"{"spec":{"a":1,"b":[2]}}"#,
            observed,
            Some(r#"{"spec":{"a":1,"b":[2]},"l":{"x/y":{"\"z":{}}}}"#),
        );
        check(
            r#"{"spec":{"a":1,"b":[2]},"l":null}"#,
            observed,
            Some(r#"{"spec":{"a":1,"b":[2]},"l":{"x/y":{"\"z":{}}}}"#),
        );
        check(r#"{"spec":{"a":1}}"#, r#"{"spec":{"a":1}}"#, Some(r#"{"spec":{"a":1}}"#));
    }

    #[test]
    fn what_needs_the_same_object_made_is_left_to_others() {
        let observed = r#"{"spec":{"a":1,"b":2}}"#;
        check("{}", observed, None);
        check(r#"{"spec":null}"#, observed, None);
        check(r#"{"x":"#, observed, None);
        let observed = r#"{"l":{"x/y":{"\"z":1,"w":2}}}"#;
        check(r#"{"l":{"v":3}}"#, observed, None);
        check(r#"{"l":{"x/y":{"v":3}}}"#, observed, Some(r#"{"l":{"x/y":{"v":3,"\"z":1,"w":2}}}"#));
    }

    #[test]
    fn any_text_is_kept_in_or_not() {
        let text = r#"{"spec":{"a":null,"b":{}},"l":{"x/y":{"\"z":"é"}}}"#;
        let observed = r#"{"spec":{"a":1,"b":2},"l":{"x/y":{"\"z":1,"w":2}}}"#;
        let retain = ["/spec/a", "/spec/b", "/l/x~1y/\"z", "/l/x~1y/w"].map(Kept::given).into();
        let declared = Declared { retain, ..Declared::default() };
        for desired in (0..text.len()).filter_map(|end| text.get(..end)) {
            if let Ok(retained) = declared.retained(desired, observed) {
                let _ = keeping(desired, &retained);
            }
        }
    }
}
