//! Workloads with pod templates: what their pods require and depend on.

use windlass_sdk::json::{Int, Object, Text};
use windlass_sdk::kubernetes::{Metadata, PodSpec, PodTemplate, pod_dependencies, pod_requirements};
use windlass_sdk::{Answer, Changes, Component, Dependent, Replicas, Requirements};

windlass_sdk::shape! {
    /// CloneSet, StatefulSet, DaemonSet.
    pub(crate) struct Workload<'a> {
        kind: Text<'a>,
        metadata: Metadata<'a>,
        spec: WorkloadSpec<'a>,
    }

    struct WorkloadSpec<'a> {
        replicas: Option<Int>,
        template: PodTemplate<'a>,
    }

    pub(crate) struct UnitedDeployment<'a> {
        metadata: Metadata<'a>,
        spec: UnitedDeploymentSpec<'a>,
    }

    struct UnitedDeploymentSpec<'a> {
        replicas: Option<Int>,
        template: SubsetTemplate<'a>,
    }

    /// The template of the workload that each subset gets. Karmada takes it for one of pods, which it may be as well.
    struct SubsetTemplate<'a> {
        spec: Option<PodSpec<'a>>,
        stateful_set_template: Option<SubsetWorkload<'a>>,
        advanced_stateful_set_template: Option<SubsetWorkload<'a>>,
        clone_set_template: Option<SubsetWorkload<'a>>,
        deployment_template: Option<SubsetWorkload<'a>>,
    }

    struct SubsetWorkload<'a> {
        spec: SubsetWorkloadSpec<'a>,
    }

    struct SubsetWorkloadSpec<'a> {
        template: PodTemplate<'a>,
    }

    /// Revising it sets the replicas, whatever they were.
    pub(crate) struct Scale {
        #[serde(rename = "spec")]
        _spec: Object,
    }
}

impl<'a> Workload<'a> {
    pub(crate) fn replicas(&self) -> Answer<Replicas<'a>> {
        Ok(replicas(self.spec.replicas, &self.spec.template))
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        Ok(self.replicas()?.component(&self.kind))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(dependencies(&self.spec.template, &self.metadata))
    }
}

impl<'a> UnitedDeployment<'a> {
    pub(crate) fn replicas(&self) -> Answer<Replicas<'a>> {
        Ok(replicas(self.spec.replicas, &self.spec.template.pods()))
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        Ok(self.replicas()?.component("UnitedDeployment"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(dependencies(&self.spec.template.pods(), &self.metadata))
    }
}

impl<'a> SubsetTemplate<'a> {
    fn pods(&self) -> PodTemplate<'a> {
        let SubsetTemplate {
            spec,
            stateful_set_template,
            advanced_stateful_set_template,
            clone_set_template,
            deployment_template,
        } = self;
        if let Some(spec) = spec {
            return PodTemplate { spec: spec.clone(), ..PodTemplate::default() };
        }
        let workload = stateful_set_template
            .as_ref()
            .or(advanced_stateful_set_template.as_ref())
            .or(clone_set_template.as_ref())
            .or(deployment_template.as_ref());
        workload.map(|workload| workload.spec.template.clone()).unwrap_or_default()
    }
}

impl Scale {
    pub(crate) fn revise(&self, replicas: i32) -> Answer<Changes> {
        Ok(Changes::none().set("/spec/replicas", replicas))
    }
}

/// What leaves its replicas open gets one.
fn replicas<'a>(replicas: Option<Int>, template: &PodTemplate<'a>) -> Replicas<'a> {
    let requirements = pod_requirements(template).map(Requirements::reread);
    Replicas { replicas: replicas.map_or(1, |Int(n)| n), requirements }
}

/// What the pods refer to; an object without a namespace goes to `default`.
pub(crate) fn dependencies(template: &PodTemplate<'_>, metadata: &Metadata<'_>) -> Vec<Dependent> {
    pod_dependencies(&template.spec, metadata.namespace_or_default())
}
