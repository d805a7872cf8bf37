//! ValidatingAdmissionPolicy: expressions that judge requests, where bindings put them to work.

use serde_json::Value;
use windlass_schema::LabelSelector;
use windlass_schema::expression::{Evaluation, EvaluationError, Expression};
use windlass_schema::selector::SelectorError;

use super::attributes::{Attributes, Subject};
use super::selection::Selection;
use crate::status::{ApiError, Cause};

const VARIABLES: [&str; 6] = ["object", "oldObject", "request", "namespaceObject", "variables", "params"];
const MESSAGE_BYTES_MAX: usize = 5 * 1024;

type Compiled = Result<Expression, String>;

/// A policy with its bindings.
pub(crate) struct Policy {
    name: String,
    ignores_failure: bool,
    selection: Selection,
    conditions: Vec<Compiled>,
    variables: Vec<(String, Compiled)>,
    validations: Vec<Validation>,
    /// apiVersion and kind.
    params: Option<(String, String)>,
    bindings: Vec<Binding>,
}

struct Validation {
    expression: Compiled,
    message: Option<String>,
    message_expression: Option<Expression>,
    reason: String,
}

struct Binding {
    name: String,
    denies: bool,
    warns: bool,
    /// Narrows what the policy is about; without rules by its selectors alone.
    selection: Option<Selection>,
    params: Option<ParamRef>,
}

/// Which parameters a binding takes.
pub(crate) struct ParamRef {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) selector: Option<LabelSelector>,
    denies_absence: bool,
}

/// Where parameters and namespaces are read.
pub(crate) trait Source {
    /// The parameters of a kind that a binding takes in a request's namespace.
    ///
    /// # Errors
    /// Why there can't be any.
    fn params(
        &self,
        kind: &(String, String),
        wanted: &ParamRef,
        namespace: &str,
    ) -> Result<Vec<Value>, String>;
    /// `Null` where it doesn't exist.
    fn namespace(&self, name: &str) -> Value;
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn compiled(source: &Value) -> Compiled {
    Expression::compile(&text(source), &VARIABLES).map_err(|error| error.to_string())
}

impl Policy {
    /// # Errors
    /// A selector is invalid: it was stored before it was checked as it is now.
    pub(super) fn read(policy: &Value, bindings: &[Value]) -> Result<Policy, SelectorError> {
        let (name, spec) = (text(&policy["metadata"]["name"]), &policy["spec"]);
        let list = |name: &str| spec[name].as_array().into_iter().flatten();
        let own = bindings.iter().filter(|binding| binding["spec"]["policyName"] == name.as_str());
        let param_kind = &spec["paramKind"];
        Ok(Policy {
            ignores_failure: spec["failurePolicy"] == "Ignore",
            selection: Selection::of_policy(&spec["matchConstraints"])?,
            conditions: list("matchConditions").map(|condition| compiled(&condition["expression"])).collect(),
            variables: list("variables")
                .map(|variable| (text(&variable["name"]), compiled(&variable["expression"])))
                .collect(),
            validations: list("validations").map(Validation::read).collect(),
            params: (!param_kind.is_null())
                .then(|| (text(&param_kind["apiVersion"]), text(&param_kind["kind"]))),
            bindings: own.map(Binding::read).collect::<Result<_, _>>()?,
            name,
        })
    }

    /// Whether a rule of it is about the request, whatever the objects are.
    pub(crate) fn concerns(&self, attributes: &Attributes) -> bool {
        !self.bindings.is_empty() && self.selection.named(attributes).is_some()
    }

    /// Judges the request; gives warnings.
    ///
    /// # Errors
    /// The refusal of the first validation that denies it.
    pub(crate) fn judge(
        &self,
        attributes: &Attributes,
        subject: &impl Subject,
        source: &impl Source,
    ) -> Result<Vec<String>, ApiError> {
        let mut warnings = Vec::new();
        let Some(named) = self.selection.matched(attributes, subject)? else { return Ok(warnings) };
        let review = subject.in_version(named)?;
        for binding in &self.bindings {
            if !binding.selects(attributes, subject)? {
                continue;
            }
            let params = match self.params(binding, attributes, source) {
                Ok(params) => params,
                Err(_) if self.ignores_failure => continue,
                Err(why) => {
                    let why = format!("failed to configure binding: {why}");
                    return Err(self.refusal(attributes, binding, &why, "Invalid"));
                }
            };
            for param in params {
                let mut evaluation = Evaluation::new();
                evaluation.bind_json("object", &review.object);
                evaluation.bind_json("oldObject", &review.old);
                evaluation.bind_json("request", &Value::Object(attributes.request(named)));
                evaluation.bind_json("params", &param);
                let in_namespace = !attributes.is_of_namespace() && !attributes.namespace.is_empty();
                let namespace =
                    if in_namespace { source.namespace(&attributes.namespace) } else { Value::Null };
                evaluation.bind_json("namespaceObject", &namespace);
                for (message, reason) in self.failures(&mut evaluation) {
                    if binding.warns {
                        warnings.push(format!(
                            "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {message}",
                            self.name, binding.name
                        ));
                    }
                    if binding.denies {
                        return Err(self.refusal(attributes, binding, &message, &reason));
                    }
                }
            }
        }
        Ok(warnings)
    }

    fn params(
        &self,
        binding: &Binding,
        attributes: &Attributes,
        source: &impl Source,
    ) -> Result<Vec<Value>, String> {
        let (Some(kind), Some(wanted)) = (&self.params, &binding.params) else {
            return Ok(vec![Value::Null]);
        };
        let found = source.params(kind, wanted, &attributes.namespace)?;
        if found.is_empty() && wanted.denies_absence {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found)
    }

    /// What the validations say against the request, with their reasons.
    fn failures(&self, evaluation: &mut Evaluation) -> Vec<(String, String)> {
        let failed = |error: String| match self.ignores_failure {
            true => Vec::new(),
            false => vec![(error, "Invalid".to_owned())],
        };
        match self.conditions_hold(evaluation) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(error) => return failed(error),
        }
        let mut failures = Vec::new();
        for validation in &self.validations {
            let outcome = validation.expression.as_ref().map_err(Clone::clone).and_then(|expression| {
                evaluation.truth(expression).map_err(|error| {
                    format!("expression '{}' resulted in error: {error}", expression.source())
                })
            });
            match outcome {
                Ok(true) => {}
                Ok(false) => failures.push((validation.message(evaluation), validation.reason.clone())),
                Err(error) => failures.extend(failed(error)),
            }
        }
        failures
    }

    /// Binds the policy's variables, which conditions may use, and asks the conditions.
    fn conditions_hold(&self, evaluation: &mut Evaluation) -> Result<bool, String> {
        evaluation.bind_map("variables", &[]);
        let mut values = Vec::new();
        for (name, expression) in &self.variables {
            // One that fails is missing, and fails whatever uses it.
            let value = expression.as_ref().ok().and_then(|expression| evaluation.evaluate(expression).ok());
            if let Some(value) = value {
                values.push((name.clone(), value));
                evaluation.bind_map("variables", &values);
            }
        }
        let mut failures = Vec::new();
        for condition in &self.conditions {
            let outcome = match condition {
                Ok(condition) => evaluation.truth(condition),
                Err(why) => Err(EvaluationError::Failed(why.clone())),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => failures.push(error.to_string()),
            }
        }
        if failures.is_empty() { Ok(true) } else { Err(failures.join(", ")) }
    }

    fn refusal(&self, attributes: &Attributes, binding: &Binding, why: &str, reason: &str) -> ApiError {
        let message = format!(
            "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {why}",
            self.name, binding.name
        );
        let requested = &attributes.requested;
        let cause = Cause { reason: String::new(), field: String::new(), message: message.clone() };
        let mut error =
            ApiError::forbidden(&requested.group, &requested.resource, &attributes.name, &message)
                .because(vec![cause]);
        error.code = match reason {
            "Forbidden" => 403,
            "Unauthorized" => 401,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        error.reason = reason.to_owned().into();
        error
    }
}

impl Validation {
    fn read(validation: &Value) -> Validation {
        let given = |name: &str| Some(text(&validation[name])).filter(|text| !text.is_empty());
        Validation {
            expression: compiled(&validation["expression"]),
            message: given("message"),
            message_expression: given("messageExpression")
                .and_then(|_| compiled(&validation["messageExpression"]).ok()),
            reason: given("reason").unwrap_or_else(|| "Invalid".to_owned()),
        }
    }

    fn message(&self, evaluation: &Evaluation) -> String {
        let computed = self.message_expression.as_ref().and_then(|message| evaluation.text(message).ok());
        let computed = computed.map(|text| text.trim().to_owned());
        let fits =
            |text: &String| !text.is_empty() && text.len() <= MESSAGE_BYTES_MAX && !text.contains('\n');
        let source = || self.expression.as_ref().map(|expression| expression.source().trim().to_owned());
        computed
            .filter(fits)
            .or_else(|| self.message.as_ref().map(|message| message.trim().to_owned()))
            .unwrap_or_else(|| format!("failed expression: {}", source().unwrap_or_default()))
    }
}

impl Binding {
    fn read(binding: &Value) -> Result<Binding, SelectorError> {
        let spec = &binding["spec"];
        let acts = |action: &str| {
            spec["validationActions"]
                .as_array()
                .is_some_and(|actions| actions.iter().any(|one| one == action))
        };
        let (resources, params) = (&spec["matchResources"], &spec["paramRef"]);
        let selector = match &params["selector"] {
            Value::Null => None,
            selector => Some(LabelSelector::from_object(selector)?),
        };
        Ok(Binding {
            name: text(&binding["metadata"]["name"]),
            denies: acts("Deny"),
            warns: acts("Warn"),
            selection: match resources {
                Value::Null => None,
                resources => Some(Selection::of_policy(resources)?),
            },
            params: (!params.is_null()).then(|| ParamRef {
                name: text(&params["name"]),
                namespace: text(&params["namespace"]),
                selector,
                denies_absence: params["parameterNotFoundAction"] == "Deny",
            }),
        })
    }

    fn selects(&self, attributes: &Attributes, subject: &impl Subject) -> Result<bool, ApiError> {
        let Some(selection) = &self.selection else { return Ok(true) };
        if selection.rules.is_empty() {
            return selection.selects(attributes, subject.as_requested());
        }
        Ok(selection.matched(attributes, subject)?.is_some())
    }
}
