//! Pods as they are created for a workload, and the status a kubelet would give them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, Pod, PodSpec, ResourceRequirements, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

/// Which component of its workload a pod belongs to.
pub(crate) const COMPONENT_LABEL: &str = "windlass.io/component";
/// The digest of the template that a pod was made from; another one means that the pod is out of date.
pub(crate) const TEMPLATE_LABEL: &str = "windlass.io/template-hash";

/// What a component wants of each of its pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    pub(crate) requests: BTreeMap<String, Quantity>,
    pub(crate) node_selector: BTreeMap<String, String>,
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) node_affinity: Option<k8s_openapi::api::core::v1::NodeSelector>,
    pub(crate) priority_class: String,
}

impl Template {
    pub(crate) fn pod_spec(&self, component: &str) -> PodSpec {
        let requests = (!self.requests.is_empty()).then(|| self.requests.clone());
        // An extended resource can't be overcommitted: its limit has to equal its request.
        let limits: BTreeMap<_, _> = self
            .requests
            .iter()
            .filter(|(name, _)| name.contains('/'))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let filled = |list: &Vec<Toleration>| (!list.is_empty()).then(|| list.clone());
        PodSpec {
            containers: vec![Container {
                name: if component.is_empty() { "workload".to_owned() } else { container_name(component) },
                image: Some("windlass.io/simulated".to_owned()),
                resources: Some(ResourceRequirements {
                    requests,
                    limits: (!limits.is_empty()).then_some(limits),
                    ..ResourceRequirements::default()
                }),
                ..Container::default()
            }],
            node_selector: (!self.node_selector.is_empty()).then(|| self.node_selector.clone()),
            tolerations: filled(&self.tolerations),
            affinity: self.node_affinity.clone().map(|required| Affinity {
                node_affinity: Some(NodeAffinity {
                    required_during_scheduling_ignored_during_execution: Some(required),
                    ..NodeAffinity::default()
                }),
                ..Affinity::default()
            }),
            priority_class_name: (!self.priority_class.is_empty()).then(|| self.priority_class.clone()),
            ..PodSpec::default()
        }
    }

    /// A short digest of the template and the workload's UID, as it stands in pods' names: two workloads of one name
    /// never make pods of one name.
    pub(crate) fn hash(&self, component: &str, uid: &str) -> String {
        let spec = serde_json::to_string(&self.pod_spec(component)).expect("a pod spec has only string keys");
        let digest = [uid, "/", component, "/", &spec]
            .iter()
            .flat_map(|part| part.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        format!("{:08x}", (digest ^ (digest >> 32)) & 0xffff_ffff)
    }
}

/// `<workload>-<component>-<hash>-<ordinal>`, the workload's part cut so that the name stays valid.
pub(crate) fn pod_name(workload: &str, component: &str, hash: &str, ordinal: u32) -> String {
    let tail = match component {
        "" => format!("{hash}-{ordinal}"),
        _ => format!("{}-{hash}-{ordinal}", container_name(component)),
    };
    let mut room = 253 - tail.len() - 1;
    while !workload.is_char_boundary(room.min(workload.len())) {
        room -= 1;
    }
    let head = workload[..room.min(workload.len())].trim_end_matches(['-', '.']);
    format!("{head}-{tail}")
}

/// The ordinal at the end of a pod's name.
pub(crate) fn ordinal(name: &str) -> Option<u32> {
    name.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse().ok())
}

/// A component's name as a DNS label.
fn container_name(component: &str) -> String {
    let label: String = component
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "component".to_owned() } else { label.to_owned() }
}

/// The component's name where that is a label's value, else the nearest that is.
fn label_value(component: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let valid = component.len() <= 63
        && component.chars().all(inner)
        && edge(component.chars().next())
        && edge(component.chars().last());
    if valid { component.to_owned() } else { container_name(component) }
}

/// One pod of a workload, bound to `node` where one was found.
pub(crate) fn build(
    owner: OwnerReference,
    namespace: &str,
    name: String,
    component: &str,
    hash: &str,
    spec: PodSpec,
    node: Option<String>,
) -> Pod {
    let labels = BTreeMap::from([
        (TEMPLATE_LABEL.to_owned(), hash.to_owned()),
        (COMPONENT_LABEL.to_owned(), label_value(component)),
    ]);
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(COMPONENT_LABEL.to_owned(), component.to_owned())])),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec { node_name: node, ..spec }),
        status: None,
    }
}

/// The component a pod was made for, as the interpreter spelled it.
pub(crate) fn component_of(pod: &Pod) -> String {
    pod.metadata.annotations.as_ref().and_then(|all| all.get(COMPONENT_LABEL)).cloned().unwrap_or_default()
}

/// The status of a pod whose containers all run and are ready.
pub(crate) fn running_status(pod: &Pod, host_ip: &str, pod_ip: &str, now: Timestamp) -> Value {
    let now = seconds(now);
    let conditions: Vec<Value> = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .iter()
    .map(|kind| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": now}))
    .collect();
    let spec = pod.spec.as_ref();
    let containers: Vec<Value> = spec
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            json!({"name": container.name, "image": image, "imageID": image, "ready": true, "started": true,
                "restartCount": 0, "containerID": format!("simulated://{}", pod.metadata.uid.as_deref().unwrap_or_default()),
                "state": {"running": {"startedAt": now}}})
        })
        .collect();
    let init: Vec<Value> = spec
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            json!({"name": container.name, "image": image, "imageID": image, "ready": true, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}})
        })
        .collect();
    let mut status = json!({"phase": "Running", "conditions": conditions, "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}], "podIP": pod_ip, "podIPs": [{"ip": pod_ip}], "startTime": now,
        "containerStatuses": containers});
    if !init.is_empty() {
        status["initContainerStatuses"] = init.into();
    }
    status
}

/// The status of a pod that no node can take.
pub(crate) fn unschedulable_status(message: &str, now: Timestamp) -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": message, "lastProbeTime": null, "lastTransitionTime": seconds(now)}]})
}

/// As Kubernetes prints times: whole seconds, UTC.
pub(crate) fn seconds(now: Timestamp) -> String {
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_valid_however_long_the_workload_is_called() {
        let name = pod_name(&"w".repeat(300), "task/Manager", "0123abcd", 7);
        assert!(name.len() <= 253 && name.ends_with("-task-manager-0123abcd-7"), "{name}");
        assert_eq!(ordinal(&name), Some(7));
        assert_eq!(pod_name("web", "", "0123abcd", 0), "web-0123abcd-0");
    }

    #[test]
    fn the_template_and_its_owner_make_the_hash() {
        let plain = Template::default();
        let other = Template { priority_class: "urgent".to_owned(), ..Template::default() };
        assert_eq!(plain.hash("a", "1"), plain.hash("a", "1"));
        assert_ne!(plain.hash("a", "1"), plain.hash("a", "2"));
        assert_ne!(plain.hash("a", "1"), other.hash("a", "1"));
    }

    #[test]
    fn extended_resources_are_limited_to_what_is_requested() {
        let requests = [("cpu", "1"), ("nvidia.com/gpu", "2")];
        let requests = requests.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        let template = Template { requests: requests.into(), ..Template::default() };
        let resources = template.pod_spec("").containers[0].resources.clone().unwrap();
        assert_eq!(resources.limits.unwrap().keys().collect::<Vec<_>>(), ["nvidia.com/gpu"]);
    }
}
