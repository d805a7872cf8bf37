//! ray.io/v1 RayJob: a cluster of its own, a pod that submits the job, and how the job does.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, dependencies_of_pods};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, PodCount, Pods};

use crate::pods::{ClusterSpec, HEAD};
use crate::simulation::{cluster_status, components_ready};

windlass_sdk::shape! {
    pub(crate) struct RayJob<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        suspend: bool,
        job_id: Text<'a>,
        ray_cluster_spec: ClusterSpec<'a>,
        submitter_pod_template: PodTemplate<'a>,
    }

    pub(crate) struct JobProgress<'a> {
        status: Json<'a>,
    }

    struct Status<'a> {
        job_status: Text<'a>,
        job_deployment_status: Option<Text<'a>>,
        reason: Json<'a>,
        message: Json<'a>,
    }
}

impl<'a> RayJob<'a> {
    /// The cluster's. A job on a cluster that is there already has none.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        self.spec.ray_cluster_spec.components("spec.rayClusterSpec")
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let pods = self.spec.ray_cluster_spec.pods().chain([&self.spec.submitter_pod_template.spec]);
        Ok(dependencies_of_pods(pods, &self.metadata.namespace))
    }

    /// What the operator reports of a cluster whose pods do like this.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let Spec { suspend, job_id, ray_cluster_spec, .. } = &self.spec;
        if *suspend {
            return Ok(
                json!({"jobDeploymentStatus": "Suspended", "observedGeneration": self.metadata.generation}),
            );
        }
        let (deployment, job) = match pods.of(HEAD) {
            PodCount { failed: 1.., .. } => ("Failed", "FAILED"),
            PodCount { succeeded: 1.., .. } => ("Complete", "SUCCEEDED"),
            _ if components_ready(ray_cluster_spec, pods) => ("Running", "RUNNING"),
            _ => ("Initializing", ""),
        };
        let name = &self.metadata.name;
        let mut status = json!({
            "jobId": if job_id.is_empty() { format!("{name}-{}", self.metadata.uid) } else { job_id.to_string() },
            "rayClusterName": format!("{name}-raycluster"),
            "jobDeploymentStatus": deployment,
            "startTime": null,
            "succeeded": i32::from(job == "SUCCEEDED"),
            "failed": i32::from(job == "FAILED"),
            "rayClusterStatus": cluster_status(&self.metadata, ray_cluster_spec, pods)?,
            "observedGeneration": self.metadata.generation,
        });
        if !job.is_empty() {
            status["jobStatus"] = job.into();
        }
        if matches!(job, "SUCCEEDED" | "FAILED") {
            status["endTime"] = Value::Null;
        }
        Ok(status)
    }
}

impl JobProgress<'_> {
    /// Healthy while the job runs, and when it has succeeded.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Status { job_status, job_deployment_status, .. } = self.status.read("status")?;
        Ok(match job_deployment_status.as_deref() {
            Some("Running") => true,
            Some("Complete") => job_status == "SUCCEEDED",
            _ => false,
        })
    }

    /// Of both states the one that most calls for attention.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        self.status.expect_object("status")?;
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        // `max_by_key` would take the last of several that are as bad.
        let deployed = statuses().filter_map(|status| Some((status, status.job_deployment_status.as_ref()?)));
        let deployment = deployed.rev().max_by_key(|(_, state)| deployment_severity(state));
        let job = statuses().map(|status| status.job_status.as_str()).filter(|state| !state.is_empty());
        let job = job.rev().max_by_key(|state| job_severity(state));
        let (reason, message) =
            deployment.map(|(status, _)| (status.reason, status.message)).unwrap_or_default();
        Ok(Changes::none()
            .set_option("/status/jobStatus", job)
            .set_option("/status/jobDeploymentStatus", deployment.map(|(_, state)| state))
            .set_or_remove("/status/reason", reason)
            .set_or_remove("/status/message", message))
    }
}

fn deployment_severity(state: &str) -> u8 {
    match state {
        "Initializing" => 1,
        "Waiting" => 2,
        "Suspending" | "Suspended" => 3,
        "Retrying" => 4,
        "Running" => 5,
        "Complete" => 6,
        "ValidationFailed" => 7,
        "Failed" => 8,
        _ => 0,
    }
}

fn job_severity(state: &str) -> u8 {
    match state {
        "PENDING" => 1,
        "RUNNING" => 2,
        "SUCCEEDED" => 3,
        "STOPPED" => 4,
        "FAILED" => 5,
        _ => 0,
    }
}
