//! `x-kubernetes-validations`: rules in the Common Expression Language, evaluated by `kube-cel`.

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Value, json};

use super::validate::type_name;
use crate::field::{FieldError, Reason};

const KEYWORD: &str = "x-kubernetes-validations";
/// Longer rules are refused: the evaluator has no bound on cost or depth of its own.
const RULE_BYTES_MAX: usize = 4096;
/// Operators and steps that one rule may chain, each of which nests the parsed expression once more.
const CHAIN_MAX: usize = 400;

/// The compiled rules of a schema.
#[derive(Debug)]
pub(super) struct Rules {
    compiled: CompiledSchema,
}

impl Rules {
    /// `None` where the schema has no rules, or none that may be compiled (its definition is then refused).
    pub(super) fn of(open_api: &Value) -> Option<Rules> {
        (has_rules(open_api)).then(|| Rules { compiled: compile_schema(&without_excessive(open_api)) })
    }

    /// What the rules say of `object`; transition rules are evaluated where there is an `old` one.
    pub(super) fn evaluate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let Err(errors) = Validator::new().validate_compiled(&self.compiled, object, old) else {
            return Vec::new();
        };
        let explain = |error: kube_cel::ValidationError| {
            let field = error.field_path.trim_start_matches('.').to_owned();
            let shown = type_name(at(object, &field).unwrap_or(object));
            let reason = match error.reason.as_deref() {
                Some("FieldValueForbidden") => Reason::Forbidden,
                Some("FieldValueRequired") => Reason::Required,
                Some("FieldValueDuplicate") => Reason::Duplicate,
                _ => Reason::Invalid,
            };
            let message = match reason {
                Reason::Forbidden => format!("Forbidden: {}", error.message),
                Reason::Required => format!("Required value: {}", error.message),
                Reason::Duplicate => format!("Duplicate value: {shown:?}: {}", error.message),
                _ => format!("Invalid value: {shown:?}: {}", error.message),
            };
            FieldError { reason, field: if field.is_empty() { "<nil>".to_owned() } else { field }, message }
        };
        errors.into_iter().map(explain).collect()
    }
}

/// What is wrong with the rules that stand at one schema; `path` is the schema's.
pub(super) fn check(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, rule) in schema[KEYWORD].as_array().into_iter().flatten().enumerate() {
        let field = format!("{path}.{KEYWORD}[{index}].rule");
        let text = rule["rule"].as_str().unwrap_or_default();
        if text.trim().is_empty() {
            errors.push(FieldError::required(field, "rule is not specified"));
        } else if is_excessive(rule) {
            let detail = format!(
                "must be at most {RULE_BYTES_MAX} bytes long and chain at most {CHAIN_MAX} operators: split the rule"
            );
            errors.push(FieldError::invalid(field, &text.into(), &detail));
        } else {
            let compiled = compile_schema(&json!({ KEYWORD: [rule] }));
            for problem in compiled.compilation_errors() {
                let detail = format!("compilation failed: {problem}");
                errors.push(FieldError::invalid(field.clone(), rule, &detail));
            }
        }
    }
    errors
}

fn is_excessive(rule: &Value) -> bool {
    ["rule", "messageExpression"].iter().filter_map(|name| rule[name].as_str()).any(|text| {
        let chained = text.chars().filter(|c| ".+-*/%<>=!&|?:,([{".contains(*c)).count();
        text.len() > RULE_BYTES_MAX || chained > CHAIN_MAX
    })
}

fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key(KEYWORD) || fields.values().any(has_rules),
        Value::Array(items) => items.iter().any(has_rules),
        _ => false,
    }
}

/// The schema without the rules that [`check`] refuses, for definitions that nobody checked.
fn without_excessive(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::Array(rules) if name == KEYWORD => {
                    let rules = rules.iter().filter(|rule| !is_excessive(rule)).cloned().collect();
                    (name.clone(), Value::Array(rules))
                }
                value => (name.clone(), without_excessive(value)),
            })
            .collect(),
        Value::Array(items) => Value::Array(items.iter().map(without_excessive).collect()),
        plain => plain.clone(),
    }
}

/// The value at a path as errors write it: `spec.items[0].name`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(object, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step.trim_matches(['"', '\''])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structural::{Schema, check_structural};

    fn schema(rules: Value) -> Value {
        json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "name": {"type": "string"}},
            "x-kubernetes-validations": rules}}})
    }

    fn check_object(rules: Value, object: Value, old: Option<Value>, expected: &[&str]) {
        let schema = Schema::from_open_api(&schema(rules));
        let texts: Vec<String> =
            schema.evaluate_rules(&object, old.as_ref()).iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn rules_hold_or_say_why_not() {
        let rules = json!([{"rule": "self.min <= self.max", "message": "min must not exceed max"}]);
        check_object(rules.clone(), json!({"spec": {"min": 1, "max": 2}}), None, &[]);
        check_object(
            rules,
            json!({"spec": {"min": 3, "max": 2}}),
            None,
            &["spec: Invalid value: \"object\": min must not exceed max"],
        );
        let rules = json!([{"rule": "self.name.startsWith('a')"}]);
        check_object(
            rules,
            json!({"spec": {"name": "b"}}),
            None,
            &["spec: Invalid value: \"object\": failed rule: self.name.startsWith('a')"],
        );
    }

    #[test]
    fn transition_rules_need_an_old_object() {
        let rules = json!([{"rule": "self.name == oldSelf.name", "message": "name is immutable"}]);
        check_object(rules.clone(), json!({"spec": {"name": "b"}}), None, &[]);
        check_object(
            rules,
            json!({"spec": {"name": "b"}}),
            Some(json!({"spec": {"name": "a"}})),
            &["spec: Invalid value: \"object\": name is immutable"],
        );
    }

    #[test]
    fn rules_that_do_not_compile_are_refused_with_their_definition() {
        let errors = check_structural(&schema(json!([{"rule": "self.min <="}])), "s");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].field, "s.properties[spec].x-kubernetes-validations[0].rule");
        assert!(errors[0].message.contains("compilation failed"), "{}", errors[0].message);
    }

    #[test]
    fn no_rule_is_deep_enough_to_exhaust_a_stack() {
        for rule in [
            "1+".repeat(390) + "1 > 0",
            "(".repeat(390) + "true",
            "!".repeat(390) + "true",
            "self".to_owned() + &".a".repeat(390),
        ] {
            let rules = json!([{"rule": rule}]);
            let run = move || {
                let schema = schema(rules);
                let _ = check_structural(&schema, "s");
                let _ = Schema::from_open_api(&schema).evaluate_rules(&json!({"spec": {}}), None);
            };
            let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
            thread.join().unwrap();
        }
        let errors = check_structural(&schema(json!([{"rule": "1+".repeat(3000) + "1 > 0"}])), "s");
        assert!(errors[0].message.contains("split the rule"), "{errors:?}");
    }
}
