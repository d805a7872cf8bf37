//! What an answer hangs on, found by asking again.
//!
//! A plugin is a pure function, so a field that makes a difference shows itself: the question is put once more with
//! that field gone, with another value in it, and with a value of another type. Where nothing changes, the plugin
//! either didn't look at the field or looked in vain. This works for plugins in any language and needs nothing of
//! them; what it can't see is a field that would only make a difference with one particular value, or beside another.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::difference::child;
use crate::outcome::Outcome;

/// How a field makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Another value gives another answer.
    Decides,
    /// What is in it makes no difference here, but it is read: with a wrong value there is no answer.
    Read,
}

/// A field that makes a difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Read {
    /// `object.spec.replicas`
    pub field: String,
    pub value: Value,
    pub how: How,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trace {
    pub fields: Vec<Read>,
    /// How often the question was put for it.
    pub asked: usize,
    /// Whether every field was tried; not where it would have taken too long.
    pub complete: bool,
}

/// The parts of an input that a plugin sees as documents.
const DOCUMENTS: [&str; 8] = ["object", "observed", "items", "rules", "state", "pods", "settings", "request"];
/// What decides whom the host asks at all. Nothing would be learnt from changing it.
const ROUTES: [&str; 7] = [
    "/object/apiVersion",
    "/object/kind",
    "/request/verb",
    "/request/group",
    "/request/version",
    "/request/resource",
    "/request/subresource",
];
const ASKED_MAX: usize = 20_000;
const TIME_MAX: Duration = Duration::from_secs(5);
/// A part of which each of more fields than these makes a difference is told as a whole.
const LISTED_MAX: usize = 8;

/// Puts `input` again and again. `ask` answers an input, or `None` where the host itself can't read it.
pub fn trace(input: &Value, ask: impl FnMut(&Value) -> Option<Outcome>) -> Trace {
    let mut tracer = Tracer {
        ask,
        input,
        before: Effect::default(),
        until: Instant::now() + TIME_MAX,
        trace: Trace { complete: true, ..Trace::default() },
    };
    let Some(before) = tracer.effect(input) else { return tracer.trace };
    tracer.before = before;
    for document in DOCUMENTS {
        let value = &input[document];
        if value.is_object() || value.is_array() {
            tracer.children(&format!("/{document}"), document, value);
        }
    }
    tracer.trace
}

/// What an answer comes down to. Of a changed object only the changes count.
#[derive(Clone, Debug, Default, PartialEq)]
struct Effect {
    outcome: Option<Outcome>,
    changes: BTreeMap<String, Option<Value>>,
}

struct Tracer<'a, A> {
    ask: A,
    input: &'a Value,
    before: Effect,
    until: Instant,
    trace: Trace,
}

impl<A: FnMut(&Value) -> Option<Outcome>> Tracer<'_, A> {
    /// Visits what is in `value`, which lies at `pointer`; how many fields are in it, and how many of them decide.
    fn children(&mut self, pointer: &str, field: &str, value: &Value) -> (usize, usize) {
        let before = self.trace.fields.len();
        let children: Vec<(String, String, &Value)> = match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| {
                    let token = key.replace('~', "~0").replace('/', "~1");
                    (format!("{pointer}/{token}"), child(field, key), value)
                })
                .collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| (format!("{pointer}/{index}"), format!("{field}[{index}]"), value))
                .collect(),
            _ => Vec::new(),
        };
        let (mut leaves, mut deciding) = (0, 0);
        for (pointer, field, value) in children {
            let (inside, decide) = self.visit(&pointer, &field, value);
            leaves += inside;
            deciding += decide;
        }
        if deciding == leaves && deciding > LISTED_MAX {
            self.trace.fields.truncate(before);
            self.trace.fields.push(Read { field: field.to_owned(), value: value.clone(), how: How::Decides });
        }
        (leaves, deciding)
    }

    fn visit(&mut self, pointer: &str, field: &str, value: &Value) -> (usize, usize) {
        if ROUTES.contains(&pointer) {
            return (0, 0);
        }
        let how = self.how(pointer, value);
        let is_leaf = match value {
            Value::Object(map) => map.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => true,
        };
        match (how, is_leaf) {
            (None, true) => (1, 0),
            (None, false) => (count(value), 0),
            (Some(how), true) => {
                self.trace.fields.push(Read { field: field.to_owned(), value: value.clone(), how });
                (1, usize::from(how == How::Decides))
            }
            (Some(how), false) => {
                let before = self.trace.fields.len();
                let (leaves, deciding) = self.children(pointer, field, value);
                // Nothing in it by itself: what counts is that it is there.
                if self.trace.fields.len() == before && how == How::Decides {
                    self.trace.fields.push(Read { field: field.to_owned(), value: value.clone(), how });
                }
                (leaves, deciding)
            }
        }
    }

    /// How the value at `pointer` makes a difference, if it does.
    fn how(&mut self, pointer: &str, value: &Value) -> Option<How> {
        let mut found = None;
        for replacement in replacements(value) {
            if self.trace.asked >= ASKED_MAX || Instant::now() > self.until {
                self.trace.complete = false;
                return found;
            }
            let mut input = self.input.clone();
            replace(&mut input, pointer, replacement);
            let Some(effect) = self.effect(&input) else { continue };
            if effect == self.before {
                continue;
            }
            match effect.outcome {
                // Its changes don't fit into what was put there: the host's finding, and none of the plugin's.
                Some(Outcome::Failed { reason: "BadAnswer", .. }) => {}
                Some(Outcome::Rejected { .. } | Outcome::Failed { .. }) => found = Some(How::Read),
                _ => return Some(How::Decides),
            }
        }
        found
    }

    fn effect(&mut self, input: &Value) -> Option<Effect> {
        self.trace.asked += 1;
        let outcome = (self.ask)(input)?;
        let before = match input["operation"].as_str() {
            Some("ReviseReplica" | "Retain" | "AggregateStatus" | "RestoreState") => &input["object"],
            Some("Admit") => &input["request"]["object"],
            _ => return Some(Effect { outcome: Some(outcome), changes: BTreeMap::new() }),
        };
        let (after, beside) = match &outcome {
            Outcome::Result(result) if input["operation"] == "Admit" => {
                (&result["object"], Some(Outcome::Result(result["warnings"].clone())))
            }
            Outcome::Result(result) => (result, None),
            _ => return Some(Effect { outcome: Some(outcome), changes: BTreeMap::new() }),
        };
        Some(Effect { outcome: beside, changes: changes(before, after) })
    }
}

/// What is put in a value's place: nothing, another value like it, and one that is nothing like it.
fn replacements(value: &Value) -> Vec<Option<Value>> {
    match value {
        Value::Null => vec![Some(json!("x")), Some(json!({}))],
        Value::Bool(value) => vec![None, Some(json!(!value)), Some(json!("x"))],
        Value::Number(number) => {
            let other = number.as_i64().map_or(json!(0.5), |number| json!(number.wrapping_add(1)));
            vec![None, Some(other), Some(json!({}))]
        }
        Value::String(text) => vec![None, Some(json!(format!("{text}-x"))), Some(json!({}))],
        Value::Array(_) | Value::Object(_) => vec![None, Some(json!("x"))],
    }
}

fn replace(input: &mut Value, pointer: &str, replacement: Option<Value>) {
    if let Some(value) = replacement {
        if let Some(place) = input.pointer_mut(pointer) {
            *place = value;
        }
        return;
    }
    let Some((parent, token)) = pointer.rsplit_once('/') else { return };
    match input.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&token.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Some(index) = token.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// What is in `after` and not in `before`, by pointer, and what is no more.
fn changes(before: &Value, after: &Value) -> BTreeMap<String, Option<Value>> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, String::new(), &mut old);
    leaves(after, String::new(), &mut new);
    let gone =
        old.keys().filter(|pointer| !new.contains_key(*pointer)).map(|pointer| (pointer.clone(), None));
    let set = new.iter().filter(|(pointer, value)| old.get(*pointer) != Some(value));
    set.map(|(pointer, value)| (pointer.clone(), Some((*value).clone()))).chain(gone).collect()
}

fn leaves<'a>(value: &'a Value, at: String, found: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => {
            found.insert(at, value);
        }
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(map) if !map.is_empty() => map.values().map(count).sum(),
        Value::Array(items) if !items.is_empty() => items.iter().map(count).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(input: &Value, ask: impl FnMut(&Value) -> Option<Outcome>) -> Vec<(String, How)> {
        let trace = trace(input, ask);
        assert!(trace.complete && trace.asked > 1);
        trace.fields.into_iter().map(|read| (read.field, read.how)).collect()
    }

    fn rejected(field: &str) -> Option<Outcome> {
        Some(Outcome::Rejected { field: field.to_owned(), message: "wrong".to_owned() })
    }

    #[test]
    fn what_decides_and_what_is_only_read_are_told_apart() {
        let input = json!({"operation": "InterpretHealth", "object": {"apiVersion": "v1", "kind": "Thing",
            "metadata": {"name": "a", "labels": {"x/y": "z"}},
            "status": {"phase": "Pending", "ready": 3, "message": "unread"}}});
        let found = fields(&input, |input| {
            let status = &input["object"]["status"];
            if !status["phase"].is_string() && !status["phase"].is_null() {
                return rejected("status.phase");
            }
            let healthy = status["phase"] == "Running" || status["ready"].as_i64() == Some(3);
            Some(Outcome::Result(json!(healthy)))
        });
        let expected = [("object.status.phase", How::Read), ("object.status.ready", How::Decides)];
        assert_eq!(found, expected.map(|(field, how)| (field.to_owned(), how)));
    }

    #[test]
    fn of_a_changed_object_only_the_changes_count() {
        let input = json!({"operation": "ReviseReplica", "replicas": 5, "object": {"apiVersion": "v1",
            "kind": "Thing", "metadata": {"name": "a"}, "spec": {"replicas": 3, "other": {"deep": [1, 2]}}}});
        let found = fields(&input, |input| {
            let mut object = input["object"].clone();
            if !object["spec"].is_object() && !object["spec"].is_null() {
                return Some(Outcome::Failed { reason: "BadAnswer", message: String::new() });
            }
            object["spec"]["replicas"] = input["replicas"].clone();
            Some(Outcome::Result(object))
        });
        assert_eq!(found, []);
    }

    #[test]
    fn a_part_that_is_passed_on_is_told_as_a_whole() {
        let status: serde_json::Map<String, Value> =
            (0..20).map(|number| (format!("field{number}"), json!(number))).collect();
        let input = json!({"operation": "InterpretStatus",
            "object": {"apiVersion": "v1", "kind": "Thing", "spec": {"a": 1}, "status": status}});
        let found = fields(&input, |input| Some(Outcome::Result(input["object"]["status"].clone())));
        assert_eq!(found, [("object.status".to_owned(), How::Decides)]);
    }

    #[test]
    fn every_document_of_the_question_is_looked_at() {
        let input = json!({"operation": "Retain", "object": {"apiVersion": "v1", "kind": "Thing"},
            "observed": {"spec": {"ip": "10.0.0.1", "unread": true}}});
        let found = fields(&input, |input| {
            let mut object = input["object"].clone();
            if let Some(ip) = input["observed"]["spec"]["ip"].as_str() {
                object["spec"] = json!({"ip": ip});
            }
            Some(Outcome::Result(object))
        });
        assert_eq!(found, [("observed.spec.ip".to_owned(), How::Decides)]);
    }
}
