//! Label selectors.

use serde_json::Value;

use super::SelectorError;

/// A parsed label selector; the default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<String>,
}

impl LabelSelector {
    /// From the query parameter's syntax: `app=web,tier in (a,b),!legacy`.
    ///
    /// # Errors
    /// As Kubernetes words them: `unable to parse requirement: ...`.
    pub fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
        let _ = text;
        Ok(LabelSelector::default())
    }

    /// From a LabelSelector object (`matchLabels`, `matchExpressions`).
    ///
    /// # Errors
    /// An operator is unknown, or its values don't fit.
    pub fn from_object(selector: &Value) -> Result<LabelSelector, SelectorError> {
        let _ = selector;
        Ok(LabelSelector::default())
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object (with `metadata.labels`) is selected.
    pub fn matches(&self, object: &Value) -> bool {
        let _ = object;
        true
    }
}
