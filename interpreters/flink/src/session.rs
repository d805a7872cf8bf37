//! FlinkSessionJobs: jobs that run in the pods of a FlinkDeployment.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata};
use windlass_sdk::{Answer, Changes, Dependent, Members, Pods, Rejection};

/// A job runs in one cluster at a time: the last report is the status.
pub(crate) static SESSION_JOB: Fields = Fields(&[
    Field::last("error"),
    Field::last("jobStatus"),
    Field::last("lifecycleState"),
    Field::last("observedGeneration"),
    Field::last("reconciliationStatus"),
]);

windlass_sdk::shape! {
    pub(crate) struct FlinkSessionJob<'a> {
        metadata: Metadata<'a>,
        spec: SessionJobSpec<'a>,
    }

    struct SessionJobSpec<'a> {
        deployment_name: Text<'a>,
        job: Job<'a>,
    }

    struct Job<'a> {
        state: Text<'a>,
    }

    pub(crate) struct SessionJobProgress<'a> {
        metadata: StatusMetadata<'a>,
        spec: ProgressSpec<'a>,
        status: Option<Status<'a>>,
    }

    struct ProgressSpec<'a> {
        job: Job<'a>,
    }
}

impl FlinkSessionJob<'_> {
    /// The deployment in whose pods the job runs.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        if self.spec.deployment_name.is_empty() {
            return Err(Rejection::new("spec.deploymentName", "must name a FlinkDeployment"));
        }
        Ok(vec![Dependent {
            api_version: "flink.apache.org/v1beta1",
            kind: "FlinkDeployment",
            namespace: self.metadata.namespace.to_string(),
            name: self.spec.deployment_name.to_string(),
            ..Dependent::default()
        }])
    }

    /// What the operator reports once it has submitted the job. It has no pods of its own.
    pub(crate) fn simulate(&self, _pods: Pods<'_>) -> Answer<Value> {
        let is_suspended = self.spec.job.state == "suspended";
        Ok(json!({
            "jobStatus": {
                // The operator derives job ids from the object's UID, too.
                "jobId": self.metadata.uid.replace('-', ""),
                "jobName": self.metadata.name,
                "state": if is_suspended { "FINISHED" } else { "RUNNING" },
            },
            "lifecycleState": if is_suspended { "SUSPENDED" } else { "STABLE" },
            "observedGeneration": self.metadata.generation,
            "reconciliationStatus": {"state": "DEPLOYED"},
        }))
    }
}

impl SessionJobProgress<'_> {
    /// A job that runs, has ended, or is not to run. One that fails, or doesn't get off the ground, may do better
    /// elsewhere.
    pub(crate) fn health(&self) -> Answer<bool> {
        if self.spec.job.state == "suspended" {
            return Ok(true);
        }
        let part = |name: &str| self.status.as_ref().and_then(|status| status.get(name)).copied();
        let state: Json<'_> = part("jobStatus").unwrap_or_default().field("state");
        let starts_or_fails = ["CREATED", "INITIALIZING", "RECONCILING", "FAILING", "FAILED"];
        let has_failed = part("lifecycleState").is_some_and(|state| state.is("FAILED"));
        Ok(!state.is_null() && !has_failed && !starts_or_fails.iter().any(|name| state.is(name)))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        SESSION_JOB.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
