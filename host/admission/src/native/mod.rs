//! The rules of Windlass' own kinds: one row each, with what fills in defaults and what validates.

mod binding;
mod cluster;
mod defaults;
mod interpreters;
mod placement;
mod policy;
mod quota;
mod rebalancer;
mod work;

use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_core::admission::Cause;
use windlass_core::{AdmissionRequest, Verb};

use crate::causes::{Causes, quoted};
use crate::chain::Random;

type Default = fn(&AdmissionRequest, &mut Value, &Random);
type Validate = fn(&AdmissionRequest, &mut Causes);

struct Rules {
    group: &'static str,
    resource: &'static str,
    default: Option<Default>,
    validate: Validate,
}

const POLICY: &str = "policy.karmada.io";
const WORK: &str = "work.karmada.io";
const CONFIG: &str = "config.karmada.io";
const CLUSTER: &str = "cluster.karmada.io";
const APPS: &str = "apps.karmada.io";

const RULES: [Rules; 10] = [
    Rules {
        group: POLICY,
        resource: "propagationpolicies",
        default: Some(defaults::propagation_policy),
        validate: policy::validate,
    },
    Rules {
        group: POLICY,
        resource: "clusterpropagationpolicies",
        default: Some(defaults::cluster_propagation_policy),
        validate: policy::validate,
    },
    Rules { group: POLICY, resource: "federatedresourcequotas", default: None, validate: quota::validate },
    Rules {
        group: WORK,
        resource: "resourcebindings",
        default: Some(defaults::resource_binding),
        validate: binding::validate,
    },
    Rules {
        group: WORK,
        resource: "clusterresourcebindings",
        default: Some(defaults::cluster_resource_binding),
        validate: binding::validate,
    },
    Rules { group: WORK, resource: "works", default: Some(defaults::work), validate: work::validate },
    Rules {
        group: CLUSTER,
        resource: "clusters",
        default: Some(defaults::cluster),
        validate: cluster::validate,
    },
    Rules {
        group: CONFIG,
        resource: "resourceinterpretercustomizations",
        default: None,
        validate: interpreters::validate_customization,
    },
    Rules {
        group: CONFIG,
        resource: "resourceinterpreterwebhookconfigurations",
        default: None,
        validate: interpreters::validate_webhooks,
    },
    Rules { group: APPS, resource: "workloadrebalancers", default: None, validate: rebalancer::validate },
];

/// Rules are about what users write: neither deletion nor a subresource concerns them.
fn rules(request: &AdmissionRequest) -> Option<&'static Rules> {
    if request.verb == Verb::Delete || !request.subresource.is_empty() {
        return None;
    }
    RULES.iter().find(|rules| rules.group == request.gvk.group && rules.resource == request.resource)
}

/// The object with its defaults filled in, if there are any for its kind.
pub(crate) fn default(request: &AdmissionRequest, random: &Random) -> Option<Value> {
    let default = rules(request)?.default?;
    let mut object = request.object.clone();
    default(request, &mut object, random);
    Some(object)
}

/// All that is wrong with the object.
pub(crate) fn validate(request: &AdmissionRequest) -> Vec<Cause> {
    let Some(rules) = rules(request) else { return Vec::new() };
    let mut causes = Causes::default();
    (rules.validate)(request, &mut causes);
    causes.into_vec()
}

/// The object's `part` as its type; `None`, with a cause, if it isn't one.
fn read<T: DeserializeOwned>(object: &Value, part: &str, causes: &mut Causes) -> Option<T> {
    let value = object.get(part).cloned().unwrap_or_default();
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let mut field = part.to_owned();
            let path = error.path().to_string();
            if path != "." {
                field = format!("{field}.{path}");
            }
            let message = error.inner().to_string();
            match message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
                Some((missing, _)) => causes.required(format!("{field}.{missing}"), ""),
                None => causes.invalid(field, "object", quoted(&message)),
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_api::policy::PropagationSpec;

    use super::*;

    #[test]
    fn what_is_no_object_of_its_kind_is_told_by_its_path() {
        let check = |spec: Value, want: &str| {
            let mut causes = Causes::default();
            assert!(read::<PropagationSpec>(&json!({"spec": spec}), "spec", &mut causes).is_none());
            assert_eq!(causes.into_vec()[0].field, want);
        };
        check(json!({"resourceSelectors": "all"}), "spec.resourceSelectors");
        check(json!({}), "spec.resourceSelectors");
        check(json!({"resourceSelectors": [{"kind": "A"}]}), "spec.resourceSelectors[0].apiVersion");
        check(json!([]), "spec");
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use serde_json::Value;
    use windlass_core::{AdmissionRequest, Gvk, Verb};

    use crate::chain::Random;

    pub(crate) fn random() -> Random {
        Arc::new(|| [7; 16])
    }

    pub(crate) fn create(group: &str, resource: &str, object: Value) -> AdmissionRequest {
        AdmissionRequest {
            gvk: Gvk { group: group.to_owned(), version: "v1alpha1".to_owned(), kind: "Kind".to_owned() },
            resource: resource.to_owned(),
            subresource: String::new(),
            namespace: "shop".to_owned(),
            name: object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            verb: Verb::Create,
            user: "admin".to_owned(),
            groups: Vec::new(),
            dry_run: false,
            object,
            old_object: Value::Null,
        }
    }

    /// Checks that validation finds just the fields in `want`, in order.
    pub(crate) fn check(request: &AdmissionRequest, want: &[&str]) {
        let causes = super::validate(request);
        let fields: Vec<_> = causes.iter().map(|cause| cause.field.as_str()).collect();
        assert_eq!(fields, want, "{causes:?} of {}", request.object);
    }
}
