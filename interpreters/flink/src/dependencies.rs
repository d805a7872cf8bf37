//! What the pods of a FlinkDeployment refer to.

use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::{Metadata, PodTemplate, References};
use windlass_sdk::{Answer, Dependent};

windlass_sdk::shape! {
    pub(crate) struct FlinkPods<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        service_account: Text<'a>,
        pod_template: PodTemplate<'a>,
        job_manager: Manager<'a>,
        task_manager: Manager<'a>,
    }

    /// Its template is merged with the one that both have.
    struct Manager<'a> {
        pod_template: PodTemplate<'a>,
    }
}

impl FlinkPods<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let Spec { service_account, pod_template, job_manager, task_manager } = &self.spec;
        let mut references = References::default();
        references.own_account(service_account);
        for template in [pod_template, &job_manager.pod_template, &task_manager.pod_template] {
            references.pod(&template.spec);
        }
        Ok(references.dependents(&self.metadata.namespace))
    }
}
