//! Label selectors: the query parameter's syntax, and LabelSelector objects.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::SelectorError;
use super::lexer::{Lexer, Token};
use crate::field::FieldError;
use crate::meta;

/// A parsed label selector; the default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        LabelSelector::parse(text)
    }
}

impl LabelSelector {
    /// From the query parameter's syntax: `app=web,tier in (a,b),!legacy`.
    ///
    /// # Errors
    /// As Kubernetes words them: `unable to parse requirement: ...`.
    pub fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
        let mut lexer = Lexer::new(text);
        let mut requirements = Vec::new();
        loop {
            match lexer.peek_value() {
                Token::Word(_) | Token::Not => {
                    let requirement = requirement(&mut lexer).map_err(|problem| {
                        SelectorError(format!("unable to parse requirement: {problem}"))
                    })?;
                    requirements.push(requirement);
                    match lexer.next_value() {
                        Token::End => break,
                        Token::Comma => match lexer.peek_value() {
                            Token::Word(_) | Token::Not => {}
                            other => return Err(found(&other, "identifier after ','")),
                        },
                        other => return Err(found(&other, "',' or 'end of string'")),
                    }
                }
                Token::End => break,
                other => return Err(found(&other, "!, identifier, or 'end of string'")),
            }
        }
        requirements.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(LabelSelector { requirements })
    }

    /// From a LabelSelector object (`matchLabels`, `matchExpressions`); an empty one selects everything.
    ///
    /// # Errors
    /// An operator is unknown, or its values don't fit.
    pub fn from_object(selector: &Value) -> Result<LabelSelector, SelectorError> {
        let mut made = LabelSelector::from_labels(&selector["matchLabels"])?;
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let operator = match expression["operator"].as_str().unwrap_or_default() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!("{other:?} is not a valid label selector operator")));
                }
            };
            let values = expression["values"].as_array().into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            made.requirements.push(checked(key, operator, values).map_err(SelectorError)?);
        }
        made.requirements.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(made)
    }

    /// From a plain map, as Services and ReplicationControllers select by.
    ///
    /// # Errors
    /// A key or a value is no label's.
    pub fn from_labels(labels: &Value) -> Result<LabelSelector, SelectorError> {
        let mut requirements = Vec::new();
        for (key, value) in labels.as_object().into_iter().flatten() {
            let values = BTreeSet::from([value.as_str().unwrap_or_default().to_owned()]);
            requirements.push(checked(key.clone(), Operator::Equals, values).map_err(SelectorError)?);
        }
        Ok(LabelSelector { requirements })
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object is selected by its `metadata.labels`.
    pub fn matches(&self, object: &Value) -> bool {
        self.is_everything() || self.matches_labels(&object["metadata"]["labels"])
    }

    /// Whether a map of labels is selected; `Null` is the empty map.
    pub fn matches_labels(&self, labels: &Value) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.holds(labels.get(&requirement.key).and_then(Value::as_str)))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.contains(value);
        let ordered = |wanted: std::cmp::Ordering| {
            let number = |text: &str| text.parse::<i64>().ok();
            let limit = self.values.first().and_then(|limit| number(limit));
            matches!((value.and_then(number), limit), (Some(value), Some(limit)) if value.cmp(&limit) == wanted)
        };
        match self.operator {
            Operator::Equals | Operator::In => value.is_some_and(listed),
            Operator::NotEquals | Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => ordered(std::cmp::Ordering::Greater),
            Operator::LessThan => ordered(std::cmp::Ordering::Less),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator, values }) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let listed = values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            match operator {
                Operator::Equals => write!(f, "{key}={listed}"),
                Operator::NotEquals => write!(f, "{key}!={listed}"),
                Operator::In => write!(f, "{key} in ({listed})"),
                Operator::NotIn => write!(f, "{key} notin ({listed})"),
                Operator::Exists => f.write_str(key),
                Operator::DoesNotExist => write!(f, "!{key}"),
                Operator::GreaterThan => write!(f, "{key}>{listed}"),
                Operator::LessThan => write!(f, "{key}<{listed}"),
            }?;
        }
        Ok(())
    }
}

fn found(token: &Token, expected: &str) -> SelectorError {
    SelectorError(format!("found '{token}', expected: {expected}"))
}

fn requirement(lexer: &mut Lexer<'_>) -> Result<Requirement, String> {
    let unexpected = |token: &Token, expected: &str| format!("found '{token}', expected: {expected}");
    let mut token = lexer.next_value();
    let negated = token == Token::Not;
    if negated {
        token = lexer.next_value();
    }
    let Token::Word(key) = token else { return Err(unexpected(&token, "identifier")) };
    if negated || matches!(lexer.peek_value(), Token::End | Token::Comma) {
        let operator = if negated { Operator::DoesNotExist } else { Operator::Exists };
        return checked(key, operator, BTreeSet::new());
    }
    let operator = match lexer.next_operator() {
        Token::In => Operator::In,
        Token::NotIn => Operator::NotIn,
        Token::Equals => Operator::Equals,
        Token::NotEquals => Operator::NotEquals,
        Token::Greater => Operator::GreaterThan,
        Token::Less => Operator::LessThan,
        other => return Err(unexpected(&other, "in, notin, =, ==, !=, gt, lt")),
    };
    let values = match operator {
        Operator::In | Operator::NotIn => list(lexer)?,
        _ => match lexer.peek_value() {
            Token::End | Token::Comma => BTreeSet::from([String::new()]),
            Token::Word(word) => {
                lexer.next_value();
                BTreeSet::from([word])
            }
            other => return Err(unexpected(&other, "identifier")),
        },
    };
    checked(key, operator, values)
}

/// `(a,b)`; an empty place between commas is the empty string.
fn list(lexer: &mut Lexer<'_>) -> Result<BTreeSet<String>, String> {
    match lexer.next_value() {
        Token::Open => {}
        other => return Err(format!("found '{other}' expected: '('")),
    }
    let mut values = BTreeSet::new();
    let mut expects_word = true;
    loop {
        match lexer.next_value() {
            Token::Word(word) if expects_word => {
                values.insert(word);
                expects_word = false;
            }
            Token::Comma => {
                if expects_word {
                    values.insert(String::new());
                }
                expects_word = true;
            }
            Token::Close => {
                if expects_word {
                    values.insert(String::new());
                }
                return Ok(values);
            }
            other if expects_word => return Err(format!("found '{other}', expected: ',', or identifier")),
            other => return Err(format!("found '{other}', expected: ',' or ')'")),
        }
    }
}

fn checked(key: String, operator: Operator, values: BTreeSet<String>) -> Result<Requirement, String> {
    let mut errors = Vec::new();
    for complaint in meta::qualified(&key) {
        errors.push(FieldError::invalid("key", &key.as_str().into(), &complaint));
    }
    let shown = || Value::from(values.iter().map(String::as_str).collect::<Vec<_>>());
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            let detail = "for 'in', 'notin' operators, values set can't be empty";
            errors.push(FieldError::invalid("values", &shown(), detail));
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            let detail = "values set must be empty for exists and does not exist";
            errors.push(FieldError::invalid("values", &shown(), detail));
        }
        Operator::GreaterThan | Operator::LessThan => {
            for value in values.iter().filter(|value| value.parse::<i64>().is_err()) {
                let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid("values[0]", &value.as_str().into(), detail));
            }
        }
        _ => {}
    }
    for (index, value) in values.iter().enumerate() {
        for complaint in meta::label_value(value) {
            errors.push(FieldError::invalid(
                format!("values[{index}][{key}]"),
                &value.as_str().into(),
                &complaint,
            ));
        }
    }
    if errors.is_empty() {
        Ok(Requirement { key, operator, values })
    } else {
        Err(crate::field::aggregate(&errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements_select_by_labels() {
        let labels = json!({"app": "web", "tier": "b", "n": "5", "empty": ""});
        let check = |text: &str, selected: bool| {
            let selector = LabelSelector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.matches(&json!({"metadata": {"labels": labels}})), selected, "{text}");
        };
        check("", true);
        check("app=web", true);
        check("app == web , tier in (a, b),!legacy", true);
        check("app!=web", false);
        check("legacy!=x", true);
        check("tier notin (a)", true);
        check("tier notin (b,c)", false);
        check("app,n>4,n<6", true);
        check("n>5", false);
        check("empty=", true);
        check("empty in (,x)", true);
        check("in in (a)", false);
        check("app=in", false);
    }

    #[test]
    fn bad_selectors_are_explained_in_kubernetes_words() {
        let check = |text: &str, expected: &str| {
            let error = LabelSelector::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        };
        check("a=b=c", "found '=', expected: ',' or 'end of string'");
        check("a,", "found '', expected: identifier after ','");
        check("=a", "found '=', expected: !, identifier, or 'end of string'");
        check("a in b", "unable to parse requirement: found 'b' expected: '('");
        check("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
        check(
            "a=-",
            "unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be",
        );
        check("a/b/c=d", "unable to parse requirement: key: Invalid value");
    }

    #[test]
    fn selector_objects_print_as_selectors() {
        let selector = LabelSelector::from_object(&json!({
            "matchLabels": {"b": "1"},
            "matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "c", "operator": "Exists"}]
        }));
        assert_eq!(selector.unwrap().to_string(), "a in (x,y),b=1,c");
        assert!(
            LabelSelector::from_object(&json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}))
                .is_err()
        );
        assert!(LabelSelector::from_object(&json!({})).unwrap().is_everything());
    }
}
