//! Field selectors: `metadata.name=a,status.phase!=Running`.

use std::borrow::Cow;

use serde_json::Value;

use super::SelectorError;
use crate::kind::Kind;

/// A parsed field selector; the default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// From the query parameter's syntax: `metadata.name=a,status.phase!=Running`.
    ///
    /// # Errors
    /// `field label not supported: spec.foo`, or the text doesn't parse.
    pub fn parse(text: &str, kind: &Kind) -> Result<FieldSelector, SelectorError> {
        let mut terms = Vec::new();
        for part in split(text).into_iter().filter(|part| !part.is_empty()) {
            let wrong = || SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'"));
            let at = part.find(['=', '!']).ok_or_else(wrong)?;
            let (field, rest) = part.split_at(at);
            let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
                (false, value)
            } else if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
                (true, value)
            } else {
                return Err(wrong());
            };
            if !is_supported(field, kind) {
                return Err(SelectorError(format!("field label not supported: {field}")));
            }
            terms.push(Term { field: field.to_owned(), equal, value: unescape(value)? });
        }
        Ok(FieldSelector { terms })
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The one `metadata.name` that is asked for, if that is so.
    pub fn name(&self) -> Option<&str> {
        self.terms
            .iter()
            .find(|term| term.equal && term.field == "metadata.name")
            .map(|term| term.value.as_str())
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| (read(object, &term.field) == term.value) == term.equal)
    }
}

fn is_supported(field: &str, kind: &Kind) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => kind.namespaced || !kind.is_builtin(),
        _ => kind.selectable_fields.iter().any(|known| known.trim_start_matches('.') == field),
    }
}

/// A field's value as a selector compares it: absent is empty, booleans and numbers are their text.
fn read<'a>(object: &'a Value, field: &str) -> Cow<'a, str> {
    let mut value = object;
    for step in field.split('.') {
        match value.get(step) {
            Some(next) => value = next,
            None => {
                // Fields that Kubernetes selects by another name than they have.
                return match field {
                    "source" => read(object, "source.component"),
                    "spec.unschedulable" | "spec.hostNetwork" => Cow::Borrowed("false"),
                    _ => Cow::Borrowed(""),
                };
            }
        }
    }
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
        Value::Object(fields) => {
            Cow::Borrowed(fields.get("component").and_then(Value::as_str).unwrap_or_default())
        }
        _ => Cow::Borrowed(""),
    }
}

/// At commas that no backslash escapes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(text: &str) -> Result<String, SelectorError> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => plain.push(c),
                Some(c) => {
                    return Err(SelectorError(format!(
                        "invalid field selector: invalid escape sequence: \\{c}"
                    )));
                }
                None => {
                    return Err(SelectorError(
                        "invalid field selector: invalid escape sequence: \\".to_owned(),
                    ));
                }
            },
            '=' | ',' => {
                return Err(SelectorError(format!(
                    "invalid field selector: unescaped character in value: {c}"
                )));
            }
            c => plain.push(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;
    use serde_json::json;

    #[test]
    fn supported_fields_select_and_others_are_refused() {
        let kinds = builtin::kinds();
        let pod = kinds.iter().find(|kind| kind.names.kind == "Pod").unwrap();
        let object =
            json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
        let check = |text: &str, selected: bool| {
            assert_eq!(FieldSelector::parse(text, pod).unwrap().matches(&object), selected, "{text}");
        };
        check("", true);
        check("metadata.name=a,status.phase!=Failed", true);
        check("spec.nodeName==n", true);
        check("spec.nodeName=", false);
        check("spec.hostNetwork=false", true);
        check("metadata.name=b", false);
        let error = |text: &str| FieldSelector::parse(text, pod).unwrap_err().to_string();
        assert_eq!(error("spec.foo=x"), "field label not supported: spec.foo");
        assert_eq!(error("nonsense"), "invalid selector: 'nonsense'; can't understand 'nonsense'");
        assert!(error(r"metadata.name=\x").contains("invalid escape sequence"));
        assert_eq!(FieldSelector::parse("metadata.name=a", pod).unwrap().name(), Some("a"));
    }
}
