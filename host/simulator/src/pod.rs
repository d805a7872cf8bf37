//! Pods as they are created for a workload: names, labels, owners.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::template::Template;

/// Which component of its workload a pod belongs to.
pub(crate) const COMPONENT_LABEL: &str = "windlass.io/component";
/// The digest of the template that a pod was made from; another one means that the pod is out of date.
pub(crate) const TEMPLATE_LABEL: &str = "windlass.io/template-hash";

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
pub(crate) fn container_name(component: &str) -> String {
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
    template: Template,
    node: Option<String>,
) -> Pod {
    let Template { mut labels, mut annotations, spec } = template;
    labels.insert(TEMPLATE_LABEL.to_owned(), hash.to_owned());
    labels.insert(COMPONENT_LABEL.to_owned(), label_value(component));
    annotations.insert(COMPONENT_LABEL.to_owned(), component.to_owned());
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec { node_name: node.or(spec.node_name.clone()), ..spec }),
        status: None,
    }
}

/// The component a pod was made for, as the interpreter spelled it.
pub(crate) fn component_of(pod: &Pod) -> String {
    pod.metadata.annotations.as_ref().and_then(|all| all.get(COMPONENT_LABEL)).cloned().unwrap_or_default()
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
}
