//! trainer.kubeflow.org/v1alpha1 TrainJob: nodes that train together, in the way that a runtime says.
//!
//! What a job leaves open stands in its runtime, which is another object and can't be looked at from here. So a job that
//! doesn't say how many nodes it wants counts as one of one node, and one that doesn't say what they need, as one whose
//! nodes need nothing in particular.

use windlass_sdk::json::{Int, Json, Text};
use windlass_sdk::kubernetes::{
    Container, EnvVar, Metadata, Name, PodSpec, PodTemplate, References, Resources,
};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Rejection};

const API_VERSION: &str = "trainer.kubeflow.org/v1alpha1";
const GROUP: &str = "trainer.kubeflow.org";

/// As the operator calls the job of the nodes that train.
const NODE: &str = "node";

/// All nodes of a job run in one cluster; what happened in several is told one after the other.
pub(crate) static TRAIN_JOB: Fields =
    Fields(&[Field::conditions(), Field::last("jobsStatus"), Field::last("trainerStatus")]);

windlass_sdk::shape! {
    pub(crate) struct TrainJob<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        suspend: bool,
        runtime_ref: RuntimeRef<'a>,
        initializer: Initializer<'a>,
        trainer: Trainer<'a>,
    }

    struct RuntimeRef<'a> {
        name: Text<'a>,
        api_group: Text<'a>,
        kind: Text<'a>,
    }

    struct Initializer<'a> {
        dataset: Initialized<'a>,
        model: Initialized<'a>,
    }

    struct Initialized<'a> {
        env: Vec<EnvVar<'a>>,
        secret_ref: Name<'a>,
    }

    struct Trainer<'a> {
        env: Vec<EnvVar<'a>>,
        num_nodes: Option<Int>,
        resources_per_node: Resources<'a>,
    }

    pub(crate) struct TrainJobProgress<'a> {
        metadata: StatusMetadata<'a>,
        spec: ProgressSpec,
        status: Option<Status<'a>>,
    }

    struct ProgressSpec {
        suspend: bool,
    }
}

impl<'a> TrainJob<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        let Trainer { num_nodes, resources_per_node, .. } = self.spec.trainer.clone();
        let nodes = num_nodes.map_or(1, |Int(nodes)| nodes);
        if nodes < 0 {
            return Err(Rejection::new("spec.trainer.numNodes", "must not be negative"));
        }
        let container = Container { resources: resources_per_node, ..Container::default() };
        let spec = PodSpec { containers: vec![container], ..PodSpec::default() };
        Ok(vec![Component::of_pods(NODE, nodes, &PodTemplate { spec, ..PodTemplate::default() })])
    }

    /// The runtime, where it is one of the job's namespace, and what the job adds to it.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let Spec { runtime_ref: RuntimeRef { name, api_group, kind }, initializer, trainer, .. } = &self.spec;
        let Initializer { dataset, model } = initializer;
        let containers = [&trainer.env, &dataset.env, &model.env]
            .map(|env| Container { env: env.clone(), ..Container::default() });
        let mut references = References::default();
        references.containers(&containers);
        references.secret(&dataset.secret_ref.name);
        references.secret(&model.secret_ref.name);
        let namespace = &self.metadata.namespace;
        let mut dependents = references.dependents(namespace);
        if *kind == "TrainingRuntime" && (api_group.is_empty() || *api_group == GROUP) && !name.is_empty() {
            dependents.push(Dependent {
                api_version: API_VERSION,
                kind: "TrainingRuntime",
                namespace: namespace.to_string(),
                name: name.to_string(),
                ..Dependent::default()
            });
        }
        Ok(dependents)
    }

    /// What the operator reports of a cluster whose pods do like this. Times are the simulated cluster's to fill in.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of(NODE);
        let succeeded = pods.succeeded > 0 && pods.succeeded >= pods.desired;
        let failed = !succeeded && pods.failed > 0;
        let suspended = self.spec.suspend;
        let condition = |name: &str, reason: &str, message: &str| json!([{"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": null}]);
        let job = json!({
            "name": NODE,
            "ready": u32::from(pods.all_ready()),
            "succeeded": u32::from(succeeded),
            "failed": u32::from(failed),
            "active": u32::from(!succeeded && !failed && !suspended),
            "suspended": u32::from(suspended),
        });
        let mut status = json!({"jobsStatus": [job]});
        if suspended {
            status["conditions"] = condition("Suspended", "Suspended", "TrainJob is suspended");
        } else if succeeded {
            status["conditions"] = condition("Complete", "AllJobsCompleted", "jobset completed successfully");
        } else if failed {
            status["conditions"] =
                condition("Failed", "FailedJobs", "jobset failed due to one or more job failures");
        }
        Ok(status)
    }
}

impl TrainJobProgress<'_> {
    /// A job that has failed may do better elsewhere, and so may one whose nodes don't get ready.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(self.spec.suspend) };
        if has_condition(status, "Failed", &[]) {
            return Ok(false);
        }
        if self.spec.suspend || has_condition(status, "Complete", &[]) {
            return Ok(true);
        }
        let jobs = status.get("jobsStatus").copied().unwrap_or_default();
        let is_stuck = |job: &Json<'_>| {
            let count = |name| job.field(name).number().unwrap_or_default();
            count("active") > 0.0 && count("ready") == 0.0 && count("succeeded") == 0.0
        };
        Ok(!jobs.items().iter().any(is_stuck))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        TRAIN_JOB.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
