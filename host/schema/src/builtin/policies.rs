//! What makes a ValidatingAdmissionPolicy and its binding valid.

use serde_json::Value;

use super::webhooks::{expression, match_conditions};
use crate::field::FieldError;

/// What a policy's expressions may refer to; `params` only where the policy has a kind of parameters.
const VARIABLES: [&str; 6] = ["object", "oldObject", "request", "namespaceObject", "variables", "params"];
const REASONS: [&str; 4] = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];
const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];

/// A ValidatingAdmissionPolicySpec.
pub(super) fn policy(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let list = |name: &str| spec[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let constraints = format!("{path}.matchConstraints");
    if spec["matchConstraints"].is_null() {
        errors.push(FieldError::required(constraints, ""));
    } else if spec["matchConstraints"]["resourceRules"].as_array().is_none_or(Vec::is_empty) {
        errors.push(FieldError::required(format!("{constraints}.resourceRules"), ""));
    }
    if list("validations").is_empty() && list("auditAnnotations").is_empty() {
        let detail = "validations or auditAnnotations must contain at least one item";
        errors.push(FieldError::required(format!("{path}.validations"), detail));
    }
    let has_params = !spec["paramKind"].is_null();
    if has_params {
        for name in ["apiVersion", "kind"] {
            if spec["paramKind"][name].as_str().unwrap_or_default().is_empty() {
                errors.push(FieldError::required(format!("{path}.paramKind.{name}"), ""));
            }
        }
    }
    let variables = if has_params { &VARIABLES[..] } else { &VARIABLES[..VARIABLES.len() - 1] };
    errors.extend(match_conditions(&spec["matchConditions"], variables, &format!("{path}.matchConditions")));
    for (index, variable) in list("variables").iter().enumerate() {
        let path = format!("{path}.variables[{index}]");
        errors.extend(expression(&variable["expression"], variables, &format!("{path}.expression")));
        let name = variable["name"].as_str().unwrap_or_default();
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), "name is not specified"));
        } else if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let detail = "must be a valid CEL identifier";
            errors.push(FieldError::invalid(format!("{path}.name"), &variable["name"], detail));
        }
    }
    for (index, validation) in list("validations").iter().enumerate() {
        let path = format!("{path}.validations[{index}]");
        errors.extend(expression(&validation["expression"], variables, &format!("{path}.expression")));
        if validation["messageExpression"].as_str().is_some_and(|text| !text.is_empty()) {
            let field = format!("{path}.messageExpression");
            errors.extend(expression(&validation["messageExpression"], variables, &field));
        }
        if let Some(reason) = validation["reason"].as_str().filter(|reason| !REASONS.contains(reason)) {
            errors.push(FieldError::not_supported(format!("{path}.reason"), &reason.into(), REASONS));
        }
    }
    for (index, annotation) in list("auditAnnotations").iter().enumerate() {
        let field = format!("{path}.auditAnnotations[{index}].valueExpression");
        errors.extend(expression(&annotation["valueExpression"], variables, &field));
    }
    errors
}

/// A ValidatingAdmissionPolicyBindingSpec.
pub(super) fn binding(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if spec["policyName"].as_str().unwrap_or_default().is_empty() {
        errors.push(FieldError::required(format!("{path}.policyName"), ""));
    }
    let field = format!("{path}.validationActions");
    let actions: Vec<&str> =
        spec["validationActions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if actions.is_empty() {
        errors.push(FieldError::required(field.clone(), "at least one validation action is required"));
    }
    for (index, action) in actions.iter().enumerate() {
        if !ACTIONS.contains(action) {
            let field = format!("{field}[{index}]");
            errors.push(FieldError::not_supported(field, &(*action).into(), ACTIONS));
        }
    }
    if actions.contains(&"Deny") && actions.contains(&"Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the \
            API response and headers serves no purpose)";
        errors.push(FieldError::invalid(field, &spec["validationActions"], detail));
    }
    let reference = &spec["paramRef"];
    if !reference.is_null() {
        let path = format!("{path}.paramRef");
        let named = !reference["name"].as_str().unwrap_or_default().is_empty();
        if named != reference["selector"].is_null() {
            errors.push(FieldError::required(
                path.clone(),
                "exactly one of name or selector must be specified",
            ));
        }
        let action = &reference["parameterNotFoundAction"];
        if !matches!(action.as_str(), Some("Allow" | "Deny")) {
            let field = format!("{path}.parameterNotFoundAction");
            errors.push(FieldError::not_supported(field, action, ["Allow", "Deny"]));
        }
    }
    errors
}
