//! The binding of a dependency: made for the bindings that require it, changed as they change. Pure.

use kube::api::TypeMeta;
use kube::core::ObjectMeta;
use windlass_api::labels::{
    BINDING_DEPENDED_BY_PREFIX, BINDING_FINALIZER, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID,
    PROPAGATION_POLICY_PERMANENT_ID, RESOURCE_BINDING_PERMANENT_ID,
};
use windlass_api::names;
use windlass_api::work::{BindingSnapshot, ObjectReference, ResourceBindingSpec};

use crate::detector::owner;
use crate::index::{Binding, Key, Template, binding_resource};
use crate::marks::{self, permanent_id};

/// The label by which a dependency's binding is found from the binding that requires it.
pub(super) fn depended_by(binding: &Key) -> String {
    format!("{BINDING_DEPENDED_BY_PREFIX}{}", names::binding_reference(&binding.namespace, &binding.name))
}

/// What a dependency's binding says of the one that requires it.
fn snapshot(of: &Binding) -> BindingSnapshot {
    let Key { namespace, name } = Key::of(&of.metadata);
    BindingSnapshot { namespace, name, clusters: of.spec.clusters.clone() }
}

/// A new binding for `object`, required by `by`.
pub(super) fn attached(object: &Template, by: &Binding) -> Binding {
    let id = object.id();
    let name = names::binding(&id.gvk.kind, &id.name);
    let resource = binding_resource(true);
    let permanent = permanent_id(&[&id.namespace, &name, object.uid()]);
    let mut binding = Binding {
        types: Some(TypeMeta { api_version: resource.api_version, kind: resource.kind }),
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(id.namespace.clone()),
            labels: Some([(RESOURCE_BINDING_PERMANENT_ID.to_owned(), permanent)].into()),
            owner_references: Some(vec![owner(object)]),
            finalizers: Some(vec![BINDING_FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: ResourceBindingSpec {
            resource: ObjectReference {
                api_version: id.gvk.api_version(),
                kind: id.gvk.kind.clone(),
                namespace: id.namespace.clone(),
                name: id.name.clone(),
                uid: object.uid().to_owned(),
                resource_version: object.meta.resource_version.clone().unwrap_or_default(),
            },
            conflict_resolution: by.spec.conflict_resolution,
            preserve_resources_on_deletion: by.spec.preserve_resources_on_deletion,
            ..ResourceBindingSpec::default()
        },
        status: None,
    };
    require(&mut binding, by);
    binding
}

/// Has `binding` required by `by`, with the clusters that `by` has now.
pub(super) fn require(binding: &mut Binding, by: &Binding) {
    let snapshot = snapshot(by);
    let id = marks::binding_id(&by.metadata).unwrap_or_default().to_owned();
    binding.metadata.labels.get_or_insert_default().insert(depended_by(&Key::of(&by.metadata)), id);
    let required = &mut binding.spec.required_by;
    match required
        .iter_mut()
        .find(|other| other.namespace == snapshot.namespace && other.name == snapshot.name)
    {
        Some(present) => *present = snapshot,
        None => {
            required.push(snapshot);
            required.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        }
    }
}

/// Has `binding` no longer required by the binding `by`.
pub(super) fn release(binding: &mut Binding, by: &Key) {
    if let Some(labels) = &mut binding.metadata.labels {
        labels.remove(&depended_by(by));
    }
    binding.spec.required_by.retain(|other| other.namespace != by.namespace || other.name != by.name);
}

/// Whether nobody wants the binding any more: it was made for dependents, and has none left.
pub(super) fn is_abandoned(binding: &Binding) -> bool {
    let claimed = [PROPAGATION_POLICY_PERMANENT_ID, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID]
        .iter()
        .any(|label| marks::label(&binding.metadata, label).is_some());
    binding.spec.required_by.is_empty() && binding.spec.placement.is_none() && !claimed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_core::Gvk;

    fn independent(name: &str, clusters: &[&str]) -> Binding {
        let clusters: Vec<_> = clusters.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "n", "labels": {"resourcebinding.karmada.io/permanent-id": name}},
            "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "clusters": clusters}}))
        .unwrap()
    }

    fn config() -> Template {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "n", "uid": "u"}});
        Template::new(&Gvk::new("v1", "ConfigMap"), serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn a_dependency_is_required_by_each_dependent_once_and_abandoned_after_the_last() {
        let mut binding = attached(&config(), &independent("b", &["m1"]));
        require(&mut binding, &independent("a", &["m2"]));
        require(&mut binding, &independent("b", &["m3"]));
        let required: Vec<_> = binding
            .spec
            .required_by
            .iter()
            .map(|by| format!("{} {}", by.name, by.clusters[0].name))
            .collect();
        assert_eq!(required, ["a m2", "b m3"]);
        assert_eq!(binding.metadata.name.as_deref(), Some("c-configmap"));
        assert_eq!(binding.metadata.labels.as_ref().unwrap()[&depended_by(&Key::new("n", "a"))], "a");
        release(&mut binding, &Key::new("n", "a"));
        assert!(!is_abandoned(&binding));
        release(&mut binding, &Key::new("n", "b"));
        assert!(is_abandoned(&binding));
        binding.spec.placement = Some(windlass_api::policy::Placement::default());
        assert!(!is_abandoned(&binding), "a policy propagates it as well");
    }
}
