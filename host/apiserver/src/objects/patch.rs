//! PATCH of an object or its status: JSON Patch, merge patch, strategic merge patch, and server-side apply.

use http::{Method, Response};
use serde_json::{Value, json};
use windlass_schema::apply::{self, ApplyError, Writer};
use windlass_schema::{PatchError, patch};

use super::create::{self, Origin};
use super::update::{self, Change, Target};
use super::{Call, field, input};
use crate::identity::authorize;
use crate::request::body;
use crate::request::options::{self, WriteOptions};
use crate::request::representation::{Encoding, PatchKind, patch_kind};
use crate::request::target::{self, ResourcePath};
use crate::response::{self, Body};
use crate::status::{ApiError, Cause};

pub(crate) async fn patch(call: &Call) -> Result<Response<Body>, ApiError> {
    let kind = patch_kind(call.content_type.as_deref(), call.resource.kind.has_strategic_merge())?;
    let options = WriteOptions::parse("PatchOptions", &call.query, &call.user_agent)?;
    if kind == PatchKind::Apply {
        return apply(call, options).await;
    }
    if options.force.is_some() {
        return Err(options::refused(
            "PatchOptions",
            "force: Forbidden: may not be specified for non-apply patch",
        ));
    }
    let change = |old: &Value| {
        // Only now: what does not exist is told before what is wrong with the patch.
        let patch = parse(call, Encoding::Json)?;
        let mut new = patched(call, kind, old, &patch)?;
        let text = new.to_string();
        let problems = input::decode(call, &mut new, Vec::new())
            .map_err(|error| unfit(&text, error.message.as_str()))?;
        let warnings = input::judge(&options, problems).map_err(|problems| strictly(&text, &problems))?;
        check_name(call, &new)?;
        Ok(Change { object: new, warnings, tracked: false })
    };
    let updated = if wants_status(call)? {
        update::update_with_status(call, &options, change).await
    } else {
        update::update(call, &options, Target::of(call), change).await
    };
    updated?.respond(call)
}

/// Whether the patch is to change the status, too, as a second request would: an option of this server's own, for those
/// who would send that request next. A server that doesn't know it leaves the status as it is, and says so by the
/// object that it answers with.
///
/// # Errors
/// 403 for who may not write the status.
fn wants_status(call: &Call) -> Result<bool, ApiError> {
    let kind = &call.resource.kind;
    let wanted = call.query.flag("withStatus").unwrap_or(false);
    if !wanted || !call.path.subresource.is_empty() || !kind.subresources.status {
        return Ok(false);
    }
    let status = ResourcePath { subresource: "status".to_owned(), ..call.path.clone() };
    let status = target::Target::Resource(status);
    authorize::check(&call.state.rbac, &call.user, &Method::PATCH, "", &status, false)?;
    Ok(true)
}

fn parse(call: &Call, encoding: Encoding) -> Result<Value, ApiError> {
    body::parse(&call.body, encoding)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))
}

/// `object` with a patch applied to it.
///
/// # Errors
/// 400 for a malformed patch, 422 for one that doesn't fit.
pub(crate) fn patched(
    call: &Call,
    kind: PatchKind,
    object: &Value,
    patch: &Value,
) -> Result<Value, ApiError> {
    let patched = match kind {
        PatchKind::Json => patch::json(object, patch),
        PatchKind::Strategic => patch::strategic(call.resource.kind.schema(), object, patch),
        PatchKind::Merge | PatchKind::Apply => patch::merge(object, patch),
    };
    let new = patched.map_err(|error| match error {
        PatchError::Malformed(why) => ApiError::bad_request(why),
        PatchError::Unfit(why) => ApiError::new(
            422,
            "Invalid",
            format!("the server rejected our request due to an error in our request: {why}"),
        ),
        PatchError::TooLarge(why) => ApiError::new(413, "RequestEntityTooLarge", why),
    })?;
    let said = |name: &str| new.get(name).is_some_and(|value| value == &object[name]);
    if !new.is_object() || !said("kind") || !said("apiVersion") {
        return Err(unfit(&new.to_string(), "a patch has to leave apiVersion and kind as they are"));
    }
    Ok(new)
}

/// 422 for a patch that makes something that is no object of the kind.
fn unfit(patched: &str, why: &str) -> ApiError {
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        field: "patch".into(),
        message: format!("Invalid value: {patched:?}: {why}"),
    };
    ApiError::invalid("", "", "", vec![cause])
}

fn strictly(text: &str, problems: &[String]) -> ApiError {
    unfit(text, &format!("strict decoding error: {}", problems.join(", ")))
}

/// # Errors
/// 400 where the object has no name, or another than the URL.
fn check_name(call: &Call, object: &Value) -> Result<(), ApiError> {
    match field::meta(object, "name") {
        name if name == call.path.name => Ok(()),
        "" => Err(ApiError::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            call.path.name
        ))),
        name => Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.path.name
        ))),
    }
}

/// Server-side apply: creates the object where it doesn't exist.
async fn apply(call: &Call, options: WriteOptions) -> Result<Response<Body>, ApiError> {
    if call.query.text("fieldManager").is_empty() {
        return Err(options::refused(
            "PatchOptions",
            "fieldManager: Required value: is required for apply patch",
        ));
    }
    let applied = applied(call)?;
    let force = options.force.unwrap_or(false);
    let subresource = call.path.subresource.as_str();
    let merge = |live: Option<&Value>| {
        let writer = Writer {
            manager: &options.field_manager,
            subresource,
            now: jiff::Timestamp::now(),
            versions: &call.resource.versions,
        };
        apply::apply(&call.resource.kind, live, &applied, &writer, force).map_err(refusal)
    };
    // Typed first, so that unknown fields are told of, and owned by nobody.
    let mut typed = applied.clone();
    let problems = input::decode(call, &mut typed, Vec::new())?;
    let problems = input::judge(&options, problems)
        .map_err(|problems| strictly(&String::from_utf8_lossy(&call.body), &problems))?;
    loop {
        if !call.exists() {
            if !subresource.is_empty() {
                return Err(call.not_found(&call.path.name));
            }
            create::permitted(call)?;
            let mut object = merge(None)?;
            input::decode(call, &mut object, Vec::new())?;
            check_name(call, &object)?;
            input::settle_namespace(call, &mut object)?;
            let mut warnings = problems.clone();
            match create::store(call, &options, object, Origin::Apply, &mut warnings).await {
                // Somebody created it in between: it is an update, then.
                Err(error) if error.reason == "AlreadyExists" => continue,
                outcome => {
                    let mut response = outcome?;
                    response::warn(&mut response, &warnings);
                    return Ok(response);
                }
            }
        }
        let change = |old: &Value| {
            let mut new = merge(Some(old))?;
            input::decode(call, &mut new, Vec::new())?;
            check_name(call, &new)?;
            Ok(Change { object: new, warnings: problems.clone(), tracked: true })
        };
        return update::update(call, &options, Target::of(call), change).await?.respond(call);
    }
}

/// The apply configuration, with its identity checked.
fn applied(call: &Call) -> Result<Value, ApiError> {
    let mut applied = parse(call, Encoding::Yaml)?;
    let kind = &call.resource.kind;
    let text = |name: &str| applied.get(name).and_then(Value::as_str).unwrap_or_default();
    let api_version = kind.api_version();
    if !applied.is_object() || text("apiVersion") != api_version || text("kind") != kind.names.kind {
        return Err(ApiError::bad_request(format!(
            "invalid object type: {}, Kind={}: the apply configuration has to be of {api_version}, Kind={}",
            text("apiVersion"),
            text("kind"),
            kind.names.kind
        )));
    }
    if applied
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| fields.as_array().is_none_or(|f| !f.is_empty()))
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let metadata = field::metadata(&mut applied);
    if kind.namespaced {
        let namespace = metadata.entry("namespace").or_insert_with(|| json!(call.path.namespace));
        if *namespace != call.path.namespace.as_str() {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(applied)
}

fn refusal(error: ApplyError) -> ApiError {
    let message = error.to_string();
    match error {
        ApplyError::Malformed(_) => ApiError::bad_request(message),
        ApplyError::Conflicts(conflicts) => {
            let causes = conflicts
                .into_iter()
                .map(|conflict| Cause {
                    reason: "FieldManagerConflict".into(),
                    field: conflict.field,
                    message: conflict.message,
                })
                .collect();
            ApiError::new(409, "Conflict", message).because(causes)
        }
    }
}
