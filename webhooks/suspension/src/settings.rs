//! What the user of the hook may set.

use windlass_sdk::json::{Entries, Text};
use windlass_sdk::{Answer, Rejection};

use crate::selector::LabelSelector;

windlass_sdk::shape! {
    /// Which bindings are held: those that match all criteria given here.
    #[serde(deny_unknown_fields)]
    pub(crate) struct Settings {
        /// Those in one of these namespaces.
        namespaces: Option<Vec<String>>,
        /// Those with such labels.
        labels: Option<LabelSelector>,
        /// Those of a workload of one of these kinds.
        kinds: Option<Vec<Kind>>,
    }

    #[serde(deny_unknown_fields)]
    struct Kind {
        api_version: Option<String>,
        kind: String,
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Answer<()> {
        for (index, namespace) in self.namespaces.iter().flatten().enumerate() {
            if namespace.is_empty() {
                return Err(Rejection::new(
                    format!("namespaces[{index}]"),
                    "must be the name of a namespace",
                ));
            }
        }
        for (index, Kind { kind, .. }) in self.kinds.iter().flatten().enumerate() {
            if kind.is_empty() {
                return Err(Rejection::new(format!("kinds[{index}].kind"), "must be a kind, or * for any"));
            }
        }
        self.labels.as_ref().map_or(Ok(()), |labels| labels.check("labels"))
    }

    pub(crate) fn hold(
        &self,
        namespace: &str,
        labels: &Entries<'_, Text<'_>>,
        api_version: &str,
        kind: &str,
    ) -> bool {
        let Settings { namespaces, labels: selector, kinds } = self;
        let anything_given = namespaces.is_some() || selector.is_some() || kinds.is_some();
        anything_given
            && namespaces.as_ref().is_none_or(|names| names.iter().any(|name| name == namespace))
            && selector.as_ref().is_none_or(|selector| selector.matches(labels))
            && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|wanted| wanted.is(api_version, kind)))
    }
}

impl Kind {
    fn is(&self, api_version: &str, kind: &str) -> bool {
        let matches = |wanted: &str, is: &str| wanted == "*" || wanted == is;
        matches(&self.kind, kind)
            && self.api_version.as_deref().is_none_or(|wanted| matches(wanted, api_version))
    }
}
