//! PUT of an object or its status.

use http::Response;
use serde_json::{Value, json};
use windlass_schema::FieldError;

use super::commit::check;
use super::update::{self, Change, Target};
use super::{Call, field, input};
use crate::request::options::WriteOptions;
use crate::response::Body;
use crate::status::ApiError;

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
    let change = |_: &Value| {
        // Objects of users' kinds are never overwritten blindly.
        if unconditional && !call.resource.kind.is_builtin() {
            let error =
                FieldError::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            check(call, &call.path.name, vec![error])?;
        }
        Ok(Change { object: object.clone(), warnings: warnings.clone(), tracked: false })
    };
    update::update(call, &options, Target::of(call), change).await?.respond(call)
}
