//! The transaction of every change of an object that exists: read, change, admit, validate, compare and swap; again
//! from the start when somebody else wrote in between.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use windlass_core::Verb;
use windlass_schema::Part;
use windlass_schema::apply::{self, Writer};

use super::admit::{self, Admitted, Options, Question};
use super::commit::{Failure, check, commit, storable};
use super::{Call, delete, field, input, shape};
use crate::catalogue::DEFINITIONS;
use crate::request::options::WriteOptions;
use crate::response::{self, Body};
use crate::status::ApiError;
use crate::store::{Expect, Op, Stored};
use crate::{definitions, services, subresource};

/// How often a change is tried when others keep writing the same object.
const ATTEMPTS_MAX: usize = 100;

/// What of the object is written.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    part: Part,
    /// As hooks and managedFields see it; empty for the object itself.
    subresource: &'a str,
    /// Whether a subresource may write the spec: `scale`, `finalize`, `binding`.
    whole: bool,
    /// The only fields that are written, as JSON pointers, where these are less than a part.
    fields: &'a [String],
}

impl<'a> Target<'a> {
    /// A subresource that writes whatever part of the object it is about.
    pub(crate) const fn whole(subresource: &'a str) -> Target<'a> {
        Target { part: Part::Main, subresource, whole: true, fields: &[] }
    }

    /// The target of the call: the object, or the part of it that its subresource is.
    pub(crate) fn of(call: &'a Call) -> Target<'a> {
        let subresource = call.path.subresource.as_str();
        let part = if subresource == "status" { Part::Status } else { Part::Main };
        let fields = subresource::find(&call.resource, subresource).map_or(&[][..], |found| found.writes);
        Target { part, subresource, whole: false, fields }
    }

    /// The status of the object that the call names.
    const STATUS: Target<'static> =
        Target { part: Part::Status, subresource: "status", whole: false, fields: &[] };

    fn confine(self, call: &Call, new: &mut Value, old: &Value) {
        if !self.fields.is_empty() {
            confine_to_fields(self.fields, new, old);
        } else if !self.whole {
            call.resource.kind.confine(new, Some(old), self.part);
        }
    }
}

/// The old object with these fields, and managedFields, of the new one.
fn confine_to_fields(fields: &[String], new: &mut Value, old: &Value) {
    let written = std::mem::replace(new, old.clone());
    for pointer in fields.iter().map(String::as_str).chain(["/metadata/managedFields"]) {
        let mut place = &mut *new;
        let (parents, name) = pointer.rsplit_once('/').unwrap_or_default();
        for step in parents.split('/').filter(|step| !step.is_empty()) {
            field::child(place, step);
            place = &mut place[step];
        }
        match (written.pointer(pointer), place.as_object_mut()) {
            (Some(value), Some(fields)) => fields.insert(name.to_owned(), value.clone()),
            (None, Some(fields)) => fields.remove(name),
            (_, None) => None,
        };
    }
}

/// The wanted successor of an object.
pub(crate) struct Change {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
    /// managedFields are up to date already, as after an apply.
    pub(crate) tracked: bool,
}

impl Change {
    pub(crate) fn of(object: Value) -> Change {
        Change { object, warnings: Vec::new(), tracked: false }
    }
}

/// What came of an update.
pub(crate) struct Outcome {
    pub(crate) json: Bytes,
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    pub(crate) fn respond(self, call: &Call) -> Result<Response<Body>, ApiError> {
        let mut response = shape::one(call, 200, &self.json)?;
        response::warn(&mut response, &self.warnings);
        Ok(response)
    }
}

/// Changes the object that the call names. `change` is asked anew for each attempt.
///
/// # Errors
/// 404, 409, 422 and what `change` says.
pub(crate) async fn update(
    call: &Call,
    options: &WriteOptions,
    target: Target<'_>,
    change: impl FnMut(&Value) -> Result<Change, ApiError>,
) -> Result<Outcome, ApiError> {
    transact(call, options, target, None, change).await
}

/// Changes the object that the call names, and then its status, as two requests would, one after the other: each part
/// is judged by itself. But both are written, or neither, as one version of the object.
///
/// # Errors
/// As of [`update`].
pub(crate) async fn update_with_status(
    call: &Call,
    options: &WriteOptions,
    change: impl FnMut(&Value) -> Result<Change, ApiError>,
) -> Result<Outcome, ApiError> {
    transact(call, options, Target::of(call), Some(Target::STATUS), change).await
}

async fn transact(
    call: &Call,
    options: &WriteOptions,
    target: Target<'_>,
    then: Option<Target<'_>>,
    mut change: impl FnMut(&Value) -> Result<Change, ApiError>,
) -> Result<Outcome, ApiError> {
    for _ in 0..ATTEMPTS_MAX {
        let stored = call.stored()?;
        let old = call.resource.object(&stored.json);
        let Change { object, mut warnings, tracked } = change(&old)?;
        let status = then.map(|_| object.get("status").cloned());
        let writing = Writing { call, options, stored: &stored, tracked };
        let Step { mut new, old, mut dependent } = writing.step(target, old, object, &mut warnings).await?;
        if let (Some(then), Some(status)) = (then, status) {
            let before = new.clone();
            field::set_or_remove(&mut new, "status", status);
            let step = writing.step(then, before, new, &mut warnings).await?;
            new = step.new;
            dependent.extend(step.dependent);
        }
        if same(&old, &new) {
            return Ok(Outcome { json: stored.json.clone(), warnings });
        }
        if options.dry_run {
            return Ok(Outcome { json: Bytes::from(new.to_string()), warnings });
        }
        let (key, expect) = (call.key(&call.path.name), Expect::Revision(stored.revision));
        let (op, dependent) = if delete::is_over(call, &new) {
            (Op::delete(key, expect), services::release(call, &old))
        } else {
            (Op { key, expect, value: Some(storable(call, new)) }, dependent)
        };
        match commit(call, op, dependent).await {
            Ok(event) => return Ok(Outcome { json: event.object.json.clone(), warnings }),
            Err(Failure::Api(error)) => return Err(error),
            Err(Failure::Raced | Failure::Taken) => {}
        }
    }
    Err(ApiError::modified(call.resource.group(), call.resource.plural(), &call.path.name))
}

/// A request that changes one version of an object.
struct Writing<'a> {
    call: &'a Call,
    options: &'a WriteOptions,
    stored: &'a Stored,
    tracked: bool,
}

/// A part of the object as it may be stored.
struct Step {
    new: Value,
    old: Value,
    /// What has to be written together with it.
    dependent: Vec<Op>,
}

impl Writing<'_> {
    /// From the wanted object to the one that may be stored.
    async fn step(
        &self,
        target: Target<'_>,
        old: Value,
        mut new: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Step, ApiError> {
        let Writing { call, options, stored, tracked } = *self;
        let kind = &call.resource.kind;
        let name = &call.path.name;
        check_identity(call, stored, &old, &mut new)?;
        target.confine(call, &mut new, &old);
        kind.default(&mut new);
        let question = Question {
            verb: Verb::Update,
            subresource: target.subresource,
            name,
            options: Options::Write(options),
            object: new,
            old,
        };
        let complete = |mut new: Value, old: &Value| {
            input::decode(call, &mut new, Vec::new())?;
            check_identity(call, stored, old, &mut new)?;
            target.confine(call, &mut new, old);
            kind.default(&mut new);
            Ok(new)
        };
        let Admitted { object: mut new, old, changed, warnings: said } =
            admit::mutate(call, question, &complete).await?;
        warnings.extend(said);
        if call.resource.is(DEFINITIONS) && target.part == Part::Main {
            definitions::accept(&call.state, &mut new, Some(&old));
        }
        kind.complete(&mut new);
        count_generation(call, &old, &mut new);
        if !tracked || changed {
            let writer = Writer {
                manager: &options.field_manager,
                subresource: target.subresource,
                now: jiff::Timestamp::now(),
                versions: &call.resource.versions,
            };
            apply::track(kind, Some(&old), &mut new, &writer);
        }
        let dependent = services::settle(call, Some(&old), &mut new)?;
        check(call, name, kind.validate_update(&new, &old))?;
        if admit::is_validated(call) {
            let question = Question {
                verb: Verb::Update,
                subresource: target.subresource,
                name,
                options: Options::Write(options),
                object: new.clone(),
                old: old.clone(),
            };
            warnings.extend(admit::validate(call, question).await?);
        }
        Ok(Step { new, old, dependent })
    }
}

/// Holds the new object against the old one's identity, and gives it the metadata that only the server writes.
fn check_identity(call: &Call, stored: &Stored, old: &Value, new: &mut Value) -> Result<(), ApiError> {
    let (group, plural, name) = (call.resource.group(), call.resource.plural(), call.path.name.as_str());
    let version = field::meta(new, "resourceVersion");
    if !version.is_empty() && version != "0" {
        let given: u64 = version.parse().map_err(|_| {
            let error = windlass_schema::FieldError::invalid(
                "metadata.resourceVersion",
                &json!(version),
                "must be a number that the server gave out",
            );
            check(call, name, vec![error]).expect_err("there is an error")
        })?;
        if given != stored.revision {
            return Err(ApiError::modified(group, plural, name));
        }
    }
    let uid = field::meta(new, "uid");
    if !uid.is_empty() && *uid != *stored.uid {
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", stored.uid);
        return Err(ApiError::conflict(group, plural, name, &why));
    }
    let metadata = field::metadata(new);
    for name in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        match old.get("metadata").and_then(|metadata| metadata.get(name)) {
            Some(value) => metadata.insert(name.to_owned(), value.clone()),
            None => metadata.remove(name),
        };
    }
    metadata.remove("selfLink");
    metadata.insert("resourceVersion".to_owned(), json!(stored.revision.to_string()));
    Ok(())
}

/// A new generation where more than metadata and status changed.
fn count_generation(call: &Call, old: &Value, new: &mut Value) {
    let Some(generation) = old.pointer("/metadata/generation").and_then(Value::as_i64) else { return };
    let status_apart = call.resource.kind.subresources.status || call.resource.kind.is_builtin();
    let apart: &[&str] = if status_apart { &["metadata", "status"] } else { &["metadata"] };
    if !equal_but_for(apart, old, new) {
        field::metadata(new).insert("generation".to_owned(), json!(generation + 1));
    }
}

/// Whether a write would change nothing but the times in managedFields.
fn same(old: &Value, new: &Value) -> bool {
    let (before, after) = (&old["metadata"], &new["metadata"]);
    equal_but_for(&["metadata"], old, new)
        && equal_but_for(&["managedFields"], before, after)
        && timeless(&before["managedFields"]) == timeless(&after["managedFields"])
}

fn timeless(managers: &Value) -> Value {
    let mut managers = managers.clone();
    for entry in managers.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.remove("time");
    }
    managers
}

/// Whether two objects agree in all fields but these.
fn equal_but_for(apart: &[&str], a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return a == b };
    let counted = |name: &str| !apart.contains(&name);
    let fields = |object: &serde_json::Map<String, Value>| object.keys().filter(|name| counted(name)).count();
    fields(a) == fields(b)
        && a.iter().filter(|(name, _)| counted(name)).all(|(name, value)| b.get(name) == Some(value))
}
