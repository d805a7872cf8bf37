//! Cases of admission hooks.

use serde_json::{Value, json};

use super::apply::apply;
use super::case::Outcome;
use crate::admission::Verb;
use crate::admission::bindings::exports::windlass::admission::hook::{Denial, Guest, Request};
use crate::admission::bindings::windlass::admission::types::Change;

/// What the plugin answers to an input.
pub(super) fn answer<P: Guest>(input: &Value) -> Outcome {
    let denied = |Denial { field, message }: Denial| (field, message);
    let settings = input["settings"].to_string();
    let operation = input["operation"].as_str().unwrap_or_default();
    if operation == "CheckSettings" {
        return P::check_settings(settings).map(|()| Value::Bool(true)).map_err(denied);
    }
    assert_eq!(operation, "Admit", "a hook is asked to CheckSettings or to Admit");
    let admitted = P::admit(request(&input["request"]), settings).map_err(denied)?;
    let mut object = input["request"]["object"].clone();
    for Change { path, value } in admitted.changes {
        let value = value.map(|value| serde_json::from_str(&value).expect("changes are JSON"));
        apply(&mut object, &path, value);
    }
    Ok(json!({"object": object, "warnings": admitted.warnings}))
}

/// The request that is in a case.
pub(super) fn request(request: &Value) -> Request {
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let object = |name: &str| (!request[name].is_null()).then(|| request[name].to_string());
    Request {
        group: text("group"),
        version: text("version"),
        kind: text("kind"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        verb: match text("verb").as_str() {
            "UPDATE" => Verb::Update,
            "DELETE" => Verb::Delete,
            _ => Verb::Create,
        },
        user: text("user"),
        groups: request["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Into::into)
            .collect(),
        dry_run: request["dryRun"].as_bool().unwrap_or_default(),
        object: object("object"),
        old_object: object("oldObject"),
    }
}
