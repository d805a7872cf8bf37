//! Pods on their own.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::kubernetes::{Metadata, PodSpec, PodTemplate, pod_dependencies, pod_requirements};
use windlass_sdk::serde::Serialize;
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Replicas};

windlass_sdk::shape! {
    pub(crate) struct Pod<'a> {
        metadata: Metadata<'a>,
        spec: PodSpec<'a>,
    }

    /// What a cluster adds to a pod when it gives it a place.
    pub(crate) struct AssignedPod<'a> {
        spec: AssignedSpec<'a>,
    }

    struct AssignedSpec<'a> {
        node_name: Json<'a>,
        service_account_name: Json<'a>,
        volumes: Json<'a>,
        containers: Vec<Mounting<'a>>,
        init_containers: Vec<Mounting<'a>>,
    }

    struct Mounting<'a> {
        name: Text<'a>,
        volume_mounts: Json<'a>,
    }

    pub(crate) struct PodProgress<'a> {
        status: PodStatus<'a>,
    }

    struct PodStatus<'a> {
        phase: Text<'a>,
        conditions: Vec<Condition<'a>>,
        container_statuses: Vec<ContainerStatus<'a>>,
        init_container_statuses: Vec<ContainerStatus<'a>>,
    }

    struct Condition<'a> {
        r#type: Text<'a>,
        status: Text<'a>,
    }

    struct ContainerStatus<'a> {
        ready: bool,
        state: Json<'a>,
    }
}

impl<'a> Pod<'a> {
    pub(crate) fn replicas(&self) -> Answer<Replicas<'a>> {
        let template = PodTemplate { spec: self.spec.clone(), ..PodTemplate::default() };
        Ok(Replicas { replicas: 1, requirements: pod_requirements(&template) })
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        Ok(self.replicas()?.component("Pod"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(pod_dependencies(&self.spec, &self.metadata.namespace))
    }
}

impl AssignedPod<'_> {
    /// The node, the account, and the volumes with their mounts.
    pub(crate) fn retain(&self, observed: &Self) -> Answer<Changes> {
        let (desired, observed) = (&self.spec, &observed.spec);
        let changes = [
            ("/spec/nodeName", observed.node_name),
            ("/spec/serviceAccountName", observed.service_account_name),
            ("/spec/volumes", observed.volumes),
        ]
        .into_iter()
        .fold(Changes::none(), set_unless_empty);
        let changes = retain_mounts(changes, "containers", &desired.containers, &observed.containers);
        Ok(retain_mounts(changes, "initContainers", &desired.init_containers, &observed.init_containers))
    }
}

fn retain_mounts(
    changes: Changes,
    list: &str,
    desired: &[Mounting<'_>],
    observed: &[Mounting<'_>],
) -> Changes {
    observed.iter().fold(changes, |changes, Mounting { name, volume_mounts }| {
        match desired.iter().position(|container| container.name == *name) {
            Some(index) => {
                set_unless_empty(changes, (&format!("/spec/{list}/{index}/volumeMounts"), *volume_mounts))
            }
            None => changes,
        }
    })
}

fn set_unless_empty(changes: Changes, (path, value): (&str, Json<'_>)) -> Changes {
    if value.is_empty() { changes.remove(path) } else { changes.set(path, value) }
}

/// The status of one of the containers in the members.
#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct Summary<'a> {
    name: &'static str,
    image: &'static str,
    #[serde(rename = "imageID")]
    image_id: &'static str,
    ready: bool,
    restart_count: i32,
    #[serde(skip_serializing_if = "Json::is_empty")]
    state: Json<'a>,
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct Aggregated<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    phase: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    container_statuses: Vec<Summary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_container_statuses: Vec<Summary<'a>>,
}

impl<'a> ContainerStatus<'a> {
    fn summary(&self) -> Summary<'a> {
        Summary { name: "", image: "", image_id: "", ready: self.ready, restart_count: 0, state: self.state }
    }
}

impl PodProgress<'_> {
    pub(crate) fn health(&self) -> Answer<bool> {
        let ready = self.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        Ok(match self.status.phase.as_str() {
            "Succeeded" => true,
            "Running" => ready.is_some_and(|condition| condition.status == "True"),
            _ => false,
        })
    }

    /// The phase that most calls for attention (a member that has not reported is pending), and all containers.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        let reported = members.reported::<PodStatus<'_>>()?;
        let in_phase = |phase: &&str| {
            (*phase == "Pending" && reported.len() < members.len())
                || reported.iter().any(|member| member.status.phase == *phase)
        };
        let statuses = || reported.iter().map(|member| &member.status);
        let aggregated = Aggregated {
            phase: ["Failed", "Pending", "Running", "Succeeded"]
                .into_iter()
                .find(in_phase)
                .unwrap_or_default(),
            container_statuses: statuses()
                .flat_map(|status| &status.container_statuses)
                .map(ContainerStatus::summary)
                .collect(),
            init_container_statuses: statuses()
                .flat_map(|status| &status.init_container_statuses)
                .map(ContainerStatus::summary)
                .collect(),
        };
        Ok(Changes::none().set("/status", aggregated))
    }

    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of("");
        let (phase, ready) = match () {
            () if pods.succeeded > 0 => ("Succeeded", "False"),
            () if pods.failed > 0 => ("Failed", "False"),
            () if pods.ready > 0 => ("Running", "True"),
            () => ("Pending", "False"),
        };
        Ok(json!({"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}))
    }
}
