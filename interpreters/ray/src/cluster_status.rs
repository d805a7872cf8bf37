//! How a RayCluster does, as its operator reports it.

use windlass_sdk::json::{Json, Numeric, Text};
use windlass_sdk::kubernetes::Condition;
use windlass_sdk::quantity::Quantity;
use windlass_sdk::{Answer, Changes, Members, Rejection, Reported};

windlass_sdk::shape! {
    pub(crate) struct ClusterProgress<'a> {
        status: Json<'a>,
    }

    struct Health<'a> {
        conditions: Vec<Condition<'a>>,
    }

    struct Status<'a> {
        conditions: Vec<Json<'a>>,
        ready_worker_replicas: Numeric,
        available_worker_replicas: Numeric,
        max_worker_replicas: Numeric,
        min_worker_replicas: Numeric,
        desired_worker_replicas: Numeric,
        #[serde(rename = "desiredCPU")]
        desired_cpu: Json<'a>,
        #[serde(rename = "desiredGPU")]
        desired_gpu: Json<'a>,
        #[serde(rename = "desiredTPU")]
        desired_tpu: Json<'a>,
        desired_memory: Json<'a>,
        last_update_time: Option<Text<'a>>,
        endpoints: Json<'a>,
        head: Json<'a>,
        state: Json<'a>,
        state_transition_times: Json<'a>,
    }
}

impl ClusterProgress<'_> {
    /// Healthy once the head is ready and all workers have been, while none fail to be made.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Health { conditions } = self.status.read("status")?;
        let holds = |name: &str| conditions.iter().any(|condition| condition.holds(name));
        Ok(holds("HeadPodReady") && holds("RayClusterProvisioned") && !holds("RayClusterReplicaFailure"))
    }

    /// The sums over the members, all their conditions, and the head of the first that has one.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        self.status.expect_object("status")?;
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        let sum = |count: fn(&Status<'_>) -> Numeric| statuses().map(count).sum::<Numeric>();
        // Karmada writes plain numbers of these, and no unit.
        let plain = |name, amount: for<'s> fn(&Status<'s>) -> Json<'s>| {
            total(&reported, name, amount).map(|total| printed(total.to_f64()))
        };
        let first = |field: for<'s> fn(&Status<'s>) -> Json<'s>| {
            statuses().map(field).find(|value| !value.is_null()).unwrap_or_default()
        };
        let conditions: Vec<Json<'_>> = statuses().flat_map(|status| &status.conditions).copied().collect();
        let state = statuses().find(|status| !status.state.is_null());
        let state = state.map(|status| (status.state, status.state_transition_times)).unwrap_or_default();
        let changes = Changes::none()
            .set_option("/status/conditions", Some(conditions).filter(|conditions| !conditions.is_empty()))
            .set("/status/readyWorkerReplicas", sum(|status| status.ready_worker_replicas))
            .set("/status/availableWorkerReplicas", sum(|status| status.available_worker_replicas))
            .set("/status/maxWorkerReplicas", sum(|status| status.max_worker_replicas))
            .set("/status/minWorkerReplicas", sum(|status| status.min_worker_replicas))
            .set("/status/desiredWorkerReplicas", sum(|status| status.desired_worker_replicas))
            .set("/status/desiredCPU", plain("desiredCPU", |status| status.desired_cpu)?)
            .set("/status/desiredGPU", plain("desiredGPU", |status| status.desired_gpu)?)
            .set("/status/desiredTPU", plain("desiredTPU", |status| status.desired_tpu)?);
        let memory = total(&reported, "desiredMemory", |status| status.desired_memory)?;
        let changes = if memory.is_zero() { changes } else { changes.set("/status/desiredMemory", memory) };
        Ok(changes
            .set_option(
                "/status/lastUpdateTime",
                statuses().filter_map(|status| status.last_update_time.as_ref()).max(),
            )
            .set_or_remove("/status/endpoints", first(|status| status.endpoints))
            .set_or_remove("/status/head", first(|status| status.head))
            .set_or_remove("/status/state", state.0)
            .set_or_remove("/status/stateTransitionTimes", state.1))
    }
}

/// A number as Karmada's scripts print it: whole ones that 64 bits hold with all their digits, others with an exponent
/// from a million on.
fn printed(number: f64) -> String {
    let is_whole = number.fract() == 0.0 && number.abs() < 9_223_372_036_854_775_808.0;
    let scientific = format!("{number:e}");
    let split = scientific.split_once('e').and_then(|(digits, exponent)| {
        let exponent: i32 = exponent.parse().ok()?;
        Some((digits, exponent))
    });
    match split {
        Some((digits, exponent)) if !is_whole && !(-4..6).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => number.to_string(),
    }
}

/// The sum of the amounts in the field `name`, which may be `""`.
fn total(
    reported: &[Reported<'_, Status<'_>>],
    name: &str,
    amount: for<'s> fn(&Status<'s>) -> Json<'s>,
) -> Answer<Quantity> {
    reported.iter().try_fold(Quantity::default(), |sum, member| {
        let amount = amount(&member.status);
        if amount.is_empty() {
            return Ok(sum);
        }
        let place = member.place();
        let amount = amount.read(format_args!("{place}.{name}"))?;
        sum.add(&amount).map_err(|error| Rejection::new(format!("{place}.{name}"), error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_karmadas_scripts_do() {
        for (number, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (1.5, "1.5"),
            (-0.25, "-0.25"),
            (12_345_678.0, "12345678"),
            (1_234_567.5, "1.2345675e+06"),
            (9_223_372_036_854_775_807.0, "9.223372036854776e+18"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
        ] {
            assert_eq!(printed(number), text);
        }
    }
}
