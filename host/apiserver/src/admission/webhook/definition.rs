//! One webhook of a configuration, compiled, and whether it is to be called for a request.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use windlass_callout::Endpoint;
use windlass_schema::LabelSelector;
use windlass_schema::expression::{Evaluation, Expression};
use windlass_schema::selector::SelectorError;

use super::endpoint::read;
use crate::admission::attributes::{Attributes, Named, Review, Subject};
use crate::admission::rules::Rule;
use crate::admission::selection::Selection;
use crate::status::ApiError;

const TIMEOUT_SECONDS_DEFAULT: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Mutating,
    Validating,
}

/// Why a stored webhook can't be read: it was stored before it was checked as it is now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DefinitionError {
    #[error("a field has the wrong type")]
    Field(#[from] serde_json::Error),
    #[error("a selector is invalid")]
    Selector(#[from] SelectorError),
    #[error("clientConfig: {0}")]
    Endpoint(String),
}

/// admissionregistration.k8s.io/v1 MutatingWebhook and ValidatingWebhook
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    client_config: Value,
    #[serde(default)]
    rules: Vec<Rule>,
    failure_policy: Option<String>,
    match_policy: Option<String>,
    #[serde(default)]
    namespace_selector: Value,
    #[serde(default)]
    object_selector: Value,
    side_effects: Option<String>,
    timeout_seconds: Option<u64>,
    #[serde(default)]
    admission_review_versions: Vec<String>,
    reinvocation_policy: Option<String>,
    #[serde(default)]
    match_conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    expression: String,
}

#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    pub(crate) configuration: String,
    pub(super) stage: Stage,
    pub(super) endpoint: Endpoint,
    pub(super) timeout: Duration,
    /// A failure to call it is no refusal.
    pub(super) ignores_failure: bool,
    pub(super) has_side_effects: bool,
    /// It may be called again when something after it changed the object.
    pub(super) may_be_reinvoked: bool,
    pub(super) review_versions: Vec<String>,
    selection: Selection,
    /// What doesn't compile fails when it is asked.
    conditions: Vec<Result<Expression, String>>,
}

/// The variables of a match condition.
pub(super) const CONDITION_VARIABLES: [&str; 3] = ["object", "oldObject", "request"];

impl Webhook {
    pub(crate) fn read(
        configuration: &str,
        webhook: &Value,
        stage: Stage,
    ) -> Result<Webhook, DefinitionError> {
        let Written {
            name,
            client_config,
            rules,
            failure_policy,
            match_policy,
            namespace_selector,
            object_selector,
            side_effects,
            timeout_seconds,
            admission_review_versions,
            reinvocation_policy,
            match_conditions,
        } = Written::deserialize(webhook)?;
        let compile = |condition: Condition| {
            Expression::compile(&condition.expression, &CONDITION_VARIABLES)
                .map_err(|error| error.to_string())
        };
        Ok(Webhook {
            configuration: configuration.to_owned(),
            stage,
            endpoint: read(&client_config).map_err(DefinitionError::Endpoint)?,
            timeout: Duration::from_secs(timeout_seconds.unwrap_or(TIMEOUT_SECONDS_DEFAULT)),
            ignores_failure: failure_policy.as_deref() == Some("Ignore"),
            has_side_effects: !matches!(side_effects.as_deref(), Some("None" | "NoneOnDryRun")),
            may_be_reinvoked: reinvocation_policy.as_deref() == Some("IfNeeded"),
            review_versions: admission_review_versions,
            selection: Selection {
                rules,
                excluded: Vec::new(),
                takes_equivalents: match_policy.as_deref() != Some("Exact"),
                namespaces: LabelSelector::from_object(&namespace_selector)?,
                objects: LabelSelector::from_object(&object_selector)?,
            },
            conditions: match_conditions.into_iter().map(compile).collect(),
            name,
        })
    }

    /// Whether a rule of it is about the request, whatever the objects are.
    pub(crate) fn concerns(&self, attributes: &Attributes) -> bool {
        self.selection.named(attributes).is_some()
    }

    /// The version of the resource in which the webhook is to be asked about the request; `None` where it isn't.
    ///
    /// # Errors
    /// 404 for a namespace that doesn't exist, 403 where a condition can't be evaluated.
    pub(super) fn wants<'a>(
        &self,
        attributes: &'a Attributes,
        subject: &impl Subject,
    ) -> Result<Option<&'a Named>, ApiError> {
        let Some(named) = self.selection.matched(attributes, subject)? else { return Ok(None) };
        let unconditional = self.conditions.is_empty();
        let wanted = unconditional || self.conditions_hold(attributes, named, &subject.in_version(named)?)?;
        Ok(wanted.then_some(named))
    }

    /// One condition that doesn't hold decides, even if others fail.
    fn conditions_hold(
        &self,
        attributes: &Attributes,
        named: &Named,
        review: &Review,
    ) -> Result<bool, ApiError> {
        let mut evaluation = Evaluation::new();
        evaluation.bind_json("object", &review.object);
        evaluation.bind_json("oldObject", &review.old);
        evaluation.bind_json("request", &Value::Object(attributes.request(named)));
        let mut failures = Vec::new();
        for condition in &self.conditions {
            let outcome = match condition {
                Ok(condition) => evaluation.truth(condition).map_err(|error| {
                    format!("expression '{}' resulted in error: {error}", condition.source())
                }),
                Err(why) => Err(why.clone()),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => failures.push(why),
            }
        }
        if failures.is_empty() {
            return Ok(true);
        }
        if self.ignores_failure {
            return Ok(false);
        }
        let why = if failures.len() == 1 { failures.concat() } else { format!("[{}]", failures.join(", ")) };
        let Named { group, resource, .. } = &attributes.requested;
        Err(ApiError::forbidden(group, resource, &attributes.name, &why))
    }
}
