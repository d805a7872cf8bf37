//! Which label selectors Kubernetes takes.

use windlass_sdk::json::{Entries, Text};

windlass_sdk::shape! {
    /// meta/v1 LabelSelector.
    pub(crate) struct LabelSelector<'a> {
        match_labels: Entries<'a, Text<'a>>,
        match_expressions: Vec<Expression<'a>>,
    }

    struct Expression<'a> {
        key: Text<'a>,
        operator: Text<'a>,
        values: Vec<Text<'a>>,
    }
}

impl LabelSelector<'_> {
    /// The field that is wrong and what is wrong with it.
    pub(crate) fn wrong(&self) -> Option<(String, String)> {
        for (key, value) in self.match_labels.iter() {
            if !is_label_name(key) {
                return Some(("matchLabels".to_owned(), format!("{key:?} is no label's name")));
            }
            if !is_label_value(value) {
                return Some((
                    format!("matchLabels['{key}']"),
                    format!("{:?} is no label's value", value.as_str()),
                ));
            }
        }
        self.match_expressions.iter().enumerate().find_map(|(index, expression)| {
            expression.wrong().map(|(field, message)| (format!("matchExpressions[{index}].{field}"), message))
        })
    }
}

impl Expression<'_> {
    fn wrong(&self) -> Option<(String, String)> {
        let Expression { key, operator, values } = self;
        let wrong = |field: &str, message: String| Some((field.to_owned(), message));
        match operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                return wrong("values", format!("must be given for {operator}"));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                return wrong("values", format!("must not be given for {operator}"));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                return wrong("operator", format!("{other:?} is none of In, NotIn, Exists, DoesNotExist"));
            }
        }
        if !is_label_name(key) {
            return wrong("key", format!("{:?} is no label's name", key.as_str()));
        }
        values
            .iter()
            .find(|value| !is_label_value(value))
            .and_then(|value| wrong("values", format!("{:?} is no label's value", value.as_str())))
    }
}

fn is_label_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, name)) => is_domain(prefix) && !name.is_empty() && is_label_value(name),
        None => !name.is_empty() && is_label_value(name),
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|c| plain(*c))
            && bytes.last().is_some_and(|c| plain(*c))
            && bytes.iter().all(|c| plain(*c) || *c == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use windlass_sdk::json::parse;

    use super::*;

    #[test]
    fn a_wrong_selector_names_its_field() {
        for (selector, wrong) in [
            (r#"{"matchLabels": {"example.com/app": "web", "a": ""}}"#, None),
            (r#"{"matchLabels": {"-a": "web"}}"#, Some("matchLabels")),
            (r#"{"matchLabels": {"app": "a@b"}}"#, Some("matchLabels['app']")),
            (r#"{"matchLabels": {"A_b/c": "x"}}"#, Some("matchLabels")),
            (r#"{"matchExpressions": [{"key": "a", "operator": "Exists"}]}"#, None),
            (r#"{"matchExpressions": [{"key": "a", "operator": "In"}]}"#, Some("matchExpressions[0].values")),
            (
                r#"{"matchExpressions": [{"key": "a", "operator": "Has"}]}"#,
                Some("matchExpressions[0].operator"),
            ),
            (r#"{"matchExpressions": [{"key": "", "operator": "Exists"}]}"#, Some("matchExpressions[0].key")),
        ] {
            let field = parse::<LabelSelector<'_>>(selector).unwrap().wrong().map(|(field, _)| field);
            assert_eq!(field.as_deref(), wrong, "{selector}");
        }
    }
}
