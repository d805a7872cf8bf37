//! Karmada's feature gates, as far as a scheduler or an estimator has to do with them.

use std::str::FromStr;

/// One gate, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeatureGate {
    name: &'static str,
    enabled: bool,
}

/// What a gate is to this scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It does so in any case.
    Always,
    /// It does so if that is switched on.
    Here,
    /// It is some other program's.
    Elsewhere,
}

/// Whether bindings take room from those of lower priority. Karmada has the name, in its API's words on
/// `schedulePriority`, and not yet the feature.
pub(crate) const PREEMPTION: &str = "PriorityBasedPreemptiveScheduling";

/// The gates of Karmada v1.16, one that is announced, and the two that stand for all of a stage.
const GATES: [(&str, Meaning); 18] = [
    ("AllAlpha", Meaning::Elsewhere),
    ("AllBeta", Meaning::Elsewhere),
    ("ContextualLogging", Meaning::Elsewhere),
    ("ControllerPriorityQueue", Meaning::Elsewhere),
    ("CustomizedClusterResourceModeling", Meaning::Always),
    ("Failover", Meaning::Elsewhere),
    ("FederatedQuotaEnforcement", Meaning::Elsewhere),
    ("GracefulEviction", Meaning::Elsewhere),
    ("LoggingAlphaOptions", Meaning::Elsewhere),
    ("LoggingBetaOptions", Meaning::Elsewhere),
    ("MultiClusterService", Meaning::Elsewhere),
    ("MultiplePodTemplatesScheduling", Meaning::Always),
    (PREEMPTION, Meaning::Here),
    ("PriorityBasedScheduling", Meaning::Always),
    ("PropagateDeps", Meaning::Elsewhere),
    ("PropagationPolicyPreemption", Meaning::Elsewhere),
    ("ResourceQuotaEstimate", Meaning::Elsewhere),
    ("StatefulFailoverInjection", Meaning::Elsewhere),
];

/// Whether a gate is on; `None`: nobody has said. Of two that contradict each other the later counts.
pub(crate) fn enabled(gates: &[FeatureGate], name: &str) -> Option<bool> {
    gates.iter().rev().find(|gate| gate.name == name).map(|gate| gate.enabled)
}

impl FeatureGate {
    /// What is to be said to somebody who gave it; `None`: nothing.
    pub(crate) fn remark(&self) -> Option<String> {
        let meaning = GATES.iter().find(|(name, _)| *name == self.name).map(|(_, meaning)| *meaning);
        (meaning == Some(Meaning::Always) && !self.enabled).then(|| {
            format!("feature gate {} can't be switched off here: bindings say what they want", self.name)
        })
    }
}

impl FromStr for FeatureGate {
    type Err = String;

    fn from_str(text: &str) -> Result<FeatureGate, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is not of the form NAME=true or NAME=false"))?;
        let Some((name, _)) = GATES.iter().find(|(known, _)| *known == name.trim()) else {
            let known: Vec<&str> = GATES.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no feature gate {name:?}; there are {}", known.join(", ")));
        };
        let enabled = match value.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => true,
            "false" | "f" | "0" => false,
            _ => return Err(format!("{name} is {value:?}: it has to be true or false")),
        };
        Ok(FeatureGate { name, enabled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_gate_counts() {
        let gates =
            ["ResourceQuotaEstimate=true", "ResourceQuotaEstimate=False"].map(|gate| gate.parse().unwrap());
        assert_eq!(enabled(&gates, "ResourceQuotaEstimate"), Some(false));
        assert_eq!(enabled(&gates[..1], "ResourceQuotaEstimate"), Some(true));
        assert_eq!(enabled(&gates, "Failover"), None);
    }

    #[test]
    fn preemption_is_switched_on_by_its_gate() {
        let gate: FeatureGate = "PriorityBasedPreemptiveScheduling=true".parse().unwrap();
        assert_eq!(gate.remark(), None);
        assert_eq!((enabled(&[gate], PREEMPTION), enabled(&[], PREEMPTION)), (Some(true), None));
    }

    #[test]
    fn a_gate_is_known_or_the_known_ones_are_named() {
        let gate: FeatureGate = "PriorityBasedScheduling=false".parse().unwrap();
        assert!(gate.remark().unwrap().contains("can't be switched off"));
        assert_eq!("Failover=true".parse::<FeatureGate>().unwrap().remark(), None);
        let unknown = "Fallover=true".parse::<FeatureGate>().unwrap_err();
        assert!(unknown.contains("\"Fallover\"") && unknown.contains("Failover, "), "{unknown}");
        assert!("Failover".parse::<FeatureGate>().is_err());
        assert!("Failover=maybe".parse::<FeatureGate>().unwrap_err().contains("true or false"));
    }
}
