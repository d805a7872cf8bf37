//! DELETE of an object, and of a collection.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use windlass_core::Verb;

use super::admit::{self, Options, Question};
use super::commit::{Failure, commit, storable};
use super::selection::Selection;
use super::{Call, field, input, namespaces, pods, shape};
use crate::catalogue::DEFINITIONS;
use crate::request::options::{DeleteOptions, ListOptions, Propagation};
use crate::request::representation::body_format;
use crate::response::{self, Body};
use crate::state::timestamp;
use crate::status::{self, ApiError};
use crate::store::{Expect, Op, Stored};
use crate::{definitions, services};

/// How often a deletion is tried when others keep writing the same object.
const ATTEMPTS_MAX: usize = 100;
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What came of a deletion.
enum Outcome {
    /// It is gone; this was its last state.
    Gone { json: Bytes, uid: String },
    /// It goes when its finalizers are, or its grace period is over.
    Marked(Bytes),
}

/// Whether nothing keeps an object that is being deleted.
pub(crate) fn is_over(call: &Call, object: &Value) -> bool {
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    field::is_being_deleted(object)
        && field::finalizers(object).is_empty()
        && grace == 0
        && !namespaces::is_held(call, object)
}

/// DELETE of one object.
pub(crate) async fn delete(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = options(call)?;
    let mut warnings = Vec::new();
    let outcome = remove(call, &call.path.name, &options, &mut warnings).await?;
    let mut response = match outcome {
        Outcome::Marked(json) => shape::one(call, 200, &json)?,
        Outcome::Gone { json, .. } if call.resource.kind.returns_deleted => shape::one(call, 200, &json)?,
        Outcome::Gone { uid, .. } => {
            let (group, plural) = (call.resource.group(), call.resource.plural());
            response::value(200, call.accept.encoding, &status::deleted(group, plural, &call.path.name, &uid))
        }
    };
    response::warn(&mut response, &warnings);
    Ok(response)
}

/// DELETE of a collection: every object that the options select.
pub(crate) async fn delete_collection(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = options(call)?;
    let list = ListOptions::parse(&call.query)?;
    let selection = Selection::parse(call, &list)?;
    let snapshot = call.state.store.snapshot(&call.resource.store);
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    for stored in snapshot.range(selection.namespace.as_deref(), None) {
        if !selection.matches(stored) {
            continue;
        }
        match remove(call, &stored.key.name, &options, &mut warnings).await {
            Ok(Outcome::Gone { json, .. } | Outcome::Marked(json)) => items.push(json),
            Err(error) if error.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    let kind = &call.resource.kind;
    let metadata = json!({"resourceVersion": call.state.store.revision().to_string()});
    let mut text = format!(
        r#"{{"kind":"{}","apiVersion":"{}","metadata":{metadata},"items":["#,
        kind.names.list_kind,
        kind.api_version()
    )
    .into_bytes();
    for (at, json) in items.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let (head, rest) = call.resource.present(json);
        text.extend_from_slice(&head);
        text.extend_from_slice(&rest);
    }
    text.extend_from_slice(b"]}\n");
    let mut response = response::json(200, call.accept.encoding, [Bytes::from(text)].into());
    response::warn(&mut response, &warnings);
    Ok(response)
}

fn options(call: &Call) -> Result<DeleteOptions, ApiError> {
    let body = if call.body.is_empty() { Value::Null } else { input::body(call, "DeleteOptions")? };
    body_format(call.content_type.as_deref())?;
    DeleteOptions::parse(&call.query, &body)
}

async fn remove(
    call: &Call,
    name: &str,
    options: &DeleteOptions,
    warnings: &mut Vec<String>,
) -> Result<Outcome, ApiError> {
    let key = call.key(name);
    for _ in 0..ATTEMPTS_MAX {
        let stored = call.state.store.get(&key).ok_or_else(|| call.not_found(name))?;
        check_preconditions(call, name, options, &stored)?;
        let old = call.resource.object(&stored.json);
        let question = |old| Question {
            verb: Verb::Delete,
            subresource: "",
            name,
            options: Options::Delete(options),
            object: Value::Null,
            old,
        };
        let admitted = admit::mutate(call, question(old), &|object, _| Ok(object)).await?;
        warnings.extend(admitted.warnings);
        let old = admitted.old;
        if admit::is_validated(call) {
            warnings.extend(admit::validate(call, question(old.clone())).await?);
        }
        let marked = mark(call, &old, options);
        let expect = Expect::Revision(stored.revision);
        let gone = || Outcome::Gone { json: stored.json.clone(), uid: stored.uid.to_string() };
        if is_over(call, &marked) {
            if options.dry_run {
                return Ok(gone());
            }
            match commit(call, Op::delete(key.clone(), expect), services::release(call, &old)).await {
                Ok(event) => {
                    return Ok(Outcome::Gone {
                        json: event.object.json.clone(),
                        uid: stored.uid.to_string(),
                    });
                }
                Err(Failure::Api(error)) => return Err(error),
                Err(Failure::Raced | Failure::Taken) => continue,
            }
        }
        if marked == old || options.dry_run {
            return Ok(Outcome::Marked(Bytes::from(marked.to_string())));
        }
        let op = Op { key: key.clone(), expect, value: Some(storable(call, marked)) };
        match commit(call, op, Vec::new()).await {
            Ok(event) => {
                if call.resource.is(DEFINITIONS) {
                    definitions::clean_up(&call.state, name);
                }
                return Ok(Outcome::Marked(event.object.json.clone()));
            }
            Err(Failure::Api(error)) => return Err(error),
            Err(Failure::Raced | Failure::Taken) => {}
        }
    }
    Err(ApiError::modified(call.resource.group(), call.resource.plural(), name))
}

fn check_preconditions(
    call: &Call,
    name: &str,
    options: &DeleteOptions,
    stored: &Stored,
) -> Result<(), ApiError> {
    let failed = |why: String| {
        Err(ApiError::conflict(call.resource.group(), &call.resource.kind.names.kind, name, &why))
    };
    if let Some(uid) = options.uid.as_ref().filter(|uid| ***uid != *stored.uid) {
        return failed(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            stored.uid
        ));
    }
    let revision = stored.revision.to_string();
    if let Some(version) = options.resource_version.as_ref().filter(|version| **version != revision) {
        return failed(format!(
            "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {revision}"
        ));
    }
    Ok(())
}

/// The object as one that is being deleted.
fn mark(call: &Call, old: &Value, options: &DeleteOptions) -> Value {
    let mut object = old.clone();
    let mut finalizers: Vec<&str> = field::finalizers(old);
    let wanted = match options.propagation {
        Some(Propagation::Orphan) => Some(ORPHAN),
        Some(Propagation::Foreground) => Some(FOREGROUND),
        None if call.resource.kind.orphans => Some(ORPHAN),
        Some(Propagation::Background) | None => None,
    };
    if options.propagation.is_some() {
        finalizers
            .retain(|finalizer| Some(*finalizer) == wanted || ![ORPHAN, FOREGROUND].contains(finalizer));
    }
    finalizers.extend(wanted.filter(|wanted| !finalizers.contains(wanted)));
    if call.resource.is(DEFINITIONS) && !finalizers.contains(&definitions::CLEANUP) {
        finalizers.push(definitions::CLEANUP);
    }
    field::set_finalizers(&mut object, &finalizers);

    let grace = pods::grace_seconds(call, old, options.grace_period_seconds);
    let left = old.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let metadata = field::metadata(&mut object);
    let first = !metadata.contains_key("deletionTimestamp");
    // A second deletion may shorten the grace period, never lengthen it.
    if first || left.is_some_and(|left| grace < left) {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
        metadata.insert("deletionTimestamp".to_owned(), json!(timestamp(at)));
        metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
        if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|_| first) {
            metadata.insert("generation".to_owned(), json!(generation + 1));
        }
    }
    if first {
        namespaces::mark_terminating(call, &mut object);
        if call.resource.is(DEFINITIONS) {
            definitions::mark_terminating(&mut object);
        }
    }
    object
}
