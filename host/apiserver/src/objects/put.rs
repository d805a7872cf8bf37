//! PUT of an object or its status. Of some kinds it creates what does not exist.

use http::Response;
use serde_json::Value;

use super::create::{self, Origin};
use super::update::{self, Change, Target};
use super::{Call, field, input};
use crate::request::options::WriteOptions;
use crate::response::{self, Body};
use crate::status::{ApiError, Cause};

pub(crate) async fn put(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("UpdateOptions", &call.query, &call.user_agent)?;
    let (mut object, warnings) = input::object(call, &options)?;
    input::settle_namespace(call, &mut object)?;
    let name = field::meta(&object, "name");
    if name.is_empty() {
        return Err(ApiError::bad_request("name must be provided"));
    }
    if name != call.path.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.path.name
        )));
    }
    let unconditional = matches!(field::meta(&object, "resourceVersion"), "" | "0");
    if call.resource.kind.creates_on_update && call.path.subresource.is_empty() && !call.exists() {
        create::permitted(call)?;
        if !field::meta(&object, "uid").is_empty() {
            return Err(call.lacks_uid(field::meta(&object, "uid")));
        }
        let mut said = warnings.clone();
        match create::store(call, &options, object.clone(), Origin::Update, &mut said).await {
            // Somebody created it in between: it is an update, then.
            Err(error) if error.reason == "AlreadyExists" => {}
            outcome => {
                let mut response = outcome?;
                response::warn(&mut response, &said);
                return Ok(response);
            }
        }
    }
    let change = |_: &Value| {
        if unconditional && !call.resource.kind.unconditional_updates {
            return Err(unversioned(call));
        }
        Ok(Change { object: object.clone(), warnings: warnings.clone(), tracked: false })
    };
    update::update(call, &options, Target::of(call), change).await?.respond(call)
}

/// Objects of users' kinds, and of some others, are never overwritten blindly.
fn unversioned(call: &Call) -> ApiError {
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        field: "metadata.resourceVersion".into(),
        message: "Invalid value: 0: must be specified for an update".into(),
    };
    ApiError::invalid(call.resource.group(), call.resource.plural(), &call.path.name, vec![cause])
}
