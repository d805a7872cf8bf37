//! How a FlinkDeployment does, as its operator reports it.

use windlass_sdk::json::{Entries, Json, Text};
use windlass_sdk::serde::Serialize;
use windlass_sdk::{Answer, Changes, Members, Pods};

use crate::deployment::{FlinkDeployment, JOB_MANAGER, Progress, Status, TASK_MANAGER};

impl<'a> Progress<'a> {
    pub(crate) fn status(&self) -> Answer<&Status<'a>> {
        Ok(&self.status)
    }

    /// A job that runs, ends, or is on its way there is healthy. One that doesn't get off the ground is not, and may do
    /// better elsewhere, unless an error says that the fault is in the deployment itself.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Status { error, job_status, job_manager_deployment_status, .. } = &self.status;
        let state = job_status.field("state");
        if state.is_null() {
            return Ok(!error.is_null());
        }
        let starting = matches!(state.string().as_deref(), Some("CREATED" | "INITIALIZING" | "RECONCILING"));
        let failed = job_manager_deployment_status.string().is_some_and(|status| status == "ERROR");
        Ok(!starting || !error.is_null() || failed)
    }

    /// A FlinkDeployment runs in one cluster at a time: the last report is the status.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        let reported = members.reported::<Status<'_>>()?.pop();
        let status = reported.map_or_else(unreported, |member| member.status);
        Ok(Changes::none()
            .set_or_remove("/status/clusterInfo", status.cluster_info)
            .set_or_remove("/status/error", status.error)
            .set_or_remove("/status/jobManagerDeploymentStatus", status.job_manager_deployment_status)
            .set_or_remove("/status/jobStatus", status.job_status)
            .set_or_remove("/status/lifecycleState", status.lifecycle_state)
            .set_or_remove("/status/observedGeneration", status.observed_generation)
            .set_or_remove("/status/reconciliationStatus", status.reconciliation_status)
            .set_or_remove("/status/taskManager", status.task_manager))
    }
}

impl FlinkDeployment<'_> {
    /// What the operator reports of a cluster whose pods do like this.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Simulated<'_>> {
        let (job, task) = (pods.of(JOB_MANAGER), pods.of(TASK_MANAGER));
        let runs = job.all_ready() && task.all_ready();
        let mut cluster_info = Entries::default();
        let version = self.spec.flink_version.string();
        if let Some(version) = version.as_ref().and_then(|version| version.strip_prefix('v')) {
            cluster_info.set("flink-version", version.replace('_', "."));
        }
        Ok(Simulated {
            cluster_info,
            job_manager_deployment_status: match (job.all_ready(), job.ready > 0) {
                (true, _) => "READY",
                (false, true) => "DEPLOYED_NOT_READY",
                (false, false) => "DEPLOYING",
            },
            job_status: JobStatus {
                // The operator derives job ids from the object's UID, too.
                job_id: self.metadata.uid.replace('-', ""),
                job_name: &self.metadata.name,
                state: if runs { "RUNNING" } else { "CREATED" },
            },
            lifecycle_state: if runs { "STABLE" } else { "DEPLOYED" },
            observed_generation: self.metadata.generation.0,
            reconciliation_status: ReconciliationStatus { state: "DEPLOYED" },
            task_manager: TaskManagerStatus {
                label_selector: format!("component=taskmanager,app={}", self.metadata.name),
                replicas: self.task_managers()?,
            },
        })
    }
}

/// The status where no member has reported one yet.
fn unreported<'a>() -> Status<'a> {
    let nothing = Json::from_text("\"\"");
    Status {
        error: nothing,
        job_manager_deployment_status: nothing,
        lifecycle_state: nothing,
        observed_generation: Json::from_text("0"),
        ..Status::default()
    }
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
pub(crate) struct Simulated<'a> {
    #[serde(skip_serializing_if = "Entries::is_empty")]
    cluster_info: Entries<'static, String>,
    job_manager_deployment_status: &'static str,
    job_status: JobStatus<'a>,
    lifecycle_state: &'static str,
    observed_generation: i64,
    reconciliation_status: ReconciliationStatus,
    task_manager: TaskManagerStatus,
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct JobStatus<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    job_id: String,
    job_name: &'a Text<'a>,
    state: &'static str,
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct ReconciliationStatus {
    state: &'static str,
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct TaskManagerStatus {
    label_selector: String,
    replicas: i32,
}
