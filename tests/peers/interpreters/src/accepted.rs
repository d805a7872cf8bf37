//! The differences that there are to be: `accepted.yaml`.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use crate::asked::Question;
use crate::compare::Difference;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/accepted.yaml");

/// A difference with its reason.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) name: String,
    /// Why ours is as it is.
    #[serde(rename = "reason")]
    _reason: String,
    /// What Karmada does instead.
    #[serde(rename = "karmada")]
    _karmada: String,
    /// `Deployment`, or `apps/v1 Deployment`, with `*` for any run of characters; all where there are none.
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    operations: Vec<String>,
    /// Ours refuses with an error like one of these, `*` for any run of characters.
    #[serde(default)]
    refuses: Vec<String>,
    /// The results differ at these places and nowhere else.
    #[serde(default)]
    at: Vec<String>,
    /// These lists hold the same in another order; `.` is the whole result.
    #[serde(default)]
    unordered: Vec<String>,
    /// Each of these places in the question has something like this there; indices are `*`.
    #[serde(default)]
    given: Vec<Given>,
}

/// A place in the question and what there is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    /// `items[*].status.startTime`, or `items[*].status.*` for any field.
    at: String,
    is: Like,
}

/// What a value is like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Like {
    /// A number at a limit of 32 bits or beyond.
    Huge,
    /// JSON text like one of these, `*` for any run of characters.
    Json(Vec<String>),
    /// A list in which more than one item is an empty list or object, somewhere in it.
    EmptyItems,
}

/// All of them.
pub(crate) struct All(Vec<Accepted>);

impl All {
    /// # Errors
    /// The file is not as it has to be.
    pub(crate) fn read() -> anyhow::Result<All> {
        let text = std::fs::read_to_string(FILE).context(FILE)?;
        Ok(All(serde_saphyr::from_str(&text).context(FILE)?))
    }

    /// The first that this difference is an instance of.
    pub(crate) fn find(&self, question: &Question, difference: &Difference) -> Option<&Accepted> {
        self.0.iter().find(|accepted| accepted.covers(question, difference))
    }

    /// The name of what says that lists of the answers to this question have no order, and where these are.
    pub(crate) fn unordered(&self, question: &Question) -> Option<(&str, Vec<&str>)> {
        let unordered = |accepted: &&Accepted| !accepted.unordered.is_empty() && accepted.concerns(question);
        let accepted = self.0.iter().find(unordered)?;
        Some((&accepted.name, accepted.unordered.iter().map(String::as_str).collect()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|accepted| accepted.name.as_str())
    }
}

impl Accepted {
    fn covers(&self, question: &Question, difference: &Difference) -> bool {
        let fits = match difference {
            Difference::Results(places) => {
                !self.at.is_empty()
                    && places.iter().all(|place| self.at.iter().any(|pattern| like(place, pattern)))
            }
            Difference::OursRefuses(error) => self.refuses.iter().any(|pattern| like(error, pattern)),
            Difference::NobodyAnswers | Difference::Panic(_) => false,
        };
        fits && self.concerns(question)
    }

    /// Whether it may come up in answers to this question.
    fn concerns(&self, question: &Question) -> bool {
        let (api_version, kind) = question.kind();
        let full = format!("{api_version} {kind}");
        let any = |patterns: &[String], matches: &dyn Fn(&str) -> bool| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern))
        };
        any(&self.kinds, &|pattern| like(kind, pattern) || like(&full, pattern))
            && any(&self.operations, &|operation| operation == question.operation())
            && self.given.iter().all(|given| {
                let mut there = Vec::new();
                at(&question.0, &given.at, &mut there);
                there.into_iter().any(|value| given.is.holds(value))
            })
    }
}

impl Like {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Like::Huge => value.as_f64().is_some_and(|number| number.abs() >= f64::from(i32::MAX)),
            Like::Json(patterns) => patterns.iter().any(|pattern| like(&value.to_string(), pattern)),
            Like::EmptyItems => has_empty_items(value),
        }
    }
}

fn has_empty_items(value: &Value) -> bool {
    // Lua has no nulls.
    let is_empty = |item: &&Value| match item {
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(map) => map.values().all(Value::is_null),
        _ => false,
    };
    match value {
        Value::Array(items) => items.iter().filter(is_empty).count() > 1 || items.iter().any(has_empty_items),
        Value::Object(map) => map.values().any(has_empty_items),
        _ => false,
    }
}

/// The values at `path`, `[*]` for any index.
fn at<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    let path = path.trim_start_matches('.');
    if path.is_empty() {
        found.push(value);
        return;
    }
    if let Some(rest) = path.strip_prefix("[*]") {
        for item in value.as_array().into_iter().flatten() {
            at(item, rest, found);
        }
        return;
    }
    if let Some(rest) = path.strip_prefix('*') {
        for child in value.as_object().into_iter().flat_map(|map| map.values()) {
            at(child, rest, found);
        }
        return;
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    if let Some(child) = value.get(&path[..end]) {
        at(child, &path[end..], found);
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any run of characters, except in `[*]`.
fn like(text: &str, pattern: &str) -> bool {
    // The stars of places are no wildcards.
    let (text, pattern) = (text.replace("[*]", "[]"), pattern.replace("[*]", "[]"));
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_file_reads_and_each_name_is_there_once() {
        let all = All::read().unwrap();
        let mut names: Vec<&str> = all.names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn stars_stand_for_anything_but_an_index() {
        for (text, pattern, matches) in [
            ("status.conditions[*].time", "status.conditions[*].time", true),
            ("status.conditions[*].time", "status.*time", true),
            ("status.conditions", "status.conditions[*]", false),
            ("abcabc", "a*bc", true),
            ("abc", "ab", false),
            ("abc", "abc*", true),
            ("ab", "*b*b", false),
        ] {
            assert_eq!(like(text, pattern), matches, "{text} {pattern}");
        }
    }

    #[test]
    fn lists_with_holes_are_found_wherever_they_are() {
        assert!(Like::EmptyItems.holds(&json!({"a": [[1, {"b": null}, []]]})));
        assert!(!Like::EmptyItems.holds(&json!({"a": [[1, {}], [[]]], "b": {}})));
    }

    #[test]
    fn a_difference_is_covered_where_all_that_is_stated_holds() {
        let accepted: Accepted = serde_saphyr::from_str(
            "{name: n, reason: r, karmada: k, kinds: [Job], operations: [Retain], at: ['a.*'],
              given: [{at: 'items[*].*', is: huge}]}",
        )
        .unwrap();
        let question = |kind: &str, n: i32| {
            Question(json!({"op": "Retain", "object": {"kind": kind}, "items": [{"n": 1}, {"n": n}]}))
        };
        let at =
            |places: &[&str]| Difference::Results(places.iter().map(|place| (*place).to_owned()).collect());
        assert!(accepted.covers(&question("Job", i32::MIN), &at(&["a.b", "a.c"])));
        assert!(!accepted.covers(&question("Job", 1), &at(&["a.b"])));
        assert!(!accepted.covers(&question("Pod", i32::MIN), &at(&["a.b"])));
        assert!(!accepted.covers(&question("Job", i32::MIN), &at(&["a.b", "b"])));
        assert!(!accepted.covers(&question("Job", i32::MIN), &Difference::OursRefuses("a.b".to_owned())));
    }
}
