//! What is wrong with one field, worded as Kubernetes' `field.Error` words it.

use std::fmt;

use serde_json::Value;

/// Kubernetes' `field.ErrorType`, by the name it has in a Status cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
    Internal,
}

impl Reason {
    /// The `reason` of a Status cause: `FieldValueInvalid`.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::NotFound => "FieldValueNotFound",
            Reason::Required => "FieldValueRequired",
            Reason::Duplicate => "FieldValueDuplicate",
            Reason::Invalid => "FieldValueInvalid",
            Reason::NotSupported => "FieldValueNotSupported",
            Reason::Forbidden => "FieldValueForbidden",
            Reason::TooLong => "FieldValueTooLong",
            Reason::TooMany => "FieldValueTooMany",
            Reason::TypeInvalid => "FieldValueTypeInvalid",
            Reason::Internal => "InternalError",
        }
    }
}

/// One wrong field. `Display` gives `spec.replicas: Invalid value: -1: must be ...`; a Status cause takes the three
/// fields as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub reason: Reason,
    /// `spec.template.spec.containers[0].image`; `<nil>` for the object itself.
    pub field: String,
    /// What is wrong, without the field: `Required value`.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl FieldError {
    pub fn required(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError {
            reason: Reason::Required,
            field: field.into(),
            message: with_detail("Required value", detail),
        }
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError {
            reason: Reason::Forbidden,
            field: field.into(),
            message: with_detail("Forbidden", detail),
        }
    }

    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        let message = with_detail(&format!("Invalid value: {}", shown(value)), detail);
        FieldError { reason: Reason::Invalid, field: field.into(), message }
    }

    pub fn type_invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        FieldError { reason: Reason::TypeInvalid, ..FieldError::invalid(field, value, detail) }
    }

    pub fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        let message = format!("Duplicate value: {}", shown(value));
        FieldError { reason: Reason::Duplicate, field: field.into(), message }
    }

    /// `supported` is shown in the order given; Kubernetes sorts it.
    pub fn not_supported<'a>(
        field: impl Into<String>,
        value: &Value,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> FieldError {
        let mut names: Vec<String> = supported.into_iter().map(|name| format!("{name:?}")).collect();
        names.sort();
        let mut message = format!("Unsupported value: {}", shown(value));
        if !names.is_empty() {
            message.push_str(": supported values: ");
            message.push_str(&names.join(", "));
        }
        FieldError { reason: Reason::NotSupported, field: field.into(), message }
    }

    pub fn too_long(field: impl Into<String>, max: usize) -> FieldError {
        let message = format!("Too long: may not be more than {max} bytes");
        FieldError { reason: Reason::TooLong, field: field.into(), message }
    }

    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> FieldError {
        let message = format!("Too many: {actual}: must have at most {max} items");
        FieldError { reason: Reason::TooMany, field: field.into(), message }
    }
}

/// Several errors as one text, as in the message of a 422: `a`, or `[a, b]`. Repeated ones are said once.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", texts.join(", ")),
    }
}

fn with_detail(head: &str, detail: &str) -> String {
    if detail.is_empty() { head.to_owned() } else { format!("{head}: {detail}") }
}

/// A value as `field.Error` shows it: strings quoted, composites as JSON.
pub fn shown(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_read_as_kubernetes_words_them() {
        let check = |error: FieldError, text: &str| assert_eq!(error.to_string(), text);
        check(FieldError::required("spec.selector", ""), "spec.selector: Required value");
        check(
            FieldError::invalid("spec.replicas", &json!(-1), "must be greater than or equal to 0"),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        );
        check(
            FieldError::not_supported("spec.type", &json!("x"), ["b", "a"]),
            "spec.type: Unsupported value: \"x\": supported values: \"a\", \"b\"",
        );
    }

    #[test]
    fn several_errors_are_listed_once_each() {
        let error = FieldError::required("a", "");
        assert_eq!(aggregate(std::slice::from_ref(&error)), "a: Required value");
        assert_eq!(
            aggregate(&[error.clone(), error, FieldError::required("b", "")]),
            "[a: Required value, b: Required value]"
        );
    }
}
