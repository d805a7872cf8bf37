//! JobSets: several kinds of jobs, each some times over, that start, succeed and fail together.

use windlass_sdk::json::{Int, Json, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, dependencies_of_pods};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Rejection};

/// All jobs of a set run in one cluster; what happened in several is told one after the other.
pub(crate) static JOB_SET: Fields = Fields(&[
    Field::conditions(),
    Field::last("replicatedJobsStatus"),
    Field::sum("restarts"),
    Field::sum_if_reported("restartsCountTowardsMax"),
    Field::last("terminalState"),
]);

windlass_sdk::shape! {
    pub(crate) struct JobSet<'a> {
        metadata: Metadata<'a>,
        spec: JobSetSpec<'a>,
    }

    struct JobSetSpec<'a> {
        suspend: bool,
        replicated_jobs: Vec<ReplicatedJob<'a>>,
    }

    struct ReplicatedJob<'a> {
        name: Text<'a>,
        replicas: Option<Int>,
        template: JobTemplate<'a>,
    }

    struct JobTemplate<'a> {
        spec: JobSpec<'a>,
    }

    struct JobSpec<'a> {
        parallelism: Option<Int>,
        completions: Option<Int>,
        template: PodTemplate<'a>,
    }

    pub(crate) struct JobSetProgress<'a> {
        metadata: StatusMetadata<'a>,
        spec: ProgressSpec,
        status: Option<Status<'a>>,
    }

    struct ProgressSpec {
        suspend: bool,
    }
}

impl JobSet<'_> {
    /// The pods of each replicated job that run at the same time.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        let jobs = self.spec.replicated_jobs.iter().enumerate();
        jobs.map(|(index, job)| {
            Ok(Component::of_pods(job.name.clone(), job.pods(index)?, &job.template.spec.template))
        })
        .collect()
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let pods = self.spec.replicated_jobs.iter().map(|job| &job.template.spec.template.spec);
        Ok(dependencies_of_pods(pods, &self.metadata.namespace))
    }

    /// What the controller reports: of each replicated job how many jobs are how far. Times are the simulated cluster's
    /// to fill in.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let mut jobs = Vec::new();
        let (mut all_succeeded, mut any_failed) = (true, false);
        for job in &self.spec.replicated_jobs {
            let (count, pods) = (job.jobs(), pods.of(&job.name));
            // A job's pods start and end together here.
            let done =
                |n: u32| (u64::from(n) * u64::from(count)).checked_div(u64::from(pods.desired)).unwrap_or(0);
            let (succeeded, ready) = (done(pods.succeeded), done(pods.ready));
            let failed = u64::from(pods.failed > 0);
            all_succeeded &= succeeded >= u64::from(count);
            any_failed |= failed > 0;
            let suspended = if self.spec.suspend { u64::from(count) } else { 0 };
            jobs.push(json!({
                "name": job.name,
                "ready": ready,
                "succeeded": succeeded,
                "failed": failed,
                "active": u64::from(count).saturating_sub(succeeded + failed + suspended),
                "suspended": suspended,
            }));
        }
        let mut status = json!({"restarts": 0, "replicatedJobsStatus": jobs});
        let condition = |name: &str, reason: &str, message: &str| json!([{"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": null}]);
        if self.spec.suspend {
            status["conditions"] = condition("Suspended", "SuspendedJobs", "jobset is suspended");
        } else if any_failed {
            status["terminalState"] = "Failed".into();
            status["conditions"] =
                condition("Failed", "FailedJobs", "jobset failed due to one or more job failures");
        } else if all_succeeded && !self.spec.replicated_jobs.is_empty() {
            status["terminalState"] = "Completed".into();
            status["conditions"] =
                condition("Completed", "AllJobsCompleted", "jobset completed successfully");
        }
        Ok(status)
    }
}

impl ReplicatedJob<'_> {
    /// How many jobs there are of this kind.
    fn jobs(&self) -> u32 {
        u32::try_from(self.replicas.map_or(1, |Int(jobs)| jobs)).unwrap_or(0)
    }

    /// How many pods they have at the same time, all together.
    fn pods(&self, index: usize) -> Answer<i32> {
        let JobSpec { parallelism, completions, .. } = &self.template.spec;
        let at_once = parallelism.map_or(1, |Int(pods)| pods);
        let at_once = completions.map_or(at_once, |Int(completions)| at_once.min(completions));
        let jobs = self.replicas.map_or(1, |Int(jobs)| jobs);
        match jobs.checked_mul(at_once) {
            Some(pods) if jobs >= 0 && at_once >= 0 => Ok(pods),
            _ => Err(Rejection::new(
                format!("spec.replicatedJobs[{index}]"),
                format!("{jobs} jobs of {at_once} pods each are no number of pods"),
            )),
        }
    }
}

impl JobSetProgress<'_> {
    /// A set that has failed may do better elsewhere, and so may one of whose jobs none gets ready.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(self.spec.suspend) };
        if has_condition(status, "Failed", &[]) {
            return Ok(false);
        }
        if self.spec.suspend || has_condition(status, "Completed", &[]) {
            return Ok(true);
        }
        let jobs = status.get("replicatedJobsStatus").copied().unwrap_or_default();
        let is_stuck = |job: &Json<'_>| {
            let count = |name| job.field(name).number().unwrap_or_default();
            count("active") > 0.0 && count("ready") == 0.0 && count("succeeded") == 0.0
        };
        Ok(!jobs.items().iter().any(is_stuck))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        JOB_SET.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
