//! kubeflow.org/v2beta1 MPIJob: a launcher, its workers, and how they do.

use windlass_sdk::json::{Entries, Json, Text};
use windlass_sdk::kubernetes::{Condition, Metadata, dependencies_of_pods};
use windlass_sdk::serde_json::Value;
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods};

use crate::progress::ReplicaStatus;
use crate::simulation::{RunPolicy, simulated};
use crate::training::ReplicaSpec;

windlass_sdk::shape! {
    pub(crate) struct MpiJob<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        mpi_replica_specs: Entries<'a, ReplicaSpec<'a>>,
    }

    pub(crate) struct MpiProgress<'a> {
        status: Json<'a>,
    }

    pub(crate) struct MpiSimulation<'a> {
        spec: SimulatedSpec<'a>,
    }

    struct SimulatedSpec<'a> {
        mpi_replica_specs: Entries<'a, Json<'a>>,
        run_policy: RunPolicy,
    }

    /// What the operator reports, passed on as it is.
    pub(crate) struct Reflected<'a>: Serialize {
        #[serde(skip_serializing_if = "Entries::is_empty")]
        replica_statuses: Entries<'a, ReflectedReplicas<'a>>,
        /// Passed on where it is a list.
        #[serde(skip_serializing_if = "is_no_list")]
        conditions: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        start_time: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        completion_time: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        last_reconcile_time: Json<'a>,
    }

    struct ReflectedReplicas<'a>: Serialize {
        #[serde(skip_serializing_if = "Json::is_null")]
        active: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        succeeded: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        failed: Json<'a>,
        #[serde(skip_serializing_if = "Json::is_null")]
        selector: Json<'a>,
    }

    struct Health<'a> {
        conditions: Vec<Condition<'a>>,
    }

    struct Status<'a>: Serialize {
        #[serde(skip_serializing_if = "Entries::is_empty")]
        replica_statuses: Entries<'a, Option<ReplicaStatus>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Json<'a>>,
        #[serde(skip_serializing_if = "str::is_empty")]
        start_time: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        completion_time: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        last_reconcile_time: Text<'a>,
    }
}

impl<'a> MpiJob<'a> {
    /// One launcher unless told otherwise, and no workers.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        let component = |(name, ReplicaSpec { replicas, template }): &(Text<'a>, ReplicaSpec<'a>)| {
            let usual = if name.eq_ignore_ascii_case("worker") { 0 } else { 1 };
            let count = replicas.count(usual, || format!("spec.mpiReplicaSpecs.{name}.replicas"));
            let template = template.as_ref()?;
            Some(count.map(|replicas| Component::of_pods(name.clone(), replicas, template)))
        };
        let mut components: Vec<_> =
            self.spec.mpi_replica_specs.0.iter().filter_map(component).collect::<Answer<_>>()?;
        components.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(components)
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let templates = self.spec.mpi_replica_specs.iter().filter_map(|(_, spec)| spec.template.as_ref());
        Ok(dependencies_of_pods(
            templates.map(|template| &template.spec),
            self.metadata.namespace_or_default(),
        ))
    }
}

impl<'a> MpiProgress<'a> {
    pub(crate) fn status(&self) -> Answer<Option<Reflected<'a>>> {
        if self.status.is_null() { Ok(None) } else { self.status.read("status").map(Some) }
    }

    /// A job that the operator has taken up is healthy until it fails.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Health { conditions } = self.status.read("status")?;
        Ok(!conditions.is_empty() && !conditions.iter().any(|condition| condition.holds("Failed")))
    }

    /// The sums over the members, and of each condition the latest.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        let mut aggregated = Status::default();
        let mut latest = Entries::<(Text<'_>, Json<'_>)>::default();
        for member in members.reported::<Status<'_>>()? {
            let place = member.place();
            let Status { replica_statuses, conditions, start_time, completion_time, last_reconcile_time } =
                member.status;
            for (role, counts) in replica_statuses.0 {
                let Some(counts) = counts else { continue };
                let mut sum = aggregated.replica_statuses.get(&role).cloned().flatten().unwrap_or_default();
                sum.add(&counts);
                aggregated.replica_statuses.set(role, Some(sum));
            }
            if aggregated.start_time.is_empty()
                || (!start_time.is_empty() && start_time < aggregated.start_time)
            {
                aggregated.start_time = start_time;
            }
            aggregated.completion_time = aggregated.completion_time.max(completion_time);
            aggregated.last_reconcile_time = aggregated.last_reconcile_time.max(last_reconcile_time);
            for (index, json) in conditions.into_iter().enumerate() {
                let Condition { r#type, last_update_time, last_transition_time, .. } =
                    json.read(format_args!("{place}.conditions[{index}]"))?;
                let since = last_update_time.or(last_transition_time).unwrap_or_default();
                if !since.is_empty() && latest.get(&r#type).is_none_or(|(known, _)| since > *known) {
                    latest.set(r#type, (since, json));
                }
            }
        }
        aggregated.conditions = latest.0.into_iter().map(|(_, (_, condition))| condition).collect();
        Ok(Changes::none().set("/status", aggregated))
    }
}

fn is_no_list(json: &Json<'_>) -> bool {
    json.items().is_empty()
}

impl MpiSimulation<'_> {
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let roles = self.spec.mpi_replica_specs.iter().map(|(role, _)| (role, pods.of(role)));
        Ok(simulated("MPIJob", &self.spec.run_policy, roles))
    }
}
