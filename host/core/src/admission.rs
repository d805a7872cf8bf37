//! What it means to admit an object.

use serde_json::Value;

use crate::blame::CallError;
use crate::object::{Gvk, ObjectId};

/// What is being done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl Verb {
    /// The name in an AdmissionReview: `CREATE`, `UPDATE`, `DELETE`.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Create => "CREATE",
            Verb::Update => "UPDATE",
            Verb::Delete => "DELETE",
        }
    }
}

/// One request as the admission chain sees it. The objects hold what will be stored, defaults included.
#[derive(Clone, Debug)]
pub struct AdmissionRequest {
    pub gvk: Gvk,
    /// The plural, lower-case resource name: `resourcebindings`.
    pub resource: String,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: String,
    pub namespace: String,
    /// Empty while `generateName` has not been resolved.
    pub name: String,
    pub verb: Verb,
    pub user: String,
    pub groups: Vec<String>,
    pub dry_run: bool,
    /// `Null` on delete.
    pub object: Value,
    /// `Null` on create.
    pub old_object: Value,
}

impl AdmissionRequest {
    /// Which object the request is about.
    pub fn id(&self) -> ObjectId {
        ObjectId { gvk: self.gvk.clone(), namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

/// One field that is wrong, for a 422's causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, ...: metav1.CauseType.
    pub reason: &'static str,
    /// `spec.placement.spreadConstraints[0].minGroups`.
    pub field: String,
    pub message: String,
}

/// What the hook says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Admitted; `object` is the changed object, if the hook changed it.
    Allowed { object: Option<Value>, warnings: Vec<String> },
    /// Refused: 422 Invalid where causes name fields, 403 Forbidden otherwise.
    Denied { message: String, causes: Vec<Cause> },
}

impl Verdict {
    /// Admitted as it is.
    pub const UNCHANGED: Verdict = Verdict::Allowed { object: None, warnings: Vec::new() };
}

/// Decides on requests before they are stored. Synchronous and bounded: a hook that must do I/O runs behind a
/// webhook configuration instead.
pub trait Hook: Send + Sync {
    /// # Errors
    /// The hook itself failed; whether the request then passes is the caller's failure policy.
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError>;
}
