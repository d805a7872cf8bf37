//! The admission chain of this process: each hook sees what the one before it left.

use serde_json::Value;
use windlass_core::{AdmissionRequest, Gvk, Verb, Verdict};

use super::Call;
use crate::status::{ApiError, Cause};

/// What is to be admitted.
pub(crate) struct Question<'a> {
    pub(crate) verb: Verb,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    pub(crate) name: &'a str,
    pub(crate) dry_run: bool,
    /// `Null` on delete.
    pub(crate) object: Value,
    /// `Null` on create.
    pub(crate) old: Value,
}

/// The object as the hooks left it, and whether they changed it.
pub(crate) struct Admitted {
    pub(crate) object: Value,
    pub(crate) old: Value,
    pub(crate) changed: bool,
    pub(crate) warnings: Vec<String>,
}

/// What somebody who writes this resource should know.
pub(crate) fn notice(call: &Call) -> Option<String> {
    (call.resource.group() == "admissionregistration.k8s.io").then(|| {
        format!("this server stores {} but does not call the webhooks in them", call.resource.plural())
    })
}

/// # Errors
/// 403 or 422 where a hook refuses, 500 where one fails: a request that can't be judged isn't let through.
pub(crate) fn admit(call: &Call, question: Question<'_>) -> Result<Admitted, ApiError> {
    let Question { verb, subresource, name, dry_run, object, old } = question;
    if call.state.hooks.is_empty() {
        return Ok(Admitted { object, old, changed: false, warnings: Vec::new() });
    }
    let kind = &call.resource.kind;
    let mut request = AdmissionRequest {
        gvk: Gvk { group: kind.group.clone(), version: kind.version.clone(), kind: kind.names.kind.clone() },
        resource: kind.names.plural.clone(),
        subresource: subresource.to_owned(),
        namespace: call.namespace().to_owned(),
        name: name.to_owned(),
        verb,
        user: call.user.name.clone(),
        groups: call.user.groups.clone(),
        dry_run,
        object,
        old_object: old,
    };
    let mut changed = false;
    let mut warnings = Vec::new();
    for hook in &call.state.hooks {
        match hook.admit(&request) {
            Ok(Verdict::Allowed { object, warnings: more }) => {
                warnings.extend(more);
                if let Some(object) = object {
                    request.object = object;
                    changed = true;
                }
            }
            Ok(Verdict::Denied { message, causes }) => return Err(denied(call, name, &message, causes)),
            Err(error) => return Err(ApiError::internal(error)),
        }
    }
    Ok(Admitted { object: request.object, old: request.old_object, changed, warnings })
}

fn denied(call: &Call, name: &str, message: &str, causes: Vec<windlass_core::admission::Cause>) -> ApiError {
    if causes.is_empty() {
        return ApiError::forbidden(call.resource.group(), call.resource.plural(), name, message);
    }
    let causes = causes
        .into_iter()
        .map(|cause| Cause { reason: cause.reason.to_owned(), field: cause.field, message: cause.message })
        .collect();
    ApiError::invalid(call.resource.group(), &call.resource.kind.names.kind, name, causes)
}
