//! Where two answers differ.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::peer::Answer;

/// What differs. The order is that of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// The status code, or the reason.
    Code,
    /// Reason and field of an error's causes.
    Causes,
    Body,
    Events,
    /// Names, kinds, groups and retry times in an error's details.
    Details,
    ContentType,
    /// Messages and warnings.
    Wording,
}

impl Aspect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Aspect::Code => "code",
            Aspect::Causes => "causes",
            Aspect::Body => "body",
            Aspect::Events => "events",
            Aspect::Details => "details",
            Aspect::ContentType => "content-type",
            Aspect::Wording => "wording",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One difference. Two are of a group when aspect and place are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) aspect: Aspect,
    /// A path without indices, or what else tells groups apart.
    pub(crate) place: String,
    pub(crate) theirs: String,
    pub(crate) ours: String,
}

/// Longer texts are cut.
const SHOWN_BYTES: usize = 400;

fn shown(value: &Value) -> String {
    cut(match value {
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    })
}

fn cut(mut text: String) -> String {
    if text.len() > SHOWN_BYTES {
        let end = (0..=SHOWN_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

fn is_failure(answer: &Answer) -> bool {
    answer.body["kind"] == "Status" && answer.code >= 400
}

/// All differences of two answers to one request.
pub(crate) fn answers(theirs: &Answer, ours: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    let verdict = |answer: &Answer| match answer.body["reason"].as_str() {
        Some(reason) if is_failure(answer) => format!("{} {reason}", answer.code),
        _ => answer.code.to_string(),
    };
    let message = |answer: &Answer| match is_failure(answer) {
        true => cut(format!("{}: {}", verdict(answer), answer.body["message"].as_str().unwrap_or_default())),
        false => verdict(answer),
    };
    if verdict(theirs) != verdict(ours) {
        let causes = if is_failure(theirs) { causes(theirs) } else { causes(ours) };
        let causes: Vec<String> = causes.into_iter().collect();
        let place = format!("{} ≠ {} {}", verdict(theirs), verdict(ours), causes.join(", "));
        return vec![Difference {
            aspect: Aspect::Code,
            place: place.trim().to_owned(),
            theirs: message(theirs),
            ours: message(ours),
        }];
    }
    if media(&theirs.content_type) != media(&ours.content_type) {
        found.push(Difference {
            aspect: Aspect::ContentType,
            place: String::new(),
            theirs: theirs.content_type.clone(),
            ours: ours.content_type.clone(),
        });
    }
    if is_failure(theirs) {
        failures(theirs, ours, &mut found);
    } else {
        values(&theirs.body, &ours.body, "", Aspect::Body, &mut found);
    }
    if theirs.warnings != ours.warnings {
        found.push(Difference {
            aspect: Aspect::Wording,
            place: "warnings".to_owned(),
            theirs: cut(theirs.warnings.join(" | ")),
            ours: cut(ours.warnings.join(" | ")),
        });
    }
    found
}

fn media(content_type: &str) -> String {
    content_type.replace(' ', "").to_ascii_lowercase()
}

fn causes(answer: &Answer) -> BTreeSet<String> {
    let causes = answer.body.pointer("/details/causes").and_then(Value::as_array);
    let text = |cause: &Value, name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    causes
        .into_iter()
        .flatten()
        .map(|cause| format!("{} {}", text(cause, "reason"), without_indices(&text(cause, "field"))))
        .collect()
}

fn failures(theirs: &Answer, ours: &Answer, found: &mut Vec<Difference>) {
    let (their_causes, our_causes) = (causes(theirs), causes(ours));
    if their_causes != our_causes {
        let list =
            |causes: Vec<&String>| causes.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let missing = list(their_causes.difference(&our_causes).collect());
        let extra = list(our_causes.difference(&their_causes).collect());
        found.push(Difference {
            aspect: Aspect::Causes,
            place: format!("missing [{missing}] extra [{extra}]"),
            theirs: shown(&theirs.body["message"]),
            ours: shown(&ours.body["message"]),
        });
        return;
    }
    let details = |answer: &Answer| {
        let mut details = answer.body["details"].clone();
        if let Some(fields) = details.as_object_mut() {
            fields.remove("causes");
        }
        details
    };
    values(&details(theirs), &details(ours), "details", Aspect::Details, found);
    if theirs.body["message"] != ours.body["message"] {
        let causes: Vec<String> = their_causes.into_iter().collect();
        found.push(Difference {
            aspect: Aspect::Wording,
            place: format!("{} {}", theirs.body["reason"].as_str().unwrap_or_default(), causes.join(", ")),
            theirs: shown(&theirs.body["message"]),
            ours: shown(&ours.body["message"]),
        });
    }
}

/// `spec.ports[0].name` and `spec.ports[1].name` are one place.
fn without_indices(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push_str("[]");
            }
            ']' => inside = false,
            _ if inside => {}
            c => out.push(c),
        }
    }
    out
}

/// The events of one watch.
pub(crate) fn events(theirs: &[Value], ours: &[Value]) -> Vec<Difference> {
    let mut found = Vec::new();
    let summary = |events: &[Value]| -> Value {
        events
            .iter()
            .map(|event| {
                let metadata = &event["object"]["metadata"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                format!("{} {}", text(&event["type"]), text(&metadata["name"]))
            })
            .collect::<Vec<_>>()
            .into()
    };
    let (their_summary, our_summary) = (summary(theirs), summary(ours));
    if their_summary != our_summary {
        found.push(Difference {
            aspect: Aspect::Events,
            place: "sequence".to_owned(),
            theirs: shown(&their_summary),
            ours: shown(&our_summary),
        });
        return found;
    }
    for (their, our) in theirs.iter().zip(ours) {
        let kind = their["type"].as_str().unwrap_or_default();
        values(&their["object"], &our["object"], kind, Aspect::Events, &mut found);
    }
    found
}

/// Where two values differ.
pub(crate) fn values(theirs: &Value, ours: &Value, path: &str, aspect: Aspect, found: &mut Vec<Difference>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                values(a, b, &join(name), aspect, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                values(a, b, &format!("{path}[]"), aspect, found);
            }
        }
        (a, b) if a == b || same_number(a, b) => {}
        (a, b) => {
            let aspect =
                if path.ends_with("columnDefinitions[].description") { Aspect::Wording } else { aspect };
            let difference = Difference { aspect, place: path.to_owned(), theirs: shown(a), ours: shown(b) };
            if !found.contains(&difference) {
                found.push(difference);
            }
        }
    }
}

/// `1` and `1.0`.
fn same_number(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64())
}
