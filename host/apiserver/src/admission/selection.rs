//! Which requests a webhook, a policy or a binding is about: rules and selectors.

use serde_json::Value;
use windlass_schema::LabelSelector;
use windlass_schema::selector::SelectorError;

use super::attributes::{Attributes, Named, Review, Subject};
use super::rules::{self, Rule};
use crate::status::ApiError;

#[derive(Debug)]
pub(super) struct Selection {
    pub(super) rules: Vec<Rule>,
    /// Policies only: what these are about is not selected.
    pub(super) excluded: Vec<Rule>,
    pub(super) takes_equivalents: bool,
    pub(super) namespaces: LabelSelector,
    pub(super) objects: LabelSelector,
}

impl Selection {
    /// admissionregistration.k8s.io/v1 MatchResources
    ///
    /// # Errors
    /// A selector is invalid.
    pub(super) fn of_policy(written: &Value) -> Result<Selection, SelectorError> {
        let rules = |name: &str| -> Vec<Rule> {
            let list = written[name].as_array().into_iter().flatten();
            list.filter_map(|rule| serde_json::from_value(rule.clone()).ok()).collect()
        };
        Ok(Selection {
            rules: rules("resourceRules"),
            excluded: rules("excludeResourceRules"),
            takes_equivalents: written["matchPolicy"] != "Exact",
            namespaces: LabelSelector::from_object(&written["namespaceSelector"])?,
            objects: LabelSelector::from_object(&written["objectSelector"])?,
        })
    }

    /// The version of the resource in which a rule names the request, whatever the objects are.
    pub(super) fn named<'a>(&self, attributes: &'a Attributes) -> Option<&'a Named> {
        if rules::matched(&self.excluded, self.takes_equivalents, attributes).is_some() {
            return None;
        }
        rules::matched(&self.rules, self.takes_equivalents, attributes)
    }

    /// The version of the resource in which the request is selected; `None` where it isn't.
    ///
    /// # Errors
    /// 404 for a namespace that doesn't exist.
    pub(super) fn matched<'a>(
        &self,
        attributes: &'a Attributes,
        subject: &impl Subject,
    ) -> Result<Option<&'a Named>, ApiError> {
        let Some(named) = self.named(attributes) else { return Ok(None) };
        Ok(self.selects(attributes, subject.as_requested())?.then_some(named))
    }

    /// Whether the selectors, apart from the rules, select the request.
    pub(super) fn selects(&self, attributes: &Attributes, review: &Review) -> Result<bool, ApiError> {
        let namespace = self.namespace_matches(attributes, review);
        if matches!(namespace, Ok(false)) || !self.object_matches(review) {
            return Ok(false);
        }
        namespace
    }

    fn namespace_matches(&self, attributes: &Attributes, review: &Review) -> Result<bool, ApiError> {
        let of_namespace = attributes.is_of_namespace();
        if (attributes.namespace.is_empty() && !of_namespace) || self.namespaces.is_everything() {
            return Ok(true);
        }
        // A namespace that is being written is selected by the labels that it will have.
        let written = of_namespace && attributes.subresource.is_empty() && attributes.operation != "DELETE";
        if written {
            return Ok(self.namespaces.matches(&review.object));
        }
        match &attributes.namespace_labels {
            Some(labels) => Ok(self.namespaces.matches_labels(labels)),
            None => Err(ApiError::not_found("", "namespaces", &attributes.namespace)),
        }
    }

    fn object_matches(&self, review: &Review) -> bool {
        let selects = |object: &Value| !object.is_null() && self.objects.matches(object);
        self.objects.is_everything() || selects(&review.object) || selects(&review.old)
    }
}
