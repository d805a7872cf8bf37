//! A resource template as the control loops keep it, and as they find it.

use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, TypeMeta};
use serde_json::Value;
use windlass_core::object::ObjectError;
use windlass_core::{Gvk, Object, ObjectId};

use super::cache::Entry;

/// A template, or an object of a member cluster: its metadata, and its JSON.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) meta: ObjectMeta,
    pub(crate) object: Object,
    /// A hash of all but status and what the server sets: equal where nothing that is propagated has changed.
    pub(crate) content: u64,
}

impl Entry for Template {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

impl Template {
    /// From an object as a list, a watch or a write returned it.
    ///
    /// # Errors
    /// The object has no identity.
    pub(crate) fn new(gvk: &Gvk, mut object: DynamicObject) -> Result<Template, ObjectError> {
        object.metadata.managed_fields = None;
        // The items of a list don't name their kind.
        object.types = Some(TypeMeta { api_version: gvk.api_version(), kind: gvk.kind.clone() });
        let meta = object.metadata.clone();
        let value = serde_json::to_value(object)?;
        Ok(Template { meta, content: content(&value), object: Object::from_value(&value)? })
    }

    pub(crate) fn id(&self) -> &ObjectId {
        self.object.id()
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.meta.labels.as_ref()?.get(name).map(String::as_str)
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.meta.annotations.as_ref()?.get(name).map(String::as_str)
    }

    pub(crate) fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_deleting(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }
}

/// A hash of what a person or a controller wants of the object: all but `status` and what only the server writes.
fn content(object: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "status" => {}
            "metadata" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if !matches!(
                        name.as_str(),
                        "resourceVersion" | "managedFields" | "generation" | "selfLink"
                    ) {
                        name.hash(&mut hasher);
                        value.to_string().hash(&mut hasher);
                    }
                }
            }
            _ => {
                name.hash(&mut hasher);
                value.to_string().hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_propagated_counts_as_content() {
        let base =
            json!({"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"x": 1}, "status": {"n": 1}});
        let mut status = base.clone();
        status["status"]["n"] = json!(2);
        status["metadata"]["resourceVersion"] = json!("2");
        assert_eq!(content(&base), content(&status));
        for pointer in ["/spec/x", "/metadata/name"] {
            let mut other = base.clone();
            *other.pointer_mut(pointer).unwrap() = json!("other");
            assert_ne!(content(&base), content(&other), "{pointer}");
        }
    }
}
