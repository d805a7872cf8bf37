//! Workloads with one pod template: what their pods require and depend on.

use windlass_sdk::json::{Int, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, pod_dependencies, pod_requirements};
use windlass_sdk::{Answer, Changes, Component, Dependent, Replicas};

windlass_sdk::shape! {
    /// Deployment, ReplicaSet, StatefulSet, DaemonSet.
    pub(crate) struct Workload<'a> {
        kind: Text<'a>,
        metadata: Metadata<'a>,
        spec: WorkloadSpec<'a>,
    }

    struct WorkloadSpec<'a> {
        replicas: Int,
        template: PodTemplate<'a>,
        /// StatefulSets have these.
        volume_claim_templates: Vec<ClaimTemplate<'a>>,
    }

    struct ClaimTemplate<'a> {
        metadata: ClaimMetadata<'a>,
    }

    struct ClaimMetadata<'a> {
        name: Text<'a>,
    }

    pub(crate) struct CronJobTemplate<'a> {
        metadata: Metadata<'a>,
        spec: CronJobSpec<'a>,
    }

    struct CronJobSpec<'a> {
        job_template: JobTemplate<'a>,
    }

    struct JobTemplate<'a> {
        spec: JobTemplateSpec<'a>,
    }

    struct JobTemplateSpec<'a> {
        template: PodTemplate<'a>,
    }

    pub(crate) struct Scale {
        spec: ScaleSpec,
    }

    struct ScaleSpec {
        replicas: Option<Int<i64>>,
    }
}

impl Workload<'_> {
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        Ok(Replicas { replicas: self.spec.replicas.0, requirements: pod_requirements(&self.spec.template) })
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        Ok(self.replicas()?.component(&self.kind))
    }

    /// What the pods refer to, but for the claims that the workload itself makes.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let made =
            |name: &str| self.spec.volume_claim_templates.iter().any(|claim| claim.metadata.name == name);
        let mut dependents = pod_dependencies(&self.spec.template.spec, &self.metadata.namespace);
        dependents.retain(|it| it.kind != "PersistentVolumeClaim" || !made(&it.name));
        Ok(dependents)
    }
}

impl CronJobTemplate<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(pod_dependencies(&self.spec.job_template.spec.template.spec, &self.metadata.namespace))
    }
}

impl Scale {
    pub(crate) fn revise(&self, replicas: i32) -> Answer<Changes> {
        Ok(revised("/spec/replicas", self.spec.replicas, replicas))
    }
}

/// Sets a number of replicas where there is one: what leaves it open stays so.
pub(crate) fn revised(path: &str, present: Option<Int<i64>>, replicas: i32) -> Changes {
    match present {
        Some(_) => Changes::none().set(path, replicas),
        None => Changes::none(),
    }
}
