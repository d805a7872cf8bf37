//! batch.volcano.sh/v1alpha1 Job: its tasks, and how many pods of each have to run for the job to run.

use windlass_sdk::json::{Json, Numeric, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, References};
use windlass_sdk::{Answer, Component, Dependent};

windlass_sdk::shape! {
    pub(crate) struct Job<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        tasks: Vec<Task<'a>>,
        volumes: Vec<JobVolume<'a>>,
    }

    struct Task<'a> {
        name: Text<'a>,
        min_available: Numeric,
        template: PodTemplate<'a>,
    }

    /// A claim that the job makes, or one that is there already.
    struct JobVolume<'a> {
        volume_claim: Json<'a>,
        volume_claim_name: Text<'a>,
    }
}

/// What Volcano calls the task at `index`, which may have no name of its own.
pub(crate) fn task_name<'a>(name: &Text<'a>, index: usize) -> Text<'a> {
    if name.is_empty() { format!("task-{index}").into() } else { name.clone() }
}

impl<'a> Job<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        let component = |(index, task): (usize, &Task<'a>)| {
            let replicas = task.min_available.count(1, || format!("spec.tasks[{index}].minAvailable"))?;
            Ok(Component::of_pods(task_name(&task.name, index), replicas, &task.template))
        };
        self.spec.tasks.iter().enumerate().map(component).collect()
    }

    /// What the pods refer to, and the claims that they all share.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let mut references = References::default();
        self.spec.tasks.iter().for_each(|task| references.pod(&task.template.spec));
        let shared = self.spec.volumes.iter().filter(|volume| volume.volume_claim.is_null());
        shared.for_each(|volume| references.claim(&volume.volume_claim_name));
        Ok(references.dependents(&self.metadata.namespace))
    }
}
