//! sparkoperator.k8s.io/v1beta2 ScheduledSparkApplication: applications by the clock.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Members, Pods};

windlass_sdk::shape! {
    pub(crate) struct Scheduled<'a> {
        status: Json<'a>,
    }

    struct Status<'a>: Serialize {
        #[serde(skip_serializing_if = "str::is_empty")]
        last_run: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        next_run: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        last_run_name: Text<'a>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        past_successful_run_names: Vec<Json<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        past_failed_run_names: Vec<Json<'a>>,
        #[serde(skip_serializing_if = "str::is_empty")]
        schedule_state: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: Text<'a>,
    }
}

impl<'a> Scheduled<'a> {
    pub(crate) fn status(&self) -> Answer<Json<'a>> {
        Ok(self.status)
    }

    /// Healthy once it is on the clock: how single runs end is theirs to tell.
    pub(crate) fn health(&self) -> Answer<bool> {
        Ok(self.status.field("scheduleState").string().is_some_and(|state| state == "Scheduled"))
    }

    /// The last run and the next of all members, every past run, and the schedule that most calls for attention.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        let mut aggregated = Status::default();
        for Status {
            last_run,
            next_run,
            last_run_name,
            past_successful_run_names,
            past_failed_run_names,
            schedule_state,
            reason,
        } in members.reported::<Status<'_>>()?.into_iter().map(|member| member.status)
        {
            if last_run > aggregated.last_run {
                (aggregated.last_run, aggregated.last_run_name) = (last_run, last_run_name);
            }
            if aggregated.next_run.is_empty() || (!next_run.is_empty() && next_run < aggregated.next_run) {
                aggregated.next_run = next_run;
            }
            aggregated.past_successful_run_names.extend(past_successful_run_names);
            aggregated.past_failed_run_names.extend(past_failed_run_names);
            if severity(&schedule_state) > severity(&aggregated.schedule_state) {
                (aggregated.schedule_state, aggregated.reason) = (schedule_state, reason);
            }
        }
        Ok(Changes::none().set("/status", aggregated))
    }

    /// Simulated clusters have no clock to start runs by.
    pub(crate) fn simulate(&self, _pods: Pods<'_>) -> Answer<Value> {
        Ok(json!({"scheduleState": "Scheduled"}))
    }
}

fn severity(schedule_state: &str) -> u8 {
    match schedule_state {
        "" => 0,
        "Scheduled" => 1,
        "Validating" => 2,
        "FailedValidation" => 4,
        _ => 3,
    }
}
