//! What makes a webhook's definition valid: where it is, which requests it is for, and under which conditions. The same
//! clientConfig reaches the converters of CustomResourceDefinitions.

use serde_json::Value;

use crate::expression::Expression;
use crate::field::FieldError;
use crate::meta;

const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const CONDITIONS_MAX: usize = 64;
/// What conditions of webhooks may refer to.
pub(super) const CONDITION_VARIABLES: [&str; 3] = ["object", "oldObject", "request"];

/// A MutatingWebhook or ValidatingWebhook.
pub(super) fn webhook(webhook: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = webhook["name"].as_str().unwrap_or_default();
    if meta::subdomain(name).is_empty() && name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        errors.push(FieldError::invalid(format!("{path}.name"), &webhook["name"], detail));
    }
    errors.extend(client_config(&webhook["clientConfig"], &format!("{path}.clientConfig")));
    errors.extend(review_versions(
        &webhook["admissionReviewVersions"],
        &format!("{path}.admissionReviewVersions"),
    ));
    let conditions = format!("{path}.matchConditions");
    errors.extend(match_conditions(&webhook["matchConditions"], &CONDITION_VARIABLES, &conditions));
    errors
}

/// Where a webhook is.
pub(crate) fn client_config(config: &Value, path: &str) -> Vec<FieldError> {
    match (config["url"].as_str(), config.get("service").filter(|service| !service.is_null())) {
        (Some(text), None) => url(text, &format!("{path}.url")),
        (None, Some(reference)) => service(reference, &format!("{path}.service")),
        _ => vec![FieldError::required(path, "exactly one of url or service is required")],
    }
}

fn url(text: &str, path: &str) -> Vec<FieldError> {
    const FORM: &str = "; desired format: https://host[/path]";
    let mut errors = Vec::new();
    let mut invalid = |value: &str, detail: &str| {
        errors.push(FieldError::invalid(path, &value.into(), detail));
    };
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once("://").unwrap_or(("", rest));
    if scheme != "https" {
        invalid(scheme, &format!("'https' is the only allowed URL scheme{FORM}"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() || scheme.is_empty() {
        invalid("", &format!("host must be specified{FORM}"));
    }
    if !user.is_empty() {
        invalid(user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        invalid(fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        invalid(query, "query parameters are not permitted in the URL");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        invalid(text, &format!("url must be a valid URL{FORM}"));
    }
    errors
}

fn service(reference: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for name in ["name", "namespace"] {
        if reference[name].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(format!("{path}.{name}"), ""));
        }
    }
    if let Some(port) = reference["port"].as_i64().filter(|port| !(1..=65535).contains(port)) {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(format!("{path}.port"), &port.into(), detail));
    }
    let given = reference["path"].as_str().unwrap_or_default();
    if given.is_empty() || given == "/" {
        return errors;
    }
    let mut invalid = |detail: &str| {
        errors.push(FieldError::invalid(format!("{path}.path"), &given.into(), detail));
    };
    let Some(inner) = given.strip_prefix('/') else {
        invalid("must start with a '/'");
        return errors;
    };
    for (index, step) in inner.strip_suffix('/').unwrap_or(inner).split('/').enumerate() {
        if step.is_empty() {
            invalid(&format!("segment[{index}] may not be empty"));
            continue;
        }
        for complaint in meta::subdomain(step) {
            invalid(&format!("segment[{index}]: {complaint}"));
        }
    }
    errors
}

/// The versions of the review that a webhook understands.
pub(crate) fn review_versions(versions: &Value, path: &str) -> Vec<FieldError> {
    let list: Vec<&str> = versions.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut errors = Vec::new();
    if list.is_empty() {
        // That it is missing altogether is told by another check.
        return errors;
    }
    for (index, version) in list.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if list.iter().take(index).any(|before| before == version) {
            errors.push(FieldError::invalid(field, &(*version).into(), "duplicate version"));
            continue;
        }
        for complaint in meta::label_1035(version) {
            errors.push(FieldError::invalid(field.clone(), &(*version).into(), &complaint));
        }
    }
    if !list.iter().any(|version| REVIEW_VERSIONS.contains(version)) {
        let detail = format!("must include at least one of {}", REVIEW_VERSIONS.join(", "));
        errors.push(FieldError::invalid(path, versions, &detail));
    }
    errors
}

/// Named expressions that decide whether a webhook or a policy is about a request.
pub(super) fn match_conditions(conditions: &Value, variables: &[&str], path: &str) -> Vec<FieldError> {
    let list = conditions.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut errors = Vec::new();
    if list.len() > CONDITIONS_MAX {
        errors.push(FieldError::too_many(path, list.len(), CONDITIONS_MAX));
    }
    for (index, condition) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        errors.extend(expression(&condition["expression"], variables, &format!("{path}.expression")));
        let name = condition["name"].as_str().unwrap_or_default();
        let field = format!("{path}.name");
        if name.is_empty() {
            errors.push(FieldError::required(field, ""));
            continue;
        }
        if list.iter().take(index).any(|before| before["name"] == name) {
            errors.push(FieldError::duplicate(field.clone(), &name.into()));
        }
        for complaint in meta::qualified(name) {
            errors.push(FieldError::invalid(field.clone(), &name.into(), &complaint));
        }
    }
    errors
}

/// One expression, over these variables.
pub(super) fn expression(text: &Value, variables: &[&str], path: &str) -> Option<FieldError> {
    let source = text.as_str().unwrap_or_default();
    if source.trim().is_empty() {
        return Some(FieldError::required(path, ""));
    }
    let error = Expression::compile(source, variables).err()?;
    let mut detail = error.to_string();
    if detail.contains("reference to 'authorizer") {
        detail.push_str("; this server evaluates expressions without an authorizer");
    }
    Some(FieldError::invalid(path, text, &detail))
}

/// A RuleWithOperations.
pub(super) fn rule(rule: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let lists = [
        ("operations", "if '*' is present, must not specify other operations"),
        ("apiGroups", "if '*' is present, must not specify other API groups"),
        ("apiVersions", "if '*' is present, must not specify other API versions"),
    ];
    let texts = |name: &str| -> Vec<&str> {
        rule[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    for (name, detail) in lists {
        let (list, field) = (texts(name), format!("{path}.{name}"));
        if list.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if list.len() > 1 && list.contains(&"*") {
            errors.push(FieldError::invalid(field, &rule[name], detail));
        }
    }
    for (index, operation) in texts("operations").into_iter().enumerate() {
        if !OPERATIONS.contains(&operation) {
            let field = format!("{path}.operations[{index}]");
            errors.push(FieldError::not_supported(field, &operation.into(), OPERATIONS));
        }
    }
    for (index, _) in texts("apiVersions").iter().enumerate().filter(|(_, version)| version.is_empty()) {
        errors.push(FieldError::required(format!("{path}.apiVersions[{index}]"), ""));
    }
    if let Some(scope) = rule["scope"].as_str().filter(|scope| !SCOPES.contains(scope)) {
        errors.push(FieldError::not_supported(format!("{path}.scope"), &scope.into(), SCOPES));
    }
    errors.extend(resources(&rule["resources"], &texts("resources"), &format!("{path}.resources")));
    errors
}

fn resources(value: &Value, list: &[&str], path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if list.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    for (index, resource) in list.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if resource.is_empty() {
            errors.push(FieldError::required(field, ""));
            continue;
        }
        let Some((name, subresource)) = resource.split_once('/') else { continue };
        for wide in [format!("{name}/*"), format!("*/{subresource}")] {
            if list.iter().take(index).any(|before| **before == wide) {
                let detail = format!("if '{wide}' is present, must not specify {resource}");
                errors.push(FieldError::invalid(field.clone(), &(*resource).into(), &detail));
            }
        }
    }
    if list.len() > 1 && list.contains(&"*/*") {
        let detail = "if '*/*' is present, must not specify other resources";
        errors.push(FieldError::invalid(path, value, detail));
    }
    if list.contains(&"*") && list.iter().any(|resource| *resource != "*" && !resource.contains('/')) {
        let detail = "if '*' is present, must not specify other resources without subresources";
        errors.push(FieldError::invalid(path, value, detail));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(errors: Vec<FieldError>, expected: &[&str]) {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), expected.len(), "{texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected), "{text}: {expected}");
        }
    }

    #[test]
    fn a_url_is_https_and_nothing_but_a_place() {
        check(client_config(&json!({"url": "https://a.b:8443/c"}), "c"), &[]);
        check(client_config(&json!({"url": "https://u@a/#f"}), "c"), &["user information", "fragments"]);
        check(
            client_config(&json!({"url": "a"}), "c"),
            &["only allowed URL scheme", "host must be specified"],
        );
        let path = json!({"service": {"name": "a", "namespace": "b", "path": "/a//b", "port": 0}});
        check(client_config(&path, "c"), &["c.service.port", "segment[1] may not be empty"]);
    }

    #[test]
    fn wildcards_stand_alone() {
        let rule_of = |resources: Value| json!({"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": resources});
        check(rule(&rule_of(json!(["*", "*/status"])), "r"), &[]);
        check(rule(&rule_of(json!(["*", "pods"])), "r"), &["r.resources"]);
        check(rule(&rule_of(json!(["pods/*", "pods/status"])), "r"), &["r.resources[1]"]);
        check(rule(&rule_of(json!(["*/*", "pods"])), "r"), &["r.resources"]);
    }
}
