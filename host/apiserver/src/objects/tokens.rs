//! POST of `token` to a service account: a token for it.

use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use windlass_schema::FieldError;

use super::{Call, field, input};
use crate::identity::service_accounts::{self, Bond, ISSUER};
use crate::response::{self, Body};
use crate::state::timestamp;
use crate::status::{ApiError, Cause};

const KIND: &str = "TokenRequest";
const GROUP: &str = "authentication.k8s.io";
const SECONDS_DEFAULT: i64 = 60 * 60;
const SECONDS_MIN: i64 = 10 * 60;
const SECONDS_MAX: i64 = 1 << 32;

pub(crate) fn issue(call: &Call) -> Result<Response<Body>, ApiError> {
    let mut request = input::body(call, KIND)?;
    let account = call.stored()?;
    for (name, of_path) in [("name", &*account.key.name), ("namespace", &*account.key.namespace)] {
        let given = field::meta(&request, name);
        if !given.is_empty() && given != of_path {
            return Err(ApiError::bad_request(format!(
                "the {name} in the token request ({given}) does not match that of the service account ({of_path})"
            )));
        }
    }
    let uid = field::meta(&request, "uid");
    if !uid.is_empty() && *uid != *account.uid {
        let why = format!(
            "the UID in the token request ({uid}) does not match the UID of the service account ({})",
            account.uid
        );
        return Err(ApiError::conflict(GROUP, KIND, &call.path.name, &why));
    }
    let spec = request.get("spec").cloned().unwrap_or_default();
    let mut audiences: Vec<String> = spec["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let seconds = match &spec["expirationSeconds"] {
        Value::Null => SECONDS_DEFAULT,
        given => lifetime(given)?,
    };
    let bonds = bonds(call, &spec["boundObjectRef"])?;
    let lifetime = SignedDuration::from_secs(seconds);
    let token = service_accounts::issue(&call.state, &account, &audiences, lifetime, &bonds)
        .ok_or_else(|| ApiError::internal("the system has no random numbers"))?;

    let now = Timestamp::now();
    let metadata = field::metadata(&mut request);
    for (name, value) in [
        ("name", account.key.name.to_string()),
        ("namespace", account.key.namespace.to_string()),
        ("uid", account.uid.to_string()),
        ("creationTimestamp", timestamp(now)),
    ] {
        metadata.insert(name.to_owned(), json!(value));
    }
    request["kind"] = json!(KIND);
    request["apiVersion"] = json!(format!("{GROUP}/v1"));
    let spec = field::child(&mut request, "spec");
    spec.insert("audiences".to_owned(), json!(audiences));
    spec.insert("expirationSeconds".to_owned(), json!(seconds));
    request["status"] = json!({"token": token, "expirationTimestamp": timestamp(now + lifetime)});
    Ok(response::value(201, call.accept.encoding, &request))
}

fn lifetime(given: &Value) -> Result<i64, ApiError> {
    let seconds = given.as_i64().ok_or_else(|| {
        ApiError::bad_request(format!(
            "TokenRequest: spec.expirationSeconds: {given} is no number of seconds"
        ))
    })?;
    let why = if seconds < SECONDS_MIN {
        "may not specify a duration less than 10 minutes"
    } else if seconds > SECONDS_MAX {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(seconds);
    };
    let error = FieldError::invalid("spec.expirationSeconds", given, why);
    let cause = Cause { reason: error.reason.name().to_owned(), field: error.field, message: error.message };
    Err(ApiError::invalid(GROUP, KIND, "", vec![cause]))
}

/// What the token is to end with.
fn bonds(call: &Call, reference: &Value) -> Result<Vec<Bond>, ApiError> {
    if reference.is_null() {
        return Ok(Vec::new());
    }
    let text = |name: &str| reference[name].as_str().unwrap_or_default();
    let (kind, name, version) = (text("kind"), text("name"), text("apiVersion"));
    let bond = Some(version).filter(|version| matches!(*version, "" | "v1"));
    let bond = bond.and_then(|_| service_accounts::bond(&call.state, kind, call.namespace(), name));
    let Some(bond) = bond else {
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        return Err(ApiError::bad_request(format!(
            "cannot bind token to object of type {group}/{version}, Kind={kind}"
        )));
    };
    let plural = format!("{}s", kind.to_lowercase());
    let bond = bond.ok_or_else(|| ApiError::not_found("", &plural, name))?;
    let uid = text("uid");
    if !uid.is_empty() && *uid != *bond.object.uid {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have \
             been deleted and then recreated"
        );
        return Err(ApiError::conflict("", kind, name, &why));
    }
    let mut bonds = Vec::new();
    if kind == "Pod" {
        let pod = field::parse(&bond.object);
        let of_pod = |name: &str| pod["spec"][name].as_str().unwrap_or_default();
        if of_pod("serviceAccountName") != call.path.name {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                call.path.name
            )));
        }
        bonds.extend(service_accounts::bond(&call.state, "Node", "", of_pod("nodeName")).flatten());
    }
    bonds.push(bond);
    Ok(bonds)
}
