//! Makes answers comparable: what the servers choose themselves (times, uids, revisions, generated names, addresses)
//! gives way to what it stands for.

use serde_json::{Value, json};

use super::call;
use super::peer::{Answer, Session};

/// What Windlass's housekeeping puts into each namespace, as kube-controller-manager does, which does not run here.
const HOUSEKEEPING: [(&str, &str); 2] = [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")];
/// Generated names begin so in every request that has `generateName`.
pub(crate) const GENERATE: &str = "gen-";
const SUFFIX_BYTES: usize = 5;

/// Remembers what the answer says of its object, and normalises it.
pub(crate) fn answer(session: &mut Session<'_>, answer: &mut Answer) {
    let body = &mut answer.body;
    if let Some(token) = body.pointer("/metadata/continue").and_then(Value::as_str) {
        session.continue_token = token.to_owned();
    }
    for list in ["items", "rows"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| is_wanted(session, item.get("object").unwrap_or(item)));
        }
    }
    value(session, body);
    for warning in &mut answer.warnings {
        *warning = warning.replace(&session.round, call::ROUND);
    }
}

/// The same for an event of a watch.
pub(crate) fn event(session: &mut Session<'_>, event: &mut Value) {
    value(session, event);
}

/// Whether an object without a namespace is one of this round's, and none that the servers made.
pub(crate) fn is_of_the_round(session: &Session<'_>, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    (metadata["namespace"] == session.round.as_str() || name.contains(&session.round))
        && is_wanted(session, object)
}

fn is_wanted(_: &Session<'_>, object: &Value) -> bool {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    !HOUSEKEEPING.iter().any(|(kind, housekept)| {
        name == *housekept
            && object.get("kind").is_none_or(|found| found == kind || found == "PartialObjectMetadata")
    })
}

fn value(session: &mut Session<'_>, any: &mut Value) {
    match any {
        Value::Array(items) => items.iter_mut().for_each(|item| value(session, item)),
        Value::Object(fields) => {
            if let Some(metadata) = fields.get_mut("metadata") {
                metadata_of(session, metadata);
            }
            if let Some(Value::Array(causes)) = fields.get_mut("causes") {
                causes.sort_by_key(|cause| [cause["field"].to_string(), cause["reason"].to_string()]);
            }
            for (name, field) in fields.iter_mut() {
                named(name, field);
                value(session, field);
            }
            if fields.keys().any(|name| name.contains(&session.round)) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (name.replace(&session.round, call::ROUND), value))
                    .collect();
            }
        }
        Value::String(text) => *text = string(session, text),
        _ => {}
    }
}

/// An object's or a list's metadata.
fn metadata_of(session: &mut Session<'_>, metadata: &mut Value) {
    let Some(fields) = metadata.as_object_mut() else { return };
    let name = fields.get("name").and_then(Value::as_str).map(|name| call::key(name, &session.round));
    if let (Some(name), Some(uid)) = (&name, fields.get("uid").and_then(Value::as_str)) {
        session.known.entry(name.clone()).or_default().uid = uid.to_owned();
    }
    if let Some(Value::String(version)) = fields.get("resourceVersion")
        && !version.is_empty()
    {
        let shown = match name {
            None => json!("<list>"),
            Some(name) => {
                let known = &mut session.known.entry(name).or_default().versions;
                let at = known.iter().position(|one| one == version).unwrap_or_else(|| {
                    known.push(version.clone());
                    known.len() - 1
                });
                json!(format!("<{}>", at + 1))
            }
        };
        fields.insert("resourceVersion".to_owned(), shown);
    }
    // kube-apiserver says "" of a list of custom objects that was not cut, and nothing of others.
    match fields.get("continue").and_then(Value::as_str) {
        Some("") => drop(fields.remove("continue")),
        Some(_) => drop(fields.insert("continue".to_owned(), json!("<continue>"))),
        None => {}
    }
}

/// What the field's name says is the server's own choice.
fn named(name: &str, field: &mut Value) {
    let is_time = field.as_str().is_some_and(|text| text.len() >= 20 && text.ends_with('Z'));
    match name {
        "creationTimestamp" | "deletionTimestamp" | "time" | "lastTransitionTime" | "lastUpdateTime"
        | "lastProbeTime" | "startTime"
            if is_time && !is_old(field) =>
        {
            *field = json!("<time>");
        }
        "nodePort" | "healthCheckNodePort"
            if field.as_u64().is_some_and(|port| (30_000..32_768).contains(&port)) =>
        {
            *field = json!("<port>");
        }
        _ => {}
    }
}

/// Requests name times of the second of January 2026; the servers never do.
fn is_old(time: &Value) -> bool {
    time.as_str().is_some_and(|text| text.starts_with("2026-01-02"))
}

fn string(session: &Session<'_>, text: &str) -> String {
    let mut text = text.replace(&session.round, call::ROUND);
    if is_uuid(&text) {
        return "<uid>".to_owned();
    }
    if text.starts_with("10.96.") {
        return "<ip>".to_owned();
    }
    if is_age(&text) {
        return "<age>".to_owned();
    }
    if let Some(at) = text.find(GENERATE) {
        let end = at + GENERATE.len();
        let suffix = text.get(end..end + SUFFIX_BYTES).unwrap_or_default();
        if suffix.len() == SUFFIX_BYTES && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            text.replace_range(end..end + SUFFIX_BYTES, "<suffix>");
        }
    }
    for known in session.known.values() {
        if !known.uid.is_empty() {
            text = text.replace(&known.uid, "<uid>");
        }
    }
    // Too large resource version: 999999999, current: 42
    if let Some(at) = text.find(", current: ") {
        text.truncate(at + ", current: ".len());
    }
    text
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text != "00000000-0000-4000-8000-000000000000"
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `3s`: the cell of a table.
fn is_age(text: &str) -> bool {
    text.strip_suffix('s').is_some_and(|digits| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
