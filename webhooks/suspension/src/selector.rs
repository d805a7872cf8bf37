//! Label selectors, as Kubernetes has them.

use std::collections::BTreeMap;

use windlass_sdk::json::{Entries, Text};
use windlass_sdk::serde::Deserialize;
use windlass_sdk::{Answer, Rejection};

windlass_sdk::shape! {
    /// meta/v1 LabelSelector.
    #[serde(deny_unknown_fields)]
    pub(crate) struct LabelSelector {
        match_labels: BTreeMap<String, String>,
        match_expressions: Vec<Requirement>,
    }

    #[serde(deny_unknown_fields)]
    struct Requirement {
        key: String,
        operator: Option<Operator>,
        values: Vec<String>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(crate = "windlass_sdk::serde")]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    pub(crate) fn check(&self, field: &str) -> Answer<()> {
        for (index, Requirement { key, operator, values }) in self.match_expressions.iter().enumerate() {
            let wrong = |name: &str, message: &str| {
                Err(Rejection::new(format!("{field}.matchExpressions[{index}].{name}"), message))
            };
            match operator {
                _ if key.is_empty() => return wrong("key", "must be the name of a label"),
                None => return wrong("operator", "must be one of In, NotIn, Exists and DoesNotExist"),
                Some(Operator::In | Operator::NotIn) if values.is_empty() => {
                    return wrong("values", "must not be empty with the operators In and NotIn");
                }
                Some(Operator::Exists | Operator::DoesNotExist) if !values.is_empty() => {
                    return wrong("values", "must be empty with the operators Exists and DoesNotExist");
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn matches(&self, labels: &Entries<'_, Text<'_>>) -> bool {
        let has = |key: &str, value: &str| labels.get(key).is_some_and(|is| is.as_str() == value);
        self.match_labels.iter().all(|(key, value)| has(key, value))
            && self.match_expressions.iter().all(|Requirement { key, operator, values }| match operator {
                Some(Operator::In) => values.iter().any(|value| has(key, value)),
                Some(Operator::NotIn) => !values.iter().any(|value| has(key, value)),
                Some(Operator::Exists) => labels.get(key).is_some(),
                Some(Operator::DoesNotExist) => labels.get(key).is_none(),
                // Settings that say so did not pass the check.
                None => false,
            })
    }
}
