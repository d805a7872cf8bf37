//! Whether ours answer whatever Karmada's do: the manifests of the plugins against what Karmada says that it has.

use std::collections::BTreeSet;
use std::fmt;

use crate::karmada::Support;
use crate::plugins::PLUGINS;

/// An operation of a kind.
type Operation = (String, String, String);

/// Who has which operations of which kinds. Karmada's operations alone; ours has more.
#[derive(Debug)]
pub(crate) struct Coverage {
    ours: BTreeSet<Operation>,
    karmadas: BTreeSet<Operation>,
}

impl Coverage {
    pub(crate) fn of(karmadas: &[Support]) -> Coverage {
        let operations = |support: &Support| -> Vec<Operation> {
            let of =
                |operation: &String| (support.api_version.clone(), support.kind.clone(), operation.clone());
            support.operations.iter().map(of).collect()
        };
        let karmadas: BTreeSet<Operation> = karmadas.iter().flat_map(operations).collect();
        let known: BTreeSet<&str> = karmadas.iter().map(|(.., operation)| operation.as_str()).collect();
        let ours = PLUGINS
            .iter()
            .flat_map(|plugin| (plugin.declared)())
            .filter(|(.., operation)| known.contains(operation))
            .map(|(api_version, kind, operation)| (api_version, kind, operation.to_owned()))
            .collect();
        Coverage { ours, karmadas }
    }

    /// What Karmada has and we have not, neither by the kind's name nor for any kind.
    pub(crate) fn missing(&self) -> Vec<String> {
        let any = |operation: &str| ("*".to_owned(), "*".to_owned(), operation.to_owned());
        let has = |asked: &&Operation| self.ours.contains(*asked) || self.ours.contains(&any(&asked.2));
        self.karmadas
            .iter()
            .filter(|asked| !has(asked))
            .map(|(api_version, kind, operation)| format!("{api_version} {kind} {operation}"))
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn kinds(of: &BTreeSet<Operation>) -> BTreeSet<(&str, &str)> {
            of.iter().map(|(api_version, kind, _)| (api_version.as_str(), kind.as_str())).collect()
        }
        let (ours, karmadas) = (kinds(&self.ours), kinds(&self.karmadas));
        write!(
            f,
            "Karmada interprets {} operations of {} kinds; ours {} of {}, {} of them kinds that Karmada has not",
            self.karmadas.len(),
            karmadas.len(),
            self.ours.len(),
            ours.len(),
            ours.difference(&karmadas).count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn support(api_version: &str, kind: &str, operation: &str) -> Support {
        let text = str::to_owned;
        Support { api_version: text(api_version), kind: text(kind), operations: vec![text(operation)] }
    }

    #[test]
    fn what_karmada_has_alone_is_missing() {
        let coverage = Coverage::of(&[
            support("apps/v1", "Deployment", "InterpretReplica"),
            support("example.com/v1", "Gadget", "InterpretStatus"),
            support("example.com/v1", "Gadget", "InterpretReplica"),
        ]);
        assert_eq!(coverage.missing(), ["example.com/v1 Gadget InterpretReplica"]);
    }
}
