//! Checks of label selectors, and of what a workload's selector has to select.

use serde_json::Value;

use super::walk::is_missing;
use crate::field::FieldError;
use crate::meta;
use crate::selector::LabelSelector;

/// What is wrong with a LabelSelector, part by part.
pub(super) fn parts(selector: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = match &selector["matchLabels"] {
        Value::Object(labels) => meta::validate_labels(labels, &format!("{path}.matchLabels")),
        _ => Vec::new(),
    };
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().enumerate();
    for (index, expression) in expressions {
        requirement(expression, &format!("{path}.matchExpressions[{index}]"), &mut errors);
    }
    errors
}

fn requirement(requirement: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let given = requirement["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    match requirement["operator"].as_str().unwrap_or_default() {
        "In" | "NotIn" if given.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(format!("{path}.values"), detail));
        }
        "Exists" | "DoesNotExist" if !given.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(format!("{path}.values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(format!("{path}.operator"), &other.into(), detail));
        }
    }
    let key = requirement["key"].as_str().unwrap_or_default();
    for complaint in meta::qualified(key) {
        errors.push(FieldError::invalid(format!("{path}.key"), &key.into(), &complaint));
    }
    for (index, value) in given.iter().enumerate() {
        for complaint in meta::label_value(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(format!("{path}.values[{index}]"), value, &complaint));
        }
    }
}

/// A workload's selector must select what its template makes. `noun` is what an empty one is said to be invalid for.
pub(super) fn selects(
    selector: &Value,
    labels: &Value,
    field: &str,
    labels_field: &str,
    noun: &str,
) -> Vec<FieldError> {
    if is_missing(selector) {
        // Nothing is selected, then; that it is missing is told by another check.
        return vec![mismatch(labels, labels_field)];
    }
    match LabelSelector::from_object(selector) {
        // Its parts are told of one by one.
        Err(_) if noun == "daemonset" => Vec::new(),
        Err(_) => vec![FieldError::invalid(field, selector, "invalid label selector")],
        Ok(parsed) if parsed.is_everything() => {
            vec![FieldError::invalid(field, selector, &format!("empty selector is invalid for {noun}"))]
        }
        Ok(parsed) if parsed.matches_labels(labels) => Vec::new(),
        Ok(_) => vec![mismatch(labels, labels_field)],
    }
}

/// The same for a selector that is a plain map.
pub(super) fn selects_by_labels(selector: &Value, labels: &Value, labels_field: &str) -> Option<FieldError> {
    let parsed = LabelSelector::from_labels(selector).ok()?;
    (!parsed.matches_labels(labels)).then(|| mismatch(labels, labels_field))
}

fn mismatch(labels: &Value, field: &str) -> FieldError {
    FieldError::invalid(field, labels, "`selector` does not match template `labels`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_part_of_a_selector_is_told_of() {
        let selector = json!({"matchLabels": {"a b": "x"}, "matchExpressions": [
            {"key": "k", "operator": "In"},
            {"key": "k", "operator": "Exists", "values": ["x"]},
            {"key": "", "operator": "Gt", "values": ["-"]},
        ]});
        let mut fields: Vec<String> = parts(&selector, "s").into_iter().map(|error| error.field).collect();
        fields.dedup();
        assert_eq!(
            fields,
            [
                "s.matchLabels",
                "s.matchExpressions[0].values",
                "s.matchExpressions[1].values",
                "s.matchExpressions[2].operator",
                "s.matchExpressions[2].key",
                "s.matchExpressions[2].values[0]",
            ]
        );
    }

    #[test]
    fn a_selector_has_to_select_the_template() {
        let check = |selector: Value, labels: Value, field: Option<&str>| {
            let errors = selects(&selector, &labels, "s", "l", "deployment");
            assert_eq!(errors.first().map(|error| error.field.as_str()), field, "{selector}");
        };
        check(json!({"matchLabels": {"a": "b"}}), json!({"a": "b"}), None);
        check(json!({"matchLabels": {"a": "b"}}), json!({"a": "c"}), Some("l"));
        check(json!({}), json!({"a": "c"}), Some("s"));
        check(Value::Null, json!({"a": "c"}), Some("l"));
    }
}
