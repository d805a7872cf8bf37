//! What services hold and no two may share: the addresses of their cluster IPs, and node ports. Each is an object of
//! its own, created and deleted in the same transaction as the service that holds it: the store is the allocator, so
//! that nothing is handed out twice, and nothing is forgotten by a restart.

mod addresses;
mod families;
mod inheritance;
mod ports;

use serde_json::Value;
use windlass_schema::FieldError;

use crate::objects::commit::check;
use crate::objects::{Call, field};
use crate::status::ApiError;
use crate::store::Op;

pub(crate) use addresses::{FIRST_ADDRESS, RANGE, RANGES_NAME};

const SERVICES: (&str, &str) = ("services", "");

/// Fills in what a new or changed service is given, and says what has to be written together with it.
///
/// # Errors
/// 422 where it asks for what it can't have, 500 where nothing is left.
pub(crate) fn settle(call: &Call, old: Option<&Value>, new: &mut Value) -> Result<Vec<Op>, ApiError> {
    if !call.resource.is(SERVICES) || new.get("spec").is_none_or(|spec| !spec.is_object()) {
        return Ok(Vec::new());
    }
    if let Some(old) = old {
        inheritance::drop_what_the_type_lacks(old, new);
        inheritance::keep_what_was_given(old, new);
    }
    families::match_singular(old, new);
    let name = field::meta(new, "name").to_owned();
    let ranges = addresses::Ranges::read(&call.state.store);
    check(call, &name, families::settle(old, new, &ranges.families()))?;

    let mut ops = addresses::claim(call, old, new, &ranges)?;
    ops.extend(ports::claim(call, old, new)?);
    if let Some(old) = old {
        ops.extend(addresses::release(call, old, Some(new)));
        ops.extend(ports::release(call, old, Some(new)));
    }
    Ok(ops)
}

/// What has to be deleted together with a service.
pub(crate) fn release(call: &Call, object: &Value) -> Vec<Op> {
    if !call.resource.is(SERVICES) {
        return Vec::new();
    }
    let mut ops = addresses::release(call, object, None);
    ops.extend(ports::release(call, object, None));
    ops
}

/// A string of the spec; empty where it is absent.
fn text<'a>(service: &'a Value, name: &str) -> &'a str {
    service.get("spec").and_then(|spec| spec.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// The strings of a list in the spec.
fn texts<'a>(service: &'a Value, name: &str) -> Vec<&'a str> {
    let list = service.get("spec").and_then(|spec| spec.get(name)).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_headless(service: &Value) -> bool {
    text(service, "clusterIP") == "None" || texts(service, "clusterIPs").first() == Some(&"None")
}

/// Sets a field of the spec, or removes it.
fn set(service: &mut Value, name: &str, value: Option<Value>) {
    let spec = field::child(service, "spec");
    match value {
        Some(value) => spec.insert(name.to_owned(), value),
        None => spec.remove(name),
    };
}

/// 422 for one field.
fn invalid(call: &Call, service: &Value, error: FieldError) -> ApiError {
    match check(call, field::meta(service, "name"), vec![error]) {
        Err(error) => error,
        Ok(()) => ApiError::internal("an invalid field was found valid"),
    }
}
