//! A kind at one version, as it is served: names, scope, subresources, and what is done to its objects on the way
//! in (decode, default, validate). Built-in kinds and those of CustomResourceDefinitions are the same type.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::builtin::{Conversion, Facts};
use crate::field::FieldError;
use crate::structural::{self, Schema};
use crate::table::Column;
use crate::{crd, meta};

/// What a kind is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub kind: String,
    /// `DeploymentList`.
    pub list_kind: String,
    /// Lower case: `deployments`.
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    /// `all`, ...
    pub categories: Vec<String>,
}

/// Where `/scale` reads and writes; JSON paths as a CRD writes them (`.spec.replicas`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    pub spec_replicas_path: String,
    pub status_replicas_path: String,
    /// Leads to a string in serialised selector form, or for built-in kinds to a LabelSelector or a map.
    pub label_selector_path: Option<String>,
}

/// A subresource that only some built-in kinds have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// `binding`.
    pub name: String,
    pub verbs: Vec<String>,
    /// `apiVersion` and kind of its bodies, where they are not the kind's own.
    pub other_kind: Option<(String, String)>,
    /// The definition of its bodies, where that is not the kind's own.
    pub(crate) definition: Option<String>,
    /// The fields that an update or a patch of it writes, as JSON pointers. Empty where the verbs do more than that.
    pub writes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subresources {
    pub status: bool,
    pub scale: Option<Scale>,
    pub others: Vec<Subresource>,
}

/// Why a request's body is no object of its kind: a 400 BadRequest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// A built-in kind's field has the wrong JSON type.
    #[error("{kind} in version {version:?} cannot be handled as a {kind}: {detail}")]
    Type { kind: String, version: String, detail: String },
    /// `fieldValidation=Strict`, and fields are unknown or given twice.
    #[error("strict decoding error: {}", .0.join(", "))]
    Strict(Vec<String>),
}

/// Which part of an object a request writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Main,
    Status,
}

/// What a kind's behaviour comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Builtin(Facts),
    /// The `openAPIV3Schema` as it was written, for OpenAPI documents.
    Custom {
        open_api: Value,
    },
}

/// One served resource at one version.
#[derive(Debug)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub names: Names,
    pub namespaced: bool,
    /// Whether `metadata.generation` counts the changes of what is wanted.
    pub generation: bool,
    /// Whether a PUT of an object that does not exist creates it.
    pub creates_on_update: bool,
    /// Whether deletion leaves the dependents behind where nothing is said of them.
    pub orphans: bool,
    /// Whether deletion answers with the object rather than with a Status.
    pub returns_deleted: bool,
    /// Whether an update may do without a resourceVersion.
    pub unconditional_updates: bool,
    pub verbs: Vec<String>,
    pub subresources: Subresources,
    /// Fields that a field selector may name besides `metadata.name` and `metadata.namespace`.
    pub selectable_fields: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) source: Source,
    pub(crate) schema: OnceLock<Schema>,
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`; the plural alone in the core group.
    pub fn qualified_resource(&self) -> String {
        if self.group.is_empty() {
            self.names.plural.clone()
        } else {
            format!("{}.{}", self.names.plural, self.group)
        }
    }

    pub fn is_builtin(&self) -> bool {
        matches!(self.source, Source::Builtin(_))
    }

    /// The `apiVersion` that objects are stored in, where a built-in kind is stored in another version than this one.
    pub fn stored_api_version(&self) -> Option<&str> {
        self.conversion().map(|conversion| conversion.stored.as_str())
    }

    /// Makes an object of this version one of the version that is stored.
    pub fn store(&self, object: &mut Value) {
        if let Some(conversion) = self.conversion() {
            conversion.store(object);
        }
    }

    /// Makes an object as it is stored one of this version.
    pub fn serve(&self, object: &mut Value) {
        if let Some(conversion) = self.conversion() {
            conversion.serve(object);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::String(self.api_version()));
        }
    }

    fn conversion(&self) -> Option<&Conversion> {
        match &self.source {
            Source::Builtin(facts) => facts.conversion(),
            Source::Custom { .. } => None,
        }
    }

    /// The built-in definition that this kind is of: `io.k8s.api.apps.v1.Deployment`.
    pub(crate) fn definition(&self) -> Option<&str> {
        match &self.source {
            Source::Builtin(facts) => Some(&facts.definition),
            Source::Custom { .. } => None,
        }
    }

    /// A custom kind's schema as its definition writes it.
    pub(crate) fn open_api(&self) -> Option<&Value> {
        match &self.source {
            Source::Builtin(_) => None,
            Source::Custom { open_api } => Some(open_api),
        }
    }

    /// Whether `application/strategic-merge-patch+json` is accepted: built-in kinds only, else 415.
    pub fn has_strategic_merge(&self) -> bool {
        self.is_builtin()
    }

    /// The schema; a built-in kind's is made when first asked for.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| match &self.source {
            Source::Builtin(facts) => facts.schema(),
            Source::Custom { .. } => Schema::any(),
        })
    }

    /// Makes a parsed body an object of this kind: fields of built-in kinds get their Go type's treatment (nulls
    /// dropped, types checked, quantities and the like normalised), unknown fields are dropped.
    ///
    /// Returns a message for each dropped field (`unknown field "spec.foo"`): warnings for
    /// `fieldValidation=Warn`, to be joined into [`DecodeError::Strict`] for `Strict`.
    ///
    /// # Errors
    /// A field of a built-in kind, or of `metadata`, has the wrong type.
    pub fn decode(&self, object: &mut Value) -> Result<Vec<String>, DecodeError> {
        let schema = self.schema();
        if let Some(detail) = structural::go_type_error(schema, object, self.is_builtin()) {
            return Err(DecodeError::Type {
                kind: self.names.kind.clone(),
                version: self.version.clone(),
                detail,
            });
        }
        let dropped = schema.prune(object);
        if let Source::Builtin(facts) = &self.source {
            facts.normalize(schema, object);
        }
        meta::drop_empty(object);
        Ok(dropped.into_iter().map(|path| format!("unknown field {path:?}")).collect())
    }

    /// Fills in defaults. Idempotent.
    pub fn default(&self, object: &mut Value) {
        if !self.is_builtin() {
            self.schema().drop_nulls(object);
        }
        self.schema().default(object);
        if let Source::Builtin(facts) = &self.source {
            facts.default(self.schema(), object);
        }
    }

    /// Fills in what the server itself gives a new object. Nobody owns it: to be called after [`crate::apply::track`].
    pub fn complete_created(&self, object: &mut Value) {
        if let Source::Builtin(facts) = &self.source {
            facts.complete_created(self.schema(), object);
        }
        self.complete(object);
    }

    /// Fills in what the server itself gives an object with every write, as Kubernetes' admission does.
    pub fn complete(&self, object: &mut Value) {
        if let Source::Builtin(facts) = &self.source {
            facts.complete(self.schema(), object);
        }
    }

    /// Makes an object of nothing but its identity the one that a built-in kind's type is when nothing is set.
    pub(crate) fn fill_zeros(&self, object: &mut Value) {
        if let Source::Builtin(facts) = &self.source {
            facts.fill_zeros(self.schema(), object);
        }
    }

    /// What is wrong with a new object.
    pub fn validate_create(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = meta::validate(object, self.namespaced, self.name_rule());
        match &self.source {
            Source::Builtin(facts) => errors.extend(facts.validate(self.schema(), object)),
            Source::Custom { .. } => errors.extend(self.validate_custom(object, None)),
        }
        errors
    }

    /// What is wrong with `object` as the successor of `old`.
    pub fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = meta::validate(object, self.namespaced, self.name_rule());
        errors.extend(meta::validate_update(object, old));
        match &self.source {
            Source::Builtin(facts) => {
                errors.extend(facts.validate(self.schema(), object));
                errors.extend(facts.validate_update(object, old));
            }
            Source::Custom { .. } => errors.extend(self.validate_custom(object, Some(old))),
        }
        errors
    }

    /// Rules are evaluated on objects that have the right shape only.
    fn validate_custom(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let errors = match old {
            Some(old) => self.schema().validate_change(object, old),
            None => self.schema().validate(object),
        };
        if errors.is_empty() { self.schema().evaluate_rules(object, old) } else { errors }
    }

    /// Confines a write to its part of the object: the main resource never writes `status` where that is a
    /// subresource, and `/status` writes nothing but `status` (and, as in Kubernetes, managedFields).
    pub fn confine(&self, object: &mut Value, old: Option<&Value>, part: Part) {
        if !self.subresources.status {
            return;
        }
        match part {
            Part::Main => set_or_remove(object, "status", old.and_then(|old| old.get("status"))),
            Part::Status => {
                let Some(old) = old else { return };
                let managed = object.pointer("/metadata/managedFields").cloned();
                restore(object, old, "status");
                if let Some(metadata) = object.get_mut("metadata") {
                    set_or_remove(metadata, "managedFields", managed.as_ref());
                }
            }
        }
    }

    fn name_rule(&self) -> meta::NameRule {
        match &self.source {
            Source::Builtin(facts) => facts.name_rule(),
            Source::Custom { .. } => meta::NameRule::Subdomain,
        }
    }
}

/// Makes `object` what `old` is in all fields but one.
fn restore(object: &mut Value, old: &Value, but: &str) {
    let (Some(fields), Some(old)) = (object.as_object_mut(), old.as_object()) else { return };
    fields.retain(|name, _| name == but || old.contains_key(name));
    for (name, value) in old.iter().filter(|(name, _)| *name != but) {
        if fields.get(name) != Some(value) {
            fields.insert(name.clone(), value.clone());
        }
    }
}

fn set_or_remove(object: &mut Value, name: &str, value: Option<&Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(name.to_owned(), value.clone()),
        None => fields.remove(name),
    };
}

/// The kinds that an established CustomResourceDefinition serves, one for each served version.
///
/// # Errors
/// The definition is invalid; it would not have passed [`Kind::validate_create`].
pub fn from_crd(definition: &Value) -> Result<Vec<Arc<Kind>>, Vec<FieldError>> {
    crd::kinds(definition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_shared_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Kind>();
    }

    #[test]
    fn the_main_resource_and_its_status_are_written_apart() {
        let kinds = crate::builtin::kinds();
        let kind = kinds.iter().find(|kind| kind.names.kind == "Deployment").unwrap();
        let old = json!({"metadata": {"name": "x", "labels": {"a": "1"}}, "spec": {"replicas": 1}, "status": {"replicas": 1}});
        let new = json!({"metadata": {"name": "x", "managedFields": []}, "spec": {"replicas": 2}, "status": {"replicas": 2}});
        let mut main = new.clone();
        kind.confine(&mut main, Some(&old), Part::Main);
        assert_eq!((&main["spec"]["replicas"], &main["status"]["replicas"]), (&json!(2), &json!(1)));
        let mut status = new.clone();
        kind.confine(&mut status, Some(&old), Part::Status);
        assert_eq!((&status["spec"]["replicas"], &status["status"]["replicas"]), (&json!(1), &json!(2)));
        assert_eq!(status["metadata"], json!({"name": "x", "labels": {"a": "1"}, "managedFields": []}));
        let mut created = new;
        kind.confine(&mut created, None, Part::Main);
        assert_eq!(created.get("status"), None);
    }
}
