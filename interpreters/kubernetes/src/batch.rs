//! Jobs, once and by the clock.

use windlass_sdk::json::{Int, Json, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, Time, pod_dependencies, pod_requirements};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Replicas, sum};

use crate::template::revised;

windlass_sdk::shape! {
    pub(crate) struct JobTemplate<'a> {
        metadata: Metadata<'a>,
        spec: TemplateSpec<'a>,
    }

    struct TemplateSpec<'a> {
        parallelism: Int,
        completions: Option<Int>,
        template: PodTemplate<'a>,
    }

    pub(crate) struct JobScale {
        spec: JobScaleSpec,
    }

    struct JobScaleSpec {
        parallelism: Option<Int<i64>>,
    }

    pub(crate) struct Job<'a> {
        metadata: Metadata<'a>,
        spec: JobSpec<'a>,
        status: Option<JobStatus<'a>>,
    }

    struct JobSpec<'a> {
        completions: Option<Int>,
        completion_mode: Text<'a>,
        backoff_limit: Option<Int>,
        suspend: bool,
    }

    pub(crate) struct JobStatus<'a>: Serialize {
        #[serde(skip_serializing_if = "is_zero")]
        active: Int,
        #[serde(skip_serializing_if = "is_zero")]
        succeeded: Int,
        #[serde(skip_serializing_if = "is_zero")]
        failed: Int,
        #[serde(skip_serializing)]
        ready: Option<Int>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Condition<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        start_time: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        completion_time: Option<Time>,
    }

    struct Condition<'a>: Serialize {
        r#type: Text<'a>,
        status: Text<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_probe_time: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_transition_time: Option<Time>,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        message: Text<'a>,
    }

    pub(crate) struct CronJob<'a> {
        spec: CronJobSpec,
        status: CronJobStatus<'a>,
    }

    struct CronJobSpec {
        suspend: bool,
    }

    struct CronJobStatus<'a> {
        active: Vec<Json<'a>>,
        last_schedule_time: Option<Time>,
        last_successful_time: Option<Time>,
    }
}

fn is_zero(number: &Int) -> bool {
    number.0 == 0
}

impl JobTemplate<'_> {
    /// As many as run at the same time: never more than there are to be completed.
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        let Int(parallelism) = self.spec.parallelism;
        let replicas =
            self.spec.completions.map_or(parallelism, |Int(completions)| parallelism.min(completions));
        Ok(Replicas { replicas, requirements: pod_requirements(&self.spec.template) })
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        Ok(self.replicas()?.component("Job"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(pod_dependencies(&self.spec.template.spec, &self.metadata.namespace))
    }
}

impl JobScale {
    pub(crate) fn revise(&self, replicas: i32) -> Answer<Changes> {
        Ok(revised("/spec/parallelism", self.spec.parallelism, replicas))
    }
}

impl JobStatus<'_> {
    fn has(&self, condition: &str) -> bool {
        self.conditions.iter().any(|it| it.r#type == condition && it.status == "True")
    }

    /// When the condition came to be.
    fn since(&self, condition: &str) -> Option<Time> {
        let holds = self.conditions.iter().filter(|it| it.r#type == condition && it.status == "True");
        holds.filter_map(|it| it.last_transition_time).max()
    }

    /// The first condition of those that end a job.
    fn end(&self) -> Option<&str> {
        let ends =
            |it: &&Condition<'_>| matches!(it.r#type.as_str(), "Complete" | "Failed") && it.status == "True";
        self.conditions.iter().find(ends).map(|it| it.r#type.as_str())
    }
}

impl<'a> Job<'a> {
    pub(crate) fn status(&self) -> Answer<&Option<JobStatus<'a>>> {
        Ok(&self.status)
    }

    /// A job that has failed may do better elsewhere, and so may one whose pods don't start.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(false) };
        if status.has("Complete") || self.spec.suspend {
            return Ok(true);
        }
        let stuck = status.active.0 > 0 && status.ready == Some(Int(0)) && status.succeeded.0 == 0;
        Ok(status.start_time.is_some() && !status.has("Failed") && !stuck)
    }

    /// The sums over the members. The job has failed if it has failed in one, and is complete when it is in all. What
    /// has ended stays as it ended.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if self.status.as_ref().is_some_and(|status| status.end().is_some()) {
            return Ok(Changes::none());
        }
        let reported = members.reported::<JobStatus<'_>>()?;
        let all = |holds: &dyn Fn(&JobStatus<'_>) -> bool| {
            !members.is_empty()
                && reported.iter().filter(|member| holds(&member.status)).count() == members.len()
        };
        // No clock here: a condition holds since it came to hold in the last member.
        let since =
            |condition: &str| reported.iter().filter_map(|member| member.status.since(condition)).max();
        let condition = |name: &'static str, reason: &'static str, message: String| Condition {
            r#type: name.into(),
            status: "True".into(),
            last_probe_time: since(name),
            last_transition_time: since(name),
            reason: reason.into(),
            message: message.into(),
        };

        let mut conditions = Vec::new();
        let failed: Vec<&str> = reported
            .iter()
            .filter(|member| member.status.end() == Some("Failed"))
            .map(|member| member.cluster)
            .collect();
        if !failed.is_empty() {
            let message = format!("Job executed failed in member clusters {}", failed.join(","));
            conditions.push(condition("Failed", "JobFailed", message));
        }
        if all(&|status| status.end() == Some("Complete")) {
            conditions.push(condition("Complete", "Completed", "Job completed".to_owned()));
            if all(&|status| status.has("SuccessCriteriaMet")) {
                let message = "All member clusters have met success criteria".to_owned();
                conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message));
            }
        }
        let completed = all(&|status| status.completion_time.is_some());
        let aggregated = JobStatus {
            active: Int(sum(&reported, |status| status.active.0)),
            succeeded: Int(sum(&reported, |status| status.succeeded.0)),
            failed: Int(sum(&reported, |status| status.failed.0)),
            ready: None,
            conditions,
            start_time: reported.iter().filter_map(|member| member.status.start_time).min(),
            completion_time: completed
                .then(|| reported.iter().filter_map(|member| member.status.completion_time).max())
                .flatten(),
        };
        Ok(Changes::none().set("/status", aggregated))
    }

    /// What the job's controller reports. Times are the simulated cluster's to fill in.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of("");
        let JobSpec { completions, backoff_limit, suspend, .. } = &self.spec;
        let active = pods.created.saturating_sub(pods.succeeded.saturating_add(pods.failed));
        let is_complete = match completions {
            Some(Int(completions)) => i64::from(pods.succeeded) >= i64::from(*completions),
            // A queue of work: whoever ends well first has seen that it is empty.
            None => pods.succeeded > 0 && active == 0,
        };
        let backoff_limit = backoff_limit.map_or(6, |Int(limit)| limit);
        let has_failed = i64::from(pods.failed) > i64::from(backoff_limit);
        let mut status = json!({
            "active": active,
            "ready": pods.ready,
            "succeeded": pods.succeeded,
            "failed": pods.failed,
            "terminating": 0,
            "uncountedTerminatedPods": {},
        });
        if *suspend {
            status["conditions"] = [simulated("Suspended", "JobSuspended", "Job suspended")].into();
            return Ok(status);
        }
        status["startTime"] = Value::Null;
        if self.spec.completion_mode == "Indexed" && pods.succeeded > 0 {
            status["completedIndexes"] = match pods.succeeded - 1 {
                0 => "0".into(),
                last => format!("0-{last}").into(),
            };
        }
        let conditions = if is_complete {
            status["completionTime"] = Value::Null;
            let message = "Reached expected number of succeeded pods";
            Some(
                ["SuccessCriteriaMet", "Complete"].map(|name| simulated(name, "CompletionsReached", message)),
            )
        } else if has_failed {
            let message = "Job has reached the specified backoff limit";
            Some(["FailureTarget", "Failed"].map(|name| simulated(name, "BackoffLimitExceeded", message)))
        } else {
            None
        };
        if let Some(conditions) = conditions {
            status["active"] = 0.into();
            status["ready"] = 0.into();
            status["conditions"] = conditions.into();
        }
        Ok(status)
    }
}

/// A condition that holds, from when on the simulated cluster fills in.
fn simulated(name: &str, reason: &str, message: &str) -> Value {
    json!({"type": name, "status": "True", "reason": reason, "message": message,
        "lastProbeTime": null, "lastTransitionTime": null})
}

impl CronJob<'_> {
    /// Healthy while its last run goes on or has succeeded.
    pub(crate) fn health(&self) -> Answer<bool> {
        let CronJobStatus { active, last_schedule_time, last_successful_time } = &self.status;
        let succeeded = last_schedule_time.is_none() || last_successful_time >= last_schedule_time;
        Ok(self.spec.suspend || !active.is_empty() || succeeded)
    }

    /// What runs in any of the members, and when it last ran in any.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let reported = members.reported::<CronJobStatus<'_>>()?;
        let active: Vec<Json<'_>> =
            reported.iter().flat_map(|member| member.status.active.iter().copied()).collect();
        let scheduled = reported.iter().filter_map(|member| member.status.last_schedule_time).max();
        let successful = reported.iter().filter_map(|member| member.status.last_successful_time).max();
        let changes = Changes::none();
        let changes = if active.is_empty() {
            changes.remove("/status/active")
        } else {
            changes.set("/status/active", active)
        };
        Ok([("/status/lastScheduleTime", scheduled), ("/status/lastSuccessfulTime", successful)]
            .into_iter()
            .fold(changes, |changes, (path, time)| match time {
                Some(time) => changes.set(path, time),
                None => changes.remove(path),
            }))
    }
}
