//! What is over, by how much.

use std::fmt;

use windlass_api::quantity::Quantity;

/// One resource of which there would be too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    pub resource: String,
    /// How much more the binding wants.
    pub wanted: Quantity,
    /// What is used already, the binding's own use included.
    pub used: Quantity,
    pub limit: Quantity,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Over { resource, wanted, used, limit } = self;
        let over = used.plus(*wanted).minus(*limit);
        write!(f, "{resource}: wanted {wanted}, used {used}, limit {limit}, over by {over}")
    }
}

/// A quota that would be exceeded. Displays as a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    pub namespace: String,
    pub quota: String,
    /// Never empty.
    pub over: Vec<Over>,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FederatedResourceQuota {}/{} is exceeded (", self.namespace, self.quota)?;
        for (index, over) in self.over.iter().enumerate() {
            write!(f, "{}{over}", if index == 0 { "" } else { "; " })?;
        }
        f.write_str(")")
    }
}

/// Why a charge is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Quotas would be exceeded; never empty.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Exceeded(Vec<Excess>),
    /// Nothing can be said before all quotas and bindings have been seen.
    #[error("the quotas of the namespace are not known yet, try again in a moment")]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_says_which_quota_is_over_for_what_by_how_much() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        let over = |resource: &str, wanted: &str, used: &str, limit: &str| Over {
            resource: resource.to_owned(),
            wanted: quantity(wanted),
            used: quantity(used),
            limit: quantity(limit),
        };
        let over = vec![over("cpu", "4", "8500m", "10"), over("memory", "1Gi", "0", "512Mi")];
        let excess = Excess { namespace: "shop".to_owned(), quota: "team".to_owned(), over };
        assert_eq!(
            Refused::Exceeded(vec![excess]).to_string(),
            "FederatedResourceQuota shop/team is exceeded (cpu: wanted 4, used 8500m, limit 10, over by 2500m; \
             memory: wanted 1Gi, used 0, limit 512Mi, over by 512Mi)"
        );
    }
}
