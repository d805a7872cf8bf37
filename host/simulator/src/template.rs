//! What a workload wants of its pods, and how it wants them replaced.
//!
//! What stands at `spec.template` is taken for a pod template where it looks like one, and the fields beside it for
//! what they mean beside a pod template; whatever kind that is. Else the pods are made from what the interpreter says
//! that they require.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, PodSpec, PodTemplateSpec, ResourceRequirements, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Serialize;
use serde_json::Value;
use windlass_api::work::NodeClaim;

use crate::pod::container_name;

/// What a set of alike pods is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Template {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) spec: PodSpec,
}

impl Template {
    /// The object's own pod template, if it has one.
    pub(crate) fn in_object(object: &Value) -> Option<Template> {
        let template = object.pointer("/spec/template").filter(|template| template.is_object())?;
        let template: PodTemplateSpec = serde_json::from_value(template.clone()).ok()?;
        let metadata = template.metadata.unwrap_or_default();
        Some(Template {
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            spec: template.spec.filter(|spec| !spec.containers.is_empty())?,
        })
    }

    /// One container that requests what is required.
    pub(crate) fn requiring(
        component: &str,
        claim: Option<NodeClaim>,
        requests: BTreeMap<String, Quantity>,
        priority_class: String,
    ) -> Template {
        let claim = claim.unwrap_or_default();
        // An extended resource can't be overcommitted: its limit has to equal its request.
        let extended = requests.iter().filter(|(name, _)| name.contains('/'));
        let limits: BTreeMap<_, _> = extended.map(|(name, amount)| (name.clone(), amount.clone())).collect();
        let filled = |list: Vec<Toleration>| (!list.is_empty()).then_some(list);
        let spec = PodSpec {
            containers: vec![Container {
                name: if component.is_empty() { "workload".to_owned() } else { container_name(component) },
                image: Some("windlass.io/simulated".to_owned()),
                resources: Some(ResourceRequirements {
                    requests: (!requests.is_empty()).then_some(requests),
                    limits: (!limits.is_empty()).then_some(limits),
                    ..ResourceRequirements::default()
                }),
                ..Container::default()
            }],
            node_selector: (!claim.node_selector.is_empty()).then_some(claim.node_selector),
            tolerations: filled(claim.tolerations),
            affinity: claim.hard_node_affinity.map(|required| Affinity {
                node_affinity: Some(NodeAffinity {
                    required_during_scheduling_ignored_during_execution: Some(required),
                    ..NodeAffinity::default()
                }),
                ..Affinity::default()
            }),
            priority_class_name: (!priority_class.is_empty()).then_some(priority_class),
            ..PodSpec::default()
        };
        Template { spec, ..Template::default() }
    }

    /// A short digest of the template and the workload's UID, as it stands in pods' names: two workloads of one name
    /// never make pods of one name.
    pub(crate) fn hash(&self, component: &str, uid: &str) -> String {
        let text = serde_json::to_string(self).expect("a template has only string keys");
        let digest = [uid, "/", component, "/", &text]
            .iter()
            .flat_map(|part| part.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        format!("{:08x}", (digest ^ (digest >> 32)) & 0xffff_ffff)
    }
}

/// How pods of an earlier template give way to those of the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// All at the same time.
    AtOnce,
    /// The new come when the old are gone.
    AfterTheOld,
    /// Bit by bit: at most `surge` too many, at most `unavailable` of those that are wanted not ready.
    Rolling { surge: u32, unavailable: u32 },
    /// When somebody deletes them.
    ByHand,
}

impl Replacement {
    /// As the object says beside its pod template.
    pub(crate) fn in_object(object: &Value, replicas: u32) -> Replacement {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let share = |pointer: &str, rounded_up: bool| share_of(object.pointer(pointer), replicas, rounded_up);
        if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
            return Replacement::ByHand;
        }
        match (text("/spec/strategy/type"), object.pointer("/spec/updateStrategy")) {
            ("Recreate", _) => Replacement::AfterTheOld,
            (_, Some(_)) if text("/spec/updateStrategy/type") == "OnDelete" => Replacement::ByHand,
            (_, Some(_)) => {
                let at = "/spec/updateStrategy/rollingUpdate/maxUnavailable";
                Replacement::Rolling { surge: 0, unavailable: share(at, false).unwrap_or(1).max(1) }
            }
            _ => {
                let surge = share("/spec/strategy/rollingUpdate/maxSurge", true);
                let surge = surge.unwrap_or_else(|| replicas.div_ceil(4));
                let unavailable = share("/spec/strategy/rollingUpdate/maxUnavailable", false);
                let unavailable = unavailable.unwrap_or(replicas / 4);
                // Nothing could move with neither.
                let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
                Replacement::Rolling { surge, unavailable }
            }
        }
    }
}

/// A number, or a percentage of `whole`.
fn share_of(value: Option<&Value>, whole: u32, rounded_up: bool) -> Option<u32> {
    match value? {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => {
            let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
            let hundredfold = u64::from(whole).saturating_mul(percent);
            let share = if rounded_up { hundredfold.div_ceil(100) } else { hundredfold / 100 };
            share.try_into().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_looks_like_a_pod_template_is_one() {
        let object = json!({"spec": {"template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c"}]}}}});
        assert_eq!(Template::in_object(&object).unwrap().labels["app"], "web");
        for other in
            [json!({}), json!({"spec": {"template": "t"}}), json!({"spec": {"template": {"spec": {}}}})]
        {
            assert_eq!(Template::in_object(&other), None, "{other}");
        }
    }

    #[test]
    fn the_template_and_its_owner_make_the_hash() {
        let plain = Template::requiring("", None, BTreeMap::new(), String::new());
        let other = Template::requiring("", None, BTreeMap::new(), "urgent".to_owned());
        assert_eq!(plain.hash("a", "1"), plain.hash("a", "1"));
        assert_ne!(plain.hash("a", "1"), plain.hash("a", "2"));
        assert_ne!(plain.hash("a", "1"), other.hash("a", "1"));
    }

    #[test]
    fn extended_resources_are_limited_to_what_is_requested() {
        let requests = [("cpu", "1"), ("nvidia.com/gpu", "2")];
        let requests = requests.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        let template = Template::requiring("", None, requests.into(), String::new());
        let resources = template.spec.containers[0].resources.clone().unwrap();
        assert_eq!(resources.limits.unwrap().keys().collect::<Vec<_>>(), ["nvidia.com/gpu"]);
    }

    #[test]
    fn replacement_is_as_the_object_says() {
        let rolling = |surge, unavailable| Replacement::Rolling { surge, unavailable };
        for (spec, want) in [
            (json!({}), rolling(3, 2)),
            (json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "50%"}}}), rolling(0, 5)),
            (json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}), rolling(0, 1)),
            (json!({"strategy": {"type": "Recreate"}}), Replacement::AfterTheOld),
            (json!({"updateStrategy": {"type": "OnDelete"}}), Replacement::ByHand),
            (json!({"updateStrategy": {"type": "RollingUpdate"}}), rolling(0, 1)),
            (json!({"paused": true}), Replacement::ByHand),
        ] {
            assert_eq!(Replacement::in_object(&json!({"spec": spec}), 10), want, "{spec}");
        }
    }
}
