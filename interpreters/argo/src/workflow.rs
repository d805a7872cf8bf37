//! Workflows: what they need, and how they do.

use windlass_sdk::json::{Entries, Int, Json, Object, Text};
use windlass_sdk::kubernetes::{
    Affinity, Metadata, Name, PodSpec, PodTemplate, References, Toleration, Volume, pod_requirements,
};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Pods, Replicas};

windlass_sdk::shape! {
    pub(crate) struct Workflow<'a> {
        metadata: Metadata<'a>,
        spec: WorkflowSpec<'a>,
    }

    pub(crate) struct WorkflowSpec<'a> {
        parallelism: Option<Int>,
        affinity: Affinity<'a>,
        node_selector: Entries<'a, Text<'a>>,
        tolerations: Vec<Toleration<'a>>,
        executor: Executor<'a>,
        service_account_name: Text<'a>,
        image_pull_secrets: Vec<Name<'a>>,
        volumes: Vec<Volume<'a>>,
        volume_claim_templates: Vec<ClaimTemplate<'a>>,
    }

    struct Executor<'a> {
        service_account_name: Text<'a>,
    }

    struct ClaimTemplate<'a> {
        metadata: Name<'a>,
    }

    /// Revising it sets the parallelism, whatever it was.
    pub(crate) struct Parallelism {
        #[serde(rename = "spec")]
        _spec: Object,
    }

    pub(crate) struct WorkflowProgress<'a> {
        status: WorkflowStatus<'a>,
    }

    struct WorkflowStatus<'a> {
        phase: Json<'a>,
    }
}

impl<'a> Workflow<'a> {
    /// As many pods as run at the same time. What each of them requests only its step knows.
    pub(crate) fn replicas(&self) -> Answer<Replicas<'a>> {
        let WorkflowSpec { parallelism, affinity, node_selector, tolerations, .. } = self.spec.clone();
        let placed = PodSpec { affinity, node_selector, tolerations, ..PodSpec::default() };
        let requirements = pod_requirements(&PodTemplate { spec: placed, ..PodTemplate::default() });
        Ok(Replicas { replicas: parallelism.map_or(1, |Int(pods)| pods), requirements })
    }

    /// One: where the pods run is all that the workflow says of them.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        Ok(self.replicas()?.component("Workflow"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(self.spec.dependencies(&self.metadata.namespace))
    }
}

impl WorkflowSpec<'_> {
    /// What all steps share. Secrets in volumes go by `secretName`, as everywhere; Karmada looks for them under `name`
    /// and finds none.
    pub(crate) fn dependencies(&self, namespace: &str) -> Vec<Dependent> {
        let mut references = References::default();
        references.volumes(&self.volumes);
        self.volume_claim_templates.iter().for_each(|claim| references.claim(&claim.metadata.name));
        self.image_pull_secrets.iter().for_each(|secret| references.secret(&secret.name));
        references.account(&self.executor.service_account_name);
        references.own_account(&self.service_account_name);
        references.dependents(namespace)
    }
}

impl Parallelism {
    pub(crate) fn revise(&self, replicas: i32) -> Answer<Changes> {
        Ok(Changes::none().set("/spec/parallelism", replicas))
    }
}

impl WorkflowProgress<'_> {
    /// A workflow that is on its way or has succeeded. (Karmada looks for errors in a field that there isn't, and takes
    /// a workflow in phase Error for a healthy one.)
    pub(crate) fn health(&self) -> Answer<bool> {
        let phase = &self.status.phase;
        Ok(!phase.is_null() && ["", "Failed", "Error"].iter().all(|failed| !phase.is(failed)))
    }

    /// What the controller reports of a workflow with these pods. Times are the simulated cluster's to fill in.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of("");
        let ended = pods.succeeded.saturating_add(pods.failed);
        let has_ended = ended >= pods.desired && pods.desired > 0;
        let phase = match (has_ended, pods.failed, pods.ready) {
            (true, 0, _) => "Succeeded",
            (true, ..) => "Failed",
            (false, _, 0) => "Pending",
            (false, ..) => "Running",
        };
        let mut conditions = vec![json!({
            "type": "PodRunning", "status": if pods.ready > 0 { "True" } else { "False" },
        })];
        let mut status = json!({
            "phase": phase,
            "startedAt": null,
            "progress": format!("{}/{}", pods.succeeded, pods.desired),
        });
        if has_ended {
            conditions.push(json!({"type": "Completed", "status": "True"}));
            status["finishedAt"] = Value::Null;
        }
        status["conditions"] = conditions.into();
        Ok(status)
    }
}
