//! Policies, of a namespace or of the whole cluster.

use windlass_sdk::json::{Numeric, parse_at};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Members};

/// How many rules there are of each kind is counted apart, kind by kind.
pub(crate) static POLICY: Fields = Fields(&[
    Field::last("autogen"),
    Field::last("ready"),
    Field::of_members_only("rulecount"),
    Field::conditions(),
]);

windlass_sdk::shape! {
    pub(crate) struct Policy<'a> {
        metadata: StatusMetadata<'a>,
        status: Option<Status<'a>>,
    }

    struct Counted {
        rulecount: RuleCount,
    }

    struct RuleCount: Serialize {
        validate: Numeric,
        generate: Numeric,
        mutate: Numeric,
        verifyimages: Numeric,
    }
}

impl Policy<'_> {
    /// As the policy itself says; else by its condition.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(false) };
        let ready: Option<bool> = match status.get("ready") {
            Some(ready) => parse_at("status.ready", ready.text())?,
            None => None,
        };
        Ok(ready.unwrap_or_else(|| has_condition(status, "Ready", &["Succeeded"])))
    }

    /// The members' rules added up, and whether the last of them is ready.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        let reported = members.reported::<Counted>()?;
        let sum = |count: fn(&RuleCount) -> Numeric| {
            let counts = reported.iter().filter_map(|member| count(&member.status.rulecount).get());
            Numeric::from(counts.fold(0.0, |sum, count| sum + count))
        };
        let rulecount = RuleCount {
            validate: sum(|rules| rules.validate),
            generate: sum(|rules| rules.generate),
            mutate: sum(|rules| rules.mutate),
            verifyimages: sum(|rules| rules.verifyimages),
        };
        let merged = POLICY.aggregate(&self.metadata, self.status.as_ref(), members)?;
        Ok(Changes::none().remove("/status").set("/status/rulecount", rulecount).and(merged))
    }
}
