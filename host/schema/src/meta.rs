//! Validation of ObjectMeta: names, labels, annotations, finalizers, owner references, and what an update may not
//! change.

use serde_json::Value;

use crate::field::FieldError;

/// How objects of a kind are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS-1123 subdomain.
    Subdomain,
    /// A DNS-1123 label.
    Label,
    /// A DNS-1035 label.
    Label1035,
    /// Anything that may stand in a URL's path, as RBAC's names may.
    PathSegment,
}

/// What is wrong with an object's metadata.
pub fn validate(object: &Value, namespaced: bool, rule: NameRule) -> Vec<FieldError> {
    let _ = (object, namespaced, rule);
    Vec::new()
}

/// What of `object`'s metadata may not differ from `old`'s.
pub fn validate_update(object: &Value, old: &Value) -> Vec<FieldError> {
    let _ = (object, old);
    Vec::new()
}
