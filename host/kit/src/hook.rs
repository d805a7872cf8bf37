//! One question to an admission hook, read from an `input.yaml`.

use serde_json::{Value, json};
use windlass_core::admission::{AdmissionRequest, Hook, Verdict};
use windlass_core::{Gvk, Verb};

use crate::outcome::Outcome;
use crate::question::InputError;

/// What a hook is asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// Whether its settings can be used. They are tried when they are given.
    CheckSettings,
    Admit(Box<AdmissionRequest>),
}

/// # Errors
/// A field is missing or not what it has to be.
pub(crate) fn read(input: &Value) -> Result<Question, InputError> {
    match input["operation"].as_str().unwrap_or_default() {
        "CheckSettings" => Ok(Question::CheckSettings),
        "Admit" => request(&input["request"]).map(|request| Question::Admit(Box::new(request))),
        _ => {
            let problem =
                format!("{} is none; a hook is asked to Admit or CheckSettings", input["operation"]);
            Err(InputError::new("operation", problem))
        }
    }
}

fn request(request: &Value) -> Result<AdmissionRequest, InputError> {
    if !request.is_object() {
        return Err(InputError::new("request", "must be what is decided on: verb, resource, object, ..."));
    }
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let verb = match text("verb").as_str() {
        "CREATE" => Verb::Create,
        "UPDATE" => Verb::Update,
        "DELETE" => Verb::Delete,
        _ => return Err(InputError::new("request.verb", "must be CREATE, UPDATE or DELETE")),
    };
    let groups = request["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(AdmissionRequest {
        gvk: Gvk { group: text("group"), version: text("version"), kind: text("kind") },
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        verb,
        user: text("user"),
        groups: groups.map(str::to_owned).collect(),
        dry_run: request["dryRun"].as_bool().unwrap_or_default(),
        object: request["object"].clone(),
        old_object: request["oldObject"].clone(),
    })
}

/// Puts a request to the hook.
pub(crate) fn admit(hook: &dyn Hook, request: &AdmissionRequest) -> Outcome {
    match hook.admit(request) {
        Ok(Verdict::Allowed { object, warnings }) => {
            let object = object.as_ref().unwrap_or(&request.object);
            Outcome::Result(json!({"object": object, "warnings": warnings}))
        }
        Ok(Verdict::Denied { message, causes }) => match causes.into_iter().next() {
            Some(cause) => Outcome::Rejected { field: cause.field, message: cause.message },
            None => {
                // The chain says which plugin it was; here there is one.
                let own = message.split_once("denied the request: ").map(|(_, own)| own.to_owned());
                Outcome::Rejected { field: String::new(), message: own.unwrap_or(message) }
            }
        },
        Err(error) => Outcome::of(error),
    }
}
