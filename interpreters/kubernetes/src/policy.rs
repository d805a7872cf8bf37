//! Disruption budgets and autoscalers.

use windlass_sdk::json::{Entries, Int};
use windlass_sdk::kubernetes::Time;
use windlass_sdk::{Answer, Changes, Members, sum};

windlass_sdk::shape! {
    pub(crate) struct PodDisruptionBudget<'a> {
        status: Option<Budget<'a>>,
    }

    pub(crate) struct Budget<'a>: Serialize {
        disruptions_allowed: Int,
        current_healthy: Int,
        desired_healthy: Int,
        expected_pods: Int,
        #[serde(skip_serializing_if = "Entries::is_empty")]
        disrupted_pods: Entries<'a, Option<Time>>,
    }

    pub(crate) struct HorizontalPodAutoscaler {
        status: Option<Scale>,
    }

    pub(crate) struct Scale: Serialize {
        #[serde(skip_serializing_if = "is_zero")]
        current_replicas: Int,
        desired_replicas: Int,
    }
}

fn is_zero(number: &Int) -> bool {
    number.0 == 0
}

impl PodDisruptionBudget<'_> {
    pub(crate) fn status(&self) -> Answer<&Option<Budget<'_>>> {
        Ok(&self.status)
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        Ok(self.status.as_ref().is_none_or(|status| status.current_healthy >= status.desired_healthy))
    }

    /// The sums over the members, and each member's disrupted pods.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let reported = members.reported::<Budget<'_>>()?;
        let mut total = Budget {
            disruptions_allowed: Int(sum(&reported, |status| status.disruptions_allowed.0)),
            current_healthy: Int(sum(&reported, |status| status.current_healthy.0)),
            desired_healthy: Int(sum(&reported, |status| status.desired_healthy.0)),
            expected_pods: Int(sum(&reported, |status| status.expected_pods.0)),
            disrupted_pods: Entries::default(),
        };
        for member in &reported {
            for (pod, since) in member.status.disrupted_pods.iter() {
                total.disrupted_pods.set(format!("{}/{pod}", member.cluster), *since);
            }
        }
        Ok(Changes::none().set("/status", total))
    }
}

impl HorizontalPodAutoscaler {
    pub(crate) fn status(&self) -> Answer<&Option<Scale>> {
        Ok(&self.status)
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let reported = members.reported::<Scale>()?;
        let total = Scale {
            current_replicas: Int(sum(&reported, |status| status.current_replicas.0)),
            desired_replicas: Int(sum(&reported, |status| status.desired_replicas.0)),
        };
        Ok(Changes::none().set("/status", total))
    }
}
