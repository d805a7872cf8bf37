//! How an application does, as its operator reports it.

use windlass_sdk::json::{Entries, Json, Numeric, Text};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::serde_json::{Map, Value, json};
use windlass_sdk::{Answer, Changes, Members, PodCount, Pods};

use crate::application::{DRIVER, EXECUTOR};

pub(crate) const REFLECTED: [&str; 9] = [
    "applicationState",
    "driverInfo",
    "executorState",
    "sparkApplicationId",
    "lastSubmissionAttemptTime",
    "submissionAttempts",
    "executionAttempts",
    "submissionID",
    "terminationTime",
];

/// A simulated status names no more executors than this.
const EXECUTORS_NAMED_MAX: u32 = 1_000;

windlass_sdk::shape! {
    pub(crate) struct Progress<'a> {
        status: Json<'a>,
    }

    pub(crate) struct Simulation<'a> {
        metadata: Metadata<'a>,
        spec: Spec,
    }

    struct Spec {
        suspend: bool,
    }

    struct Status<'a> {
        application_state: Json<'a>,
        execution_attempts: Numeric,
        submission_attempts: Numeric,
        last_submission_attempt_time: Text<'a>,
        termination_time: Text<'a>,
        executor_state: Entries<'a, Json<'a>>,
    }
}

impl Progress<'_> {
    /// Only an application that has failed for good is unhealthy: all else goes on, or may be tried again.
    pub(crate) fn health(&self) -> Answer<bool> {
        let state = self.status.field("applicationState").field("state");
        Ok(!state.is_null() && state.string().is_none_or(|state| state != "FAILED"))
    }

    /// The state that most calls for attention, the sums of all attempts, and all executors.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        self.status.expect_object("status")?;
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        let mut worst = (None, Json::default());
        for status in statuses() {
            let severity = Some(severity(status.application_state));
            if !status.application_state.is_null() && severity > worst.0 {
                worst = (severity, status.application_state);
            }
        }
        let executors: Entries<'_, Json<'_>> = statuses()
            .flat_map(|status| status.executor_state.0.clone())
            .filter(|(_, it)| !it.is_null())
            .collect();
        let given = |time: &&Text<'_>| !time.is_empty();
        let submitted = statuses().map(|status| &status.last_submission_attempt_time).max().filter(given);
        let terminated = statuses().map(|status| &status.termination_time).max().filter(given);
        let executions: Numeric = statuses().map(|status| status.execution_attempts).sum();
        let submissions: Numeric = statuses().map(|status| status.submission_attempts).sum();
        Ok(Changes::none()
            .set_or_remove("/status/applicationState", worst.1)
            .set("/status/executionAttempts", executions)
            .set_option("/status/executorState", Some(executors).filter(|executors| !executors.is_empty()))
            .set("/status/submissionAttempts", submissions)
            .set_option("/status/lastSubmissionAttemptTime", submitted)
            .set_option("/status/terminationTime", terminated))
    }
}

impl Simulation<'_> {
    /// What the operator reports of a cluster whose pods do like this.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let (driver, executors) = (pods.of(DRIVER), pods.of(EXECUTOR));
        if self.spec.suspend {
            return Ok(json!({"applicationState": {"state": "SUSPENDED"}}));
        }
        let name = self.metadata.name.as_str();
        let (state, error) = match driver {
            PodCount { failed: 1.., .. } => ("FAILED", "driver container failed"),
            PodCount { succeeded: 1.., .. } => ("COMPLETED", ""),
            PodCount { ready: 1.., .. } => ("RUNNING", ""),
            _ => ("SUBMITTED", ""),
        };
        let mut application_state = json!({"state": state});
        if !error.is_empty() {
            application_state["errorMessage"] = error.into();
        }
        let mut status = json!({
            "applicationState": application_state,
            "driverInfo": {"podName": format!("{name}-driver")},
            "executionAttempts": 1,
            "executorState": executor_states(name, executors),
            "lastSubmissionAttemptTime": null,
            "submissionAttempts": 1,
        });
        if !self.metadata.uid.is_empty() {
            status["sparkApplicationId"] = format!("spark-{}", self.metadata.uid.replace('-', "")).into();
            status["submissionID"] = self.metadata.uid.as_str().into();
        }
        if matches!(state, "COMPLETED" | "FAILED") {
            status["terminationTime"] = Value::Null;
        }
        Ok(status)
    }
}

/// Where several members disagree, the highest is shown.
fn severity(application_state: Json<'_>) -> u8 {
    match application_state.field("state").string().as_deref() {
        Some("SUBMITTED" | "PENDING_RERUN") => 1,
        Some("COMPLETED") => 2,
        Some("SUSPENDING" | "SUSPENDED") => 3,
        Some("RUNNING" | "RESUMING" | "SUCCEEDING") => 4,
        Some("INVALIDATING") => 5,
        Some("FAILING" | "FAILED" | "SUBMISSION_FAILED") => 6,
        _ => 0,
    }
}

fn executor_states(name: &str, executors: PodCount) -> Map<String, Value> {
    let ended = executors.succeeded.saturating_add(executors.failed);
    let pending = executors.created.saturating_sub(ended.saturating_add(executors.ready));
    [
        ("COMPLETED", executors.succeeded),
        ("FAILED", executors.failed),
        ("RUNNING", executors.ready),
        ("PENDING", pending),
    ]
    .into_iter()
    .flat_map(|(state, count)| (0..count.min(EXECUTORS_NAMED_MAX)).map(move |_| state))
    .take(EXECUTORS_NAMED_MAX as usize)
    .enumerate()
    .map(|(index, state)| (format!("{name}-exec-{}", index + 1), state.into()))
    .collect()
}
