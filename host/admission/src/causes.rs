//! The list of what is wrong with an object, each with the path of its field, in Kubernetes' words.

use std::fmt::Display;

use windlass_core::admission::Cause;

/// How many are told: a list of thousands may be wrong in each of its entries.
const CAUSES_MAX: usize = 64;

/// Collects causes. Paths are plain text: `spec.placement.spreadConstraints[0]`.
#[derive(Debug, Default)]
pub(crate) struct Causes(Vec<Cause>);

impl Causes {
    pub(crate) fn invalid(&mut self, field: impl Into<String>, value: impl Display, why: impl Display) {
        let message = format!("Invalid value: {value}: {why}");
        self.0.push(Cause { reason: "FieldValueInvalid", field: field.into(), message });
    }

    pub(crate) fn required(&mut self, field: impl Into<String>, why: &str) {
        let message =
            if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        self.0.push(Cause { reason: "FieldValueRequired", field: field.into(), message });
    }

    pub(crate) fn duplicate(&mut self, field: impl Into<String>, value: impl Display) {
        let message = format!("Duplicate value: {value}");
        self.0.push(Cause { reason: "FieldValueDuplicate", field: field.into(), message });
    }

    pub(crate) fn unsupported(&mut self, field: impl Into<String>, value: impl Display, supported: &[&str]) {
        let supported: Vec<_> = supported.iter().map(|value| format!("{value:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        self.0.push(Cause { reason: "FieldValueNotSupported", field: field.into(), message });
    }

    pub(crate) fn forbidden(&mut self, field: impl Into<String>, why: &str) {
        self.0.push(Cause {
            reason: "FieldValueForbidden",
            field: field.into(),
            message: format!("Forbidden: {why}"),
        });
    }

    /// The first of them, and how many more there are.
    pub(crate) fn into_vec(self) -> Vec<Cause> {
        let Causes(mut all) = self;
        if let Some(more) = all.len().checked_sub(CAUSES_MAX).filter(|more| *more > 0) {
            all.truncate(CAUSES_MAX);
            let message = format!("Too many: {more} more like these");
            all.push(Cause { reason: "FieldValueTooMany", field: String::new(), message });
        }
        all
    }
}

/// A text as it stands in a message: quoted, and not at its whole length.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(128).collect();
    if shown.len() < text.len() { format!("{shown:?}...") } else { format!("{shown:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_thousands_the_first_are_told() {
        let mut causes = Causes::default();
        for index in 0..5000 {
            causes.required(format!("spec.list[{index}]"), "");
        }
        let told = causes.into_vec();
        assert_eq!((told.len(), told[0].field.as_str()), (CAUSES_MAX + 1, "spec.list[0]"));
        assert!(told[CAUSES_MAX].message.contains(&format!("{} more", 5000 - CAUSES_MAX)));
    }
}
