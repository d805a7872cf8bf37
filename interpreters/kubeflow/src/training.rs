//! kubeflow.org/v1 training jobs: what the pods of each role need.

use windlass_sdk::json::{Entries, Numeric, Text};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, dependencies_of_pods};
use windlass_sdk::{Answer, Component, Dependent};

use crate::roles::{Role, of_kind};

windlass_sdk::shape! {
    pub(crate) struct TrainingJob<'a> {
        kind: Text<'a>,
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    /// Each kind has one of these.
    struct Spec<'a> {
        pytorch_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
        tf_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
        xgb_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
        paddle_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
        jax_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
        mpi_replica_specs: Entries<'a, Option<ReplicaSpec<'a>>>,
    }

    pub(crate) struct ReplicaSpec<'a> {
        pub(crate) replicas: Numeric,
        pub(crate) template: Option<PodTemplate<'a>>,
    }
}

impl<'a> TrainingJob<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        let (field, _) = self.replica_specs();
        let component = |(role, spec): (&'static Role, &ReplicaSpec<'a>)| {
            let replicas = spec.replicas.count(1, || format!("spec.{field}.{}.replicas", role.key))?;
            let template = spec.template.clone().unwrap_or_default();
            Ok(Component::of_pods(role.component, replicas, &template))
        };
        self.roles().map(component).collect()
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let templates = self.roles().filter_map(|(_, spec)| spec.template.as_ref());
        Ok(dependencies_of_pods(
            templates.map(|template| &template.spec),
            self.metadata.namespace_or_default(),
        ))
    }

    /// The roles that there are in this job.
    fn roles(&self) -> impl Iterator<Item = (&'static Role, &ReplicaSpec<'a>)> {
        let (_, specs) = self.replica_specs();
        let roles = of_kind(&self.kind).roles.iter();
        roles.filter_map(|role| Some((role, specs.get(role.key)?.as_ref()?)))
    }

    fn replica_specs(&self) -> (&'static str, &Entries<'a, Option<ReplicaSpec<'a>>>) {
        let Spec {
            pytorch_replica_specs,
            tf_replica_specs,
            xgb_replica_specs,
            paddle_replica_specs,
            jax_replica_specs,
            mpi_replica_specs,
        } = &self.spec;
        match self.kind.as_str() {
            "TFJob" => ("tfReplicaSpecs", tf_replica_specs),
            "XGBoostJob" => ("xgbReplicaSpecs", xgb_replica_specs),
            "PaddleJob" => ("paddleReplicaSpecs", paddle_replica_specs),
            "JAXJob" => ("jaxReplicaSpecs", jax_replica_specs),
            "MPIJob" => ("mpiReplicaSpecs", mpi_replica_specs),
            _ => ("pytorchReplicaSpecs", pytorch_replica_specs),
        }
    }
}
