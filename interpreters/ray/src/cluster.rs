//! ray.io/v1 RayCluster: what its pods need.

use windlass_sdk::kubernetes::{Metadata, dependencies_of_pods};
use windlass_sdk::serde_json::Value;
use windlass_sdk::{Answer, Component, Dependent, Pods};

use crate::pods::ClusterSpec;
use crate::simulation::cluster_status;

windlass_sdk::shape! {
    pub(crate) struct RayCluster<'a> {
        metadata: Metadata<'a>,
        spec: ClusterSpec<'a>,
    }
}

impl<'a> RayCluster<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        self.spec.components("spec")
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(dependencies_of_pods(self.spec.pods(), &self.metadata.namespace))
    }

    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        cluster_status(&self.metadata, &self.spec, pods)
    }
}
