//! Which of a resource's objects a list, watch or deletecollection is about.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use windlass_schema::{FieldSelector, LabelSelector};

use super::Call;
use crate::catalogue::Resource;
use crate::request::options::ListOptions;
use crate::status::ApiError;
use crate::store::Stored;

/// Namespace, labels and fields.
pub(crate) struct Selection {
    /// `None` for all.
    pub(crate) namespace: Option<String>,
    resource: Arc<Resource>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    /// # Errors
    /// 400 for a selector that doesn't parse or isn't supported.
    pub(crate) fn parse(call: &Call, options: &ListOptions) -> Result<Selection, ApiError> {
        let bad = |error: windlass_schema::selector::SelectorError| ApiError::bad_request(error.to_string());
        Ok(Selection {
            resource: Arc::clone(&call.resource),
            namespace: (!call.namespace().is_empty()).then(|| call.namespace().to_owned()),
            labels: LabelSelector::parse(&options.label_selector).map_err(|error| {
                ApiError::bad_request(format!(
                    "unable to parse label selector {:?}: {error}",
                    options.label_selector
                ))
            })?,
            fields: FieldSelector::parse(&options.field_selector, &call.resource.kind).map_err(bad)?,
        })
    }

    /// Whether nothing but the namespace restricts it.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    pub(crate) fn matches(&self, stored: &Stored) -> bool {
        if self.namespace.as_ref().is_some_and(|namespace| **namespace != *stored.key.namespace) {
            return false;
        }
        if self.fields.name().is_some_and(|name| *name != *stored.key.name) {
            return false;
        }
        if !self.labels.is_everything() && !self.labels.matches(&labelled(stored)) {
            return false;
        }
        self.fields.is_everything() || self.fields.matches(&self.resource.object(&stored.json))
    }
}

/// As much of an object as label selectors look at; spares parsing the rest.
fn labelled(stored: &Stored) -> Value {
    let labels: Map<String, Value> =
        stored.labels.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
    json!({"metadata": {"labels": labels}})
}
