//! flink.apache.org/v1beta1 FlinkDeployment: what is read of it, and what it needs.

use windlass_sdk::json::{Entries, Json, Numeric, Text};
use windlass_sdk::kubernetes::{Metadata, NodeClaim, Toleration};
use windlass_sdk::quantity::Quantity;
use windlass_sdk::{Answer, Component, Rejection, Replicas, Requirements};

pub(crate) const JOB_MANAGER: &str = "jobmanager";
pub(crate) const TASK_MANAGER: &str = "taskmanager";

windlass_sdk::shape! {
    pub(crate) struct FlinkDeployment<'a> {
        pub(crate) metadata: Metadata<'a>,
        pub(crate) spec: Spec<'a>,
    }

    /// How it does: what is wrong with its spec is not asked then.
    pub(crate) struct Progress<'a> {
        pub(crate) status: Status<'a>,
    }

    pub(crate) struct Spec<'a> {
        pub(crate) flink_version: Json<'a>,
        flink_configuration: FlinkConfiguration,
        job: Job,
        job_manager: Manager,
        task_manager: Manager,
        pod_template: PodTemplate<'a>,
    }

    struct FlinkConfiguration {
        #[serde(rename = "taskmanager.numberOfTaskSlots")]
        task_slots: Numeric,
    }

    struct Job {
        parallelism: Numeric,
    }

    struct Manager {
        replicas: Numeric,
        resource: Resource,
    }

    struct Resource {
        cpu: Option<Quantity>,
        memory: Option<Quantity>,
    }

    struct PodTemplate<'a> {
        spec: PodSpec<'a>,
    }

    struct PodSpec<'a> {
        node_selector: Entries<'a, Text<'a>>,
        tolerations: Vec<Toleration<'a>>,
        priority_class_name: Text<'a>,
    }

    /// What the operator reports, passed on as it is.
    pub(crate) struct Status<'a>: Serialize {
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) cluster_info: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) error: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) job_manager_deployment_status: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) job_status: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) lifecycle_state: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) observed_generation: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) reconciliation_status: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        pub(crate) task_manager: Json<'a>,
    }
}

impl FlinkDeployment<'_> {
    /// Both managers' pods taken for replicas of one kind, each as large as the larger one.
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        let (job, task) = (&self.spec.job_manager.resource, &self.spec.task_manager.resource);
        let replicas = self.job_managers()?.saturating_add(self.task_managers()?);
        let requirements = Requirements {
            namespace: self.metadata.namespace.clone(),
            ..self.requirements(larger(&job.cpu, &task.cpu), larger(&job.memory, &task.memory))
        };
        Ok(Replicas { replicas, requirements: Some(requirements) })
    }

    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        let component = |name: &'static str, replicas, Resource { cpu, memory }: &Resource, manager: &str| {
            let requirements = self.requirements(cpu.clone(), Some(as_number(memory, manager)?));
            Ok(Component { name: name.into(), replicas, requirements: Some(requirements) })
        };
        let spec = &self.spec;
        Ok(vec![
            component(JOB_MANAGER, self.job_managers()?, &spec.job_manager.resource, "jobManager")?,
            component(TASK_MANAGER, self.task_managers()?, &spec.task_manager.resource, "taskManager")?,
        ])
    }

    fn job_managers(&self) -> Answer<i32> {
        self.spec.job_manager.replicas.count(1, || "spec.jobManager.replicas".to_owned())
    }

    /// As many as are asked for, or as many as have the slots that the job's parallelism takes.
    pub(crate) fn task_managers(&self) -> Answer<i32> {
        let given = self.spec.task_manager.replicas;
        if given.get().is_some() {
            return given.count(1, || "spec.taskManager.replicas".to_owned());
        }
        match (self.spec.job.parallelism.get(), self.spec.flink_configuration.task_slots.get()) {
            (Some(parallelism), Some(slots)) if slots != 0.0 => {
                Numeric::from((parallelism / slots).ceil()).count(1, || "spec.job.parallelism".to_owned())
            }
            _ => Ok(1),
        }
    }

    fn requirements(&self, cpu: Option<Quantity>, memory: Option<Quantity>) -> Requirements<'_> {
        let pod = &self.spec.pod_template.spec;
        let any_node = pod.node_selector.is_empty() && pod.tolerations.is_empty();
        Requirements {
            node_claim: (!any_node).then(|| NodeClaim {
                hard_node_affinity: None,
                node_selector: pod.node_selector.clone(),
                tolerations: pod.tolerations.clone(),
            }),
            resource_request: [("cpu", cpu), ("memory", memory)]
                .into_iter()
                .filter_map(|(name, quantity)| quantity.map(|quantity| (name, quantity)))
                .collect(),
            namespace: Text::default(),
            priority_class_name: pod.priority_class_name.clone(),
        }
    }
}

fn larger(job: &Option<Quantity>, task: &Option<Quantity>) -> Option<Quantity> {
    if job > task { job.clone() } else { task.clone() }
}

/// Memory counts as a number of bytes, fractions included: "1024m" is 1.024.
fn as_number(memory: &Option<Quantity>, manager: &str) -> Answer<Quantity> {
    let bytes = memory.as_ref().map_or(0.0, Quantity::to_f64);
    match Quantity::from_f64(bytes) {
        Some(quantity) if !quantity.is_negative() => Ok(quantity),
        _ => Err(Rejection::new(format!("spec.{manager}.resource.memory"), "must be an amount from 0 up")),
    }
}
