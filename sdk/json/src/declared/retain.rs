//! Retain, as it is declared.

use std::borrow::Cow;
use std::collections::HashSet;

use super::place::{Document, field, string};
use super::{Declared, Keeping, Kept, Unfit};
use crate::parts::{Found, Place, find_all, items};

/// A part of the desired object that becomes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained<'a> {
    /// JSON pointer. What it leads through is an object, or nothing yet.
    pub path: &'a str,
    /// JSON.
    pub value: Cow<'a, str>,
    /// Where it belongs, if the desired object is JSON.
    pub(super) place: Option<Place<'a>>,
}

impl Declared {
    /// What is to change in `desired` so that it keeps what is declared of `observed`; both are objects' JSON. What is
    /// alike already is left out.
    ///
    /// # Errors
    /// What leads to a part in which the member has a say is no object, or what is to be joined is no list.
    pub fn retained<'a>(&'a self, desired: &'a str, observed: &'a str) -> Result<Vec<Retained<'a>>, Unfit> {
        let mut all = Vec::new();
        let desired = Document { name: "", text: desired };
        let observed = Document { name: "observed", text: observed };
        let kept: Vec<&Kept> = self.retain.iter().filter(|kept| kept.is_kept_in(desired)).collect();
        let paths: Vec<&str> = kept.iter().map(|kept| kept.path.as_str()).collect();
        // What the member has tells what is worth looking for.
        let mut given = Vec::with_capacity(kept.len());
        for (kept, outcome) in kept.iter().zip(find_all(observed.text, &paths)) {
            let value = observed.found(&kept.path, outcome)?.and_then(|found| found.value);
            given.extend(value.filter(|value| kept.keeps(value)).map(|value| (*kept, value)));
        }
        let paths: Vec<&str> = given.iter().map(|(kept, _)| kept.path.as_str()).collect();
        for ((kept, value), outcome) in given.iter().zip(find_all(desired.text, &paths)) {
            all.extend(kept.retained((observed, value), (desired, desired.found(&kept.path, outcome)?))?);
        }
        Ok(all)
    }
}

impl Kept {
    fn is_kept_in(&self, desired: Document<'_>) -> bool {
        self.only_where.as_ref().is_none_or(|condition| {
            let value = desired.at(&condition.path).ok().flatten().and_then(string);
            value.is_some_and(|text| text == condition.text)
        })
    }

    /// Whether this is something to keep.
    fn keeps(&self, value: &str) -> bool {
        self.keeping != Keeping::Filled || !is_nothing(value)
    }

    /// Of a value in `observed` and what is found in `desired`.
    fn retained<'t>(
        &'t self,
        (observed, value): (Document<'t>, &'t str),
        (desired, found): (Document<'t>, Option<Found<'t, 't>>),
    ) -> Result<Option<Retained<'t>>, Unfit> {
        let (present, place) = found.map(|Found { value, place }| (value, place)).unzip();
        let present = present.flatten();
        let value = match &self.keeping {
            Keeping::Given | Keeping::Filled if present == Some(value) => None,
            Keeping::Given | Keeping::Filled => Some(value.into()),
            Keeping::Joined(name) => {
                self.expect_list(observed, value)?;
                let present = present.unwrap_or("[]");
                self.expect_list(desired, present)?;
                if present == value { None } else { joined(present, value, name).map(Cow::Owned) }
            }
        };
        Ok(value.map(|value| Retained { path: &self.path, value, place }))
    }

    fn expect_list(&self, document: Document<'_>, value: &str) -> Result<(), Unfit> {
        let no_list = || document.unfit(&self.path, usize::MAX, "a list");
        value.starts_with('[').then_some(()).ok_or_else(no_list)
    }
}

/// Both lists, but for what of the second is in the first by its string in the field `name`; `None` where that is all.
fn joined(first: &str, second: &str, name: &str) -> Option<String> {
    let named = |item| field(item, name).and_then(string);
    let mut known: HashSet<Option<Cow<'_, str>>> = items(first).map(named).collect();
    let mut all: Vec<&str> = Vec::new();
    all.extend(items(second).filter(|item| known.insert(named(item))));
    if all.is_empty() {
        return None;
    }
    all.splice(..0, items(first));
    Some(format!("[{}]", all.join(",")))
}

/// Whether there is nothing in it.
fn is_nothing(value: &str) -> bool {
    let is_empty = |open, close| {
        let inside = value.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
        inside.is_some_and(|inside| inside.trim_ascii().is_empty())
    };
    match value.as_bytes().first() {
        Some(b'"') => value == "\"\"",
        Some(b'[') => is_empty('[', ']'),
        Some(b'{') => is_empty('{', '}'),
        Some(b'-') => true,
        Some(b'0'..=b'9') => value.parse::<f64>().is_ok_and(|number| number <= 0.0),
        _ => value == "false" || value == "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kept: Kept, desired: &str, observed: &str, want: Result<Option<&str>, &str>) {
        let declared = Declared { retain: vec![kept], ..Declared::default() };
        let got = declared.retained(desired, observed);
        match (&got, want) {
            (Ok(all), Ok(want)) if all.iter().map(|it| &*it.value).eq(want) => {}
            (Err(unfit), Err(want)) if unfit.to_string().contains(want) => {}
            _ => panic!("{got:?}, and not {want:?}"),
        }
    }

    const SPECS: [&str; 4] = ["{}", r#"{"spec":null}"#, r#"{"spec":{"b":1}}"#, r#"{"spec":{"a":0}}"#];

    #[test]
    fn what_is_given_is_kept() {
        let given = || Kept::given("/spec/a");
        for desired in SPECS {
            for value in ["7", "\"\"", "{}", "[ 1 ]", "false", "-1"] {
                check(given(), desired, &format!(r#"{{"spec":{{"a": {value} }}}}"#), Ok(Some(value)));
            }
            for observed in [r#"{"spec":{"a":null}}"#, r#"{"spec":{}}"#, r#"{"spec":null}"#, "{}"] {
                check(given(), desired, observed, Ok(None));
            }
        }
        check(given(), r#"{"spec":{"a":7}}"#, r#"{"spec":{"a":7,"b":1}}"#, Ok(None));
    }

    #[test]
    fn what_has_nothing_in_it_is_not_kept_where_it_is_to_be_filled() {
        let observed = |value: &str| format!(r#"{{"spec":{{"a":{value}}}}}"#);
        for desired in SPECS {
            for value in ["null", "\"\"", "{ }", "[]", "false", "0", "-3", "0.0", "-0"] {
                check(Kept::filled("/spec/a"), desired, &observed(value), Ok(None));
            }
            for value in ["\"a\"", "{\"a\":null}", "[0]", "true", "30", "1e-3"] {
                check(Kept::filled("/spec/a"), desired, &observed(value), Ok(Some(value)));
            }
        }
    }

    #[test]
    fn lists_are_joined_by_name() {
        let joined = || Kept::joined("/l", "n");
        let object = |list: &str| format!(r#"{{"l":{list}}}"#);
        let check =
            |desired: &str, observed: &str, want| check(joined(), &object(desired), &object(observed), want);
        check(
            r#"[{"n":"a","x":1}]"#,
            r#"[{"n":"\u0061"},{"n":"b"}, {"n":"b","x":2}]"#,
            Ok(Some(r#"[{"n":"a","x":1},{"n":"b"}]"#)),
        );
        check("null", r#"[{"n":"a"}]"#, Ok(Some(r#"[{"n":"a"}]"#)));
        check(r#"[{"n":"a"}, {"n":"b"}]"#, r#"[{"n":"b"}]"#, Ok(None));
        check(r#"[{"n":"a"}]"#, "[]", Ok(None));
        check(r#"[7]"#, r#"[{"n":8},{}]"#, Ok(None));
        check(r#"[{"n":"a"}]"#, "[7,8]", Ok(Some(r#"[{"n":"a"},7]"#)));
        check("{}", r#"[{"n":"a"}]"#, Err("l: must be a list"));
        check("[]", r#"{"n":"a"}"#, Err("observed.l: must be a list"));
    }

    #[test]
    fn many_items_are_not_held_against_each_other() {
        let list = |from: usize| {
            let items: Vec<_> = (from..from + 100_000).map(|at| format!(r#"{{"n":"{at}"}}"#)).collect();
            format!(r#"{{"l":[{}]}}"#, items.join(","))
        };
        let declared = Declared { retain: vec![Kept::joined("/l", "n")], ..Declared::default() };
        let (desired, observed) = (list(0), list(1));
        assert_eq!(declared.retained(&desired, &observed).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn a_condition_is_one_of_the_desired_object() {
        let kept = || Kept::given("/data").only_where("/metadata/labels/a~1b", "yes");
        let object = |label: &str| format!(r#"{{"metadata":{{"labels":{{"a/b":{label}}}}}}}"#);
        let observed = r#"{"data":{"a":"b"}}"#;
        check(kept(), &object("\"yes\""), observed, Ok(Some(r#"{"a":"b"}"#)));
        check(kept(), &object("\"y\\u0065s\""), observed, Ok(Some(r#"{"a":"b"}"#)));
        for label in ["\"no\"", "true", "null", "[\"yes\"]"] {
            check(kept(), &object(label), observed, Ok(None));
        }
        check(kept(), r#"{"metadata":7}"#, observed, Ok(None));
    }

    #[test]
    fn what_leads_to_a_part_is_an_object() {
        let observed = r#"{"spec":{"a":{"b":1}}}"#;
        check(Kept::given("/spec/a/b"), r#"{"spec":{"a":[]}}"#, observed, Err("spec.a: must be an object"));
        check(Kept::given("/spec/a/b"), r#"{"spec":"x"}"#, observed, Err("spec: must be an object"));
        check(
            Kept::given("/spec/a/b"),
            "{}",
            r#"{"spec":{"a":7}}"#,
            Err("observed.spec.a: must be an object"),
        );
        check(Kept::given("/spec/a/b"), "{}", "7", Err("observed: must be an object"));
    }

    #[test]
    fn any_text_has_an_answer() {
        let text = r#"{"a":{"l":[{"n":"\\\"x"},{"n":null}]},"b":-1.5}"#;
        let retain =
            vec![Kept::given("/b"), Kept::joined("/a/l", "n").only_where("/b", "x"), Kept::filled("/a/n")];
        let declared = Declared { retain, ..Declared::default() };
        for end in 0..text.len() {
            for observed in [&text[..end], &text[end..], text] {
                let _ = declared.retained(text, observed);
                let _ = declared.retained(observed, text);
            }
        }
    }
}
