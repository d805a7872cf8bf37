//! `x-kubernetes-validations`: rules in the Common Expression Language, at the place of a schema where they stand.

use std::sync::Arc;

use kube_cel::cel::Value as CelValue;
use kube_cel::cel::objects::OptionalValue;
use serde_json::Value;

use super::Place;
use super::correlate::Items;
use super::validate::type_name;
use crate::expression::{Evaluation, EvaluationError, Expression, structured};
use crate::field::{FieldError, Reason};

const KEYWORD: &str = "x-kubernetes-validations";
const VARIABLES: [&str; 2] = ["self", "oldSelf"];
const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
/// More errors than these are not worth telling.
const ERRORS_MAX: usize = 200;

/// One compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    text: String,
    /// What doesn't compile fails where it is evaluated; its definition is refused.
    expression: Result<Expression, String>,
    message: Option<String>,
    message_expression: Option<Expression>,
    reason: Reason,
    /// `.spec.name`, relative to the rule's place.
    field_path: String,
    /// Evaluated without an old value, too: `oldSelf` is an optional.
    optional_old_self: bool,
}

impl Rule {
    /// The rules that stand at one schema.
    pub(super) fn all(schema: &serde_json::Map<String, Value>) -> Arc<[Rule]> {
        schema.get(KEYWORD).and_then(Value::as_array).into_iter().flatten().map(Rule::read).collect()
    }

    fn read(rule: &Value) -> Rule {
        let text = |name: &str| rule[name].as_str().unwrap_or_default().to_owned();
        let source = text("rule");
        let compile =
            |source: &str| Expression::compile(source, &VARIABLES).map_err(|error| error.to_string());
        Rule {
            expression: compile(&source),
            message: Some(text("message")).filter(|message| !message.is_empty()),
            message_expression: Some(text("messageExpression"))
                .filter(|source| !source.is_empty())
                .and_then(|source| compile(&source).ok()),
            reason: match rule["reason"].as_str() {
                Some("FieldValueForbidden") => Reason::Forbidden,
                Some("FieldValueRequired") => Reason::Required,
                Some("FieldValueDuplicate") => Reason::Duplicate,
                _ => Reason::Invalid,
            },
            field_path: text("fieldPath"),
            optional_old_self: rule["optionalOldSelf"] == true,
            text: source,
        }
    }

    fn uses_old(&self) -> bool {
        self.expression.as_ref().is_ok_and(|expression| expression.uses("oldSelf"))
    }

    fn message(&self, evaluation: &Evaluation) -> String {
        let computed = self.message_expression.as_ref().and_then(|message| evaluation.text(message).ok());
        let computed = computed.map(|text| text.trim().to_owned());
        computed
            .filter(|text| !text.is_empty() && !text.contains('\n'))
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("failed rule: {}", self.text.trim()))
    }
}

/// What the rules say of `object` as the successor of `old`. What fails but is as it was is let pass, so that a rule
/// that was added later keeps nobody from changing something else.
pub(super) fn evaluate(root: Place<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut walk =
        Walk { evaluation: Evaluation::new(), errors: Vec::new(), path: String::new(), is_over: false };
    walk.value(root, object, old);
    walk.errors
}

struct Walk {
    evaluation: Evaluation,
    errors: Vec<FieldError>,
    path: String,
    /// The budget is spent, or there are errors enough.
    is_over: bool,
}

impl Walk {
    /// Null is judged by the rules around it.
    fn value(&mut self, place: Place<'_>, value: &Value, old: Option<&Value>) {
        if self.is_over || value.is_null() || !place.has_rules_below() {
            return;
        }
        let old = old.filter(|old| !old.is_null());
        self.rules(place, value, old);
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let Some(inner) = place.field(name) else { continue };
                    let step =
                        if place.has_property(name) { format!(".{name}") } else { format!("[{name}]") };
                    let old = old.and_then(|old| old.get(name));
                    self.inside(&step, |walk| walk.value(inner, field, old));
                }
            }
            Value::Array(items) => {
                let Some(inner) = place.items() else { return };
                let before = Items::of(place, old);
                for (index, item) in items.iter().enumerate() {
                    let old = before.before(place, item);
                    self.inside(&format!("[{index}]"), |walk| walk.value(inner, item, old));
                }
            }
            _ => {}
        }
    }

    fn inside(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(if length == 0 { step.trim_start_matches('.') } else { step });
        walk(self);
        self.path.truncate(length);
    }

    fn rules(&mut self, place: Place<'_>, value: &Value, old: Option<&Value>) {
        let rules = place.rules();
        if rules.is_empty() {
            return;
        }
        let bound = structured(place, value, &self.evaluation);
        self.evaluation.bind("self", bound);
        let before = old.map(|old| structured(place, old, &self.evaluation));
        for rule in rules {
            if self.is_over {
                return;
            }
            if rule.uses_old() {
                let bound = match (&before, rule.optional_old_self) {
                    (None, false) => continue,
                    (Some(before), false) => before.clone(),
                    (Some(before), true) => optional(OptionalValue::of(before.clone())),
                    (None, true) => optional(OptionalValue::none()),
                };
                self.evaluation.bind("oldSelf", bound);
            }
            self.rule(rule, value, old);
        }
    }

    fn rule(&mut self, rule: &Rule, value: &Value, old: Option<&Value>) {
        let outcome = match &rule.expression {
            Ok(expression) => self.evaluation.truth(expression),
            Err(why) => Err(EvaluationError::Failed(format!("rule compile error: {why}"))),
        };
        let shown = match value {
            Value::Object(_) | Value::Array(_) => format!("{:?}", type_name(value)),
            plain => plain.to_string(),
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                if old == Some(value) && !rule.uses_old() {
                    return;
                }
                let said = rule.message(&self.evaluation);
                let message = match rule.reason {
                    Reason::Forbidden => format!("Forbidden: {said}"),
                    Reason::Required => format!("Required value: {said}"),
                    Reason::Duplicate => format!("Duplicate value: {shown}: {said}"),
                    _ => format!("Invalid value: {shown}: {said}"),
                };
                self.push(rule.reason, &rule.field_path, message);
            }
            Err(EvaluationError::Exhausted) => {
                self.is_over = true;
                let message = format!("Invalid value: {shown}: {}", EvaluationError::Exhausted);
                self.push(Reason::Invalid, "", message);
            }
            Err(error) => {
                let message =
                    format!("Invalid value: {shown}: {error} evaluating rule: {}", rule.text.trim());
                self.push(Reason::Invalid, "", message);
            }
        }
    }

    fn push(&mut self, reason: Reason, below: &str, message: String) {
        let field = format!("{}{below}", self.path);
        let field = field.trim_start_matches('.');
        let field = if field.is_empty() { "<nil>" } else { field }.to_owned();
        self.errors.push(FieldError { reason, field, message });
        self.is_over |= self.errors.len() >= ERRORS_MAX;
    }
}

fn optional(value: OptionalValue) -> CelValue {
    CelValue::Opaque(Arc::new(value))
}

/// What is wrong with the rules that stand at one schema; `path` is the schema's.
pub(super) fn check(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, rule) in schema[KEYWORD].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.{KEYWORD}[{index}]");
        let text = rule["rule"].as_str().unwrap_or_default();
        let field = format!("{path}.rule");
        if text.trim().is_empty() {
            errors.push(FieldError::required(field, "rule is not specified"));
            continue;
        }
        match Expression::compile(text, &VARIABLES) {
            Err(error) => errors.push(FieldError::invalid(field, rule, &error.to_string())),
            Ok(expression) if rule["optionalOldSelf"] == true && !expression.uses("oldSelf") => {
                let detail = "may not be set if oldSelf is not used in rule";
                let field = format!("{path}.optionalOldSelf");
                errors.push(FieldError::invalid(field, &rule["optionalOldSelf"], detail));
            }
            Ok(_) => {}
        }
        if let Some(message) = rule["messageExpression"].as_str().filter(|text| !text.is_empty())
            && let Err(error) = Expression::compile(message, &VARIABLES)
        {
            errors.push(FieldError::invalid(format!("{path}.messageExpression"), rule, &error.to_string()));
        }
        if rule["message"].as_str().is_some_and(|message| message.contains('\n')) {
            let detail = "message must not contain line breaks";
            errors.push(FieldError::invalid(format!("{path}.message"), &rule["message"], detail));
        }
        if let Some(reason) = rule["reason"].as_str().filter(|reason| !REASONS.contains(reason)) {
            errors.push(FieldError::not_supported(format!("{path}.reason"), &reason.into(), REASONS));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert!(errors[0].message.contains("split the expression"), "{errors:?}");
    }

    #[test]
    fn what_fails_but_is_as_it_was_passes_an_update() {
        let rules = json!([{"rule": "self.min <= self.max", "message": "min must not exceed max"}]);
        let object = json!({"spec": {"min": 3, "max": 2}, "x": 1});
        check_object(rules.clone(), object.clone(), Some(object.clone()), &[]);
        let changed = json!({"spec": {"min": 4, "max": 2}});
        let told = &["spec: Invalid value: \"object\": min must not exceed max"];
        check_object(rules, changed, Some(object), told);
    }

    #[test]
    fn an_optional_old_self_is_there_without_an_old_object() {
        let rules = json!([{"rule": "oldSelf.hasValue() ? oldSelf.value().min <= self.min : self.min == 0", "optionalOldSelf": true, "message": "no"}]);
        check_object(rules.clone(), json!({"spec": {"min": 0}}), None, &[]);
        let told: &[&str] = &["spec: Invalid value: \"object\": no"];
        check_object(rules.clone(), json!({"spec": {"min": 1}}), None, told);
        check_object(rules.clone(), json!({"spec": {"min": 1}}), Some(json!({"spec": {"min": 0}})), &[]);
        check_object(rules, json!({"spec": {"min": 1}}), Some(json!({"spec": {"min": 2}})), told);
    }

    #[test]
    fn items_are_compared_with_those_of_the_same_key() {
        let schema = Schema::from_open_api(&json!({"type": "object", "properties": {"items": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "in": {"type": "integer"}},
                "x-kubernetes-validations": [{"rule": "self.__in__ >= oldSelf.__in__", "message": "may only grow"}]}}}}));
        let old = json!({"items": [{"name": "a", "in": 1}, {"name": "b", "in": 5}]});
        let texts = |new: Value| -> Vec<String> {
            schema.evaluate_rules(&new, Some(&old)).iter().map(ToString::to_string).collect()
        };
        assert!(texts(json!({"items": [{"name": "b", "in": 5}, {"name": "c", "in": 0}]})).is_empty());
        let shrunk = texts(json!({"items": [{"name": "b", "in": 4}, {"name": "a", "in": 1}]}));
        assert_eq!(shrunk, ["items[0]: Invalid value: \"object\": may only grow"]);
    }

    #[test]
    fn a_hostile_rule_on_a_long_list_ends_with_an_error() {
        let rules = json!([{"rule": "self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))"}]);
        let schema =
            Schema::from_open_api(&json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"list": {"type": "array", "items": {"type": "integer"}}},
            "x-kubernetes-validations": rules}}}));
        let object = json!({"spec": {"list": (0..3000).collect::<Vec<_>>()}});
        let errors = schema.evaluate_rules(&object, None);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].message.contains("running out of cost budget"), "{errors:?}");
    }

    #[test]
    fn texts_with_a_format_are_times_and_durations() {
        let schema = Schema::from_open_api(
            &json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"at": {"type": "string", "format": "date-time"}, "for": {"type": "string", "format": "duration"}},
            "x-kubernetes-validations": [
                {"rule": "self.at > timestamp('2020-01-01T00:00:00Z')", "fieldPath": ".at", "message": "too old"},
                {"rule": "self.__for__ < duration('1h')", "reason": "FieldValueForbidden", "message": "too long"}]}}}),
        );
        let texts = |spec: Value| -> Vec<String> {
            schema.evaluate_rules(&json!({ "spec": spec }), None).iter().map(ToString::to_string).collect()
        };
        assert!(texts(json!({"at": "2021-01-01T00:00:00Z", "for": "30m"})).is_empty());
        let wrong = texts(json!({"at": "2019-01-01T00:00:00Z", "for": "2h"}));
        assert_eq!(wrong, ["spec.at: Invalid value: \"object\": too old", "spec: Forbidden: too long"]);
    }
}
