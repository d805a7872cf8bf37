//! From messages to what the scheduler counts with, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use windlass_api::quantity::QuantityError;
use windlass_api::work::NodeClaim as Claim;
use windlass_scheduler::{Counted, Need, Promise, Question, ResourceError, Resources};

use super::kubernetes::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Quantity, Toleration};
use super::messages::{
    AssumedWorkload, Component, ComponentReplicaRequirements, MaxAvailableComponentSetsRequest,
    MaxAvailableReplicasRequest, NodeClaim, ReplicaRequirements,
};

/// A request asks for an amount that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}.resourceRequest.{resource} is no quantity")]
pub struct AmountError {
    /// Where in the message.
    pub field: String,
    /// Of which resource.
    pub resource: String,
    /// Why.
    #[source]
    pub source: QuantityError,
}

/// What a request asks to be counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub namespace: String,
    pub needs: Vec<Need>,
}

/// Reads a question about replicas. Requirements that are missing are those of a pod that requests nothing.
///
/// # Errors
/// An amount is no quantity.
pub fn asked_replicas(request: MaxAvailableReplicasRequest) -> Result<Asked, AmountError> {
    let requirements = request.replica_requirements.unwrap_or_default();
    let ReplicaRequirements {
        node_claim,
        resource_request,
        namespace,
        priority_class_name,
        newer_resource_request,
    } = requirements;
    let need = Need {
        name: String::new(),
        replicas: 1,
        request: resources(resource_request, newer_resource_request, || "replicaRequirements".to_owned())?,
        claim: node_claim.map(claim).map(Arc::new),
        priority_class: priority_class_name,
    };
    Ok(Asked { namespace, needs: vec![need] })
}

/// Reads a question about sets of components. Replicas below zero are none.
///
/// # Errors
/// An amount is no quantity.
pub fn asked_sets(components: Vec<Component>, namespace: String) -> Result<Asked, AmountError> {
    let field = |index: usize| format!("components[{index}].replicaRequirements");
    Ok(Asked { namespace, needs: needs(components, field)? })
}

/// Reads what was promised to others.
///
/// # Errors
/// An amount is no quantity.
pub fn assumed(workloads: Vec<AssumedWorkload>) -> Result<Vec<Promise>, AmountError> {
    let promises = workloads.into_iter().enumerate().map(|(at, workload)| {
        let AssumedWorkload { namespace, components } = workload;
        let field = |index: usize| format!("assumedWorkloads[{at}].components[{index}].replicaRequirements");
        Ok(Promise { namespace, needs: needs(components, field)?, ..Promise::default() })
    });
    promises.collect()
}

fn needs(components: Vec<Component>, field: impl Fn(usize) -> String) -> Result<Vec<Need>, AmountError> {
    let needs = components.into_iter().enumerate().map(|(index, component)| {
        let Component { name, replica_requirements, replicas } = component;
        let ComponentReplicaRequirements {
            node_claim,
            resource_request,
            priority_class_name,
            newer_resource_request,
        } = replica_requirements.unwrap_or_default();
        Ok(Need {
            name,
            replicas: replicas.max(0).into(),
            request: resources(resource_request, newer_resource_request, || field(index))?,
            claim: node_claim.map(claim).map(Arc::new),
            priority_class: priority_class_name,
        })
    });
    needs.collect()
}

/// The one form of a request or the other; with both, the newer.
fn resources(
    older: BTreeMap<String, Quantity>,
    newer: BTreeMap<String, Quantity>,
    field: impl FnOnce() -> String,
) -> Result<Resources, AmountError> {
    let listed = if newer.is_empty() { older } else { newer };
    let listed = listed.into_iter().map(|(name, amount)| (name, Text(amount.string))).collect();
    Resources::read(&listed).map_err(|ResourceError { resource, source }| AmountError {
        field: field(),
        resource,
        source,
    })
}

fn claim(claim: NodeClaim) -> Claim {
    let NodeClaim { node_affinity, node_selector, tolerations, newer_node_affinity, newer_tolerations } =
        claim;
    let tolerations = if newer_tolerations.is_empty() { tolerations } else { newer_tolerations };
    Claim {
        hard_node_affinity: newer_node_affinity.or(node_affinity).map(selector),
        node_selector,
        tolerations: tolerations.into_iter().map(toleration).collect(),
    }
}

fn selector(selector: NodeSelector) -> core::NodeSelector {
    let required = |requirements: Vec<NodeSelectorRequirement>| {
        let requirements =
            requirements.into_iter().map(|NodeSelectorRequirement { key, operator, values }| {
                core::NodeSelectorRequirement { key, operator, values: filled(values) }
            });
        filled(requirements.collect())
    };
    let terms = selector.node_selector_terms.into_iter().map(|term| core::NodeSelectorTerm {
        match_expressions: required(term.match_expressions),
        match_fields: required(term.match_fields),
    });
    core::NodeSelector { node_selector_terms: terms.collect() }
}

fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn toleration(toleration: Toleration) -> core::Toleration {
    let Toleration { key, operator, value, effect, toleration_seconds } = toleration;
    let text = |text: String| (!text.is_empty()).then_some(text);
    core::Toleration {
        key: text(key),
        operator: text(operator),
        value: text(value),
        effect: text(effect),
        toleration_seconds,
    }
}

/// What a cluster's estimator is asked about replicas.
pub fn replicas_request(cluster: &str, question: &Question) -> MaxAvailableReplicasRequest {
    debug_assert_eq!(question.counted, Counted::Replicas, "the other request is for sets");
    let requirements = question.needs.first().map(|need| {
        let requested = quantities(&need.request);
        ReplicaRequirements {
            node_claim: need.claim.as_deref().map(node_claim),
            resource_request: requested.clone(),
            namespace: question.namespace.clone(),
            priority_class_name: need.priority_class.clone(),
            newer_resource_request: requested,
        }
    });
    MaxAvailableReplicasRequest {
        cluster: cluster.to_owned(),
        replica_requirements: requirements,
        assumed_workloads: Vec::new(),
    }
}

/// What a cluster's estimator is asked about sets.
pub fn sets_request(cluster: &str, question: &Question) -> MaxAvailableComponentSetsRequest {
    let components = question.needs.iter().map(|need| {
        let requested = quantities(&need.request);
        Component {
            name: need.name.clone(),
            replica_requirements: Some(ComponentReplicaRequirements {
                node_claim: need.claim.as_deref().map(node_claim),
                resource_request: requested.clone(),
                priority_class_name: need.priority_class.clone(),
                newer_resource_request: requested,
            }),
            replicas: i32::try_from(need.replicas).unwrap_or(i32::MAX),
        }
    });
    MaxAvailableComponentSetsRequest {
        cluster: cluster.to_owned(),
        components: components.collect(),
        namespace: question.namespace.clone(),
        assumed_workloads: Vec::new(),
    }
}

fn quantities(resources: &Resources) -> BTreeMap<String, Quantity> {
    let amounts = resources.iter();
    amounts.map(|(name, amount)| (name.to_owned(), Quantity { string: amount.to_string() })).collect()
}

fn node_claim(claim: &Claim) -> NodeClaim {
    let Claim { hard_node_affinity, node_selector, tolerations } = claim;
    let affinity = hard_node_affinity.as_ref().map(|selector| {
        let required = |requirements: &Option<Vec<core::NodeSelectorRequirement>>| {
            let requirements = requirements.iter().flatten().map(|requirement| NodeSelectorRequirement {
                key: requirement.key.clone(),
                operator: requirement.operator.clone(),
                values: requirement.values.clone().unwrap_or_default(),
            });
            requirements.collect()
        };
        let terms = selector.node_selector_terms.iter().map(|term| NodeSelectorTerm {
            match_expressions: required(&term.match_expressions),
            match_fields: required(&term.match_fields),
        });
        NodeSelector { node_selector_terms: terms.collect() }
    });
    let tolerations: Vec<_> = tolerations
        .iter()
        .map(|toleration| Toleration {
            key: toleration.key.clone().unwrap_or_default(),
            operator: toleration.operator.clone().unwrap_or_default(),
            value: toleration.value.clone().unwrap_or_default(),
            effect: toleration.effect.clone().unwrap_or_default(),
            toleration_seconds: toleration.toleration_seconds,
        })
        .collect();
    NodeClaim {
        node_affinity: affinity.clone(),
        node_selector: node_selector.clone(),
        tolerations: tolerations.clone(),
        newer_node_affinity: affinity,
        newer_tolerations: tolerations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use serde_json::json;

    fn question(counted: Counted) -> Question {
        let claim: Claim = serde_json::from_value(json!({
            "hardNodeAffinity": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]},
                {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n1"]}]}]},
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 5}]}))
        .unwrap();
        let request = json!({"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"});
        let need = |name: &str, replicas| Need {
            name: name.to_owned(),
            replicas,
            request: Resources::read(&serde_json::from_value(request.clone()).unwrap()).unwrap(),
            claim: Some(Arc::new(claim.clone())),
            priority_class: "high".to_owned(),
        };
        match counted {
            Counted::Replicas => Question::new(counted, "d", &[need("", 1)]),
            Counted::Sets => Question::new(counted, "d", &[need("a", 1), need("b", 3)]),
        }
    }

    #[test]
    fn what_is_asked_is_what_arrives() {
        let question = question(Counted::Sets);
        let sent = sets_request("m1", &question).encode_to_vec();
        let read = MaxAvailableComponentSetsRequest::decode(sent.as_slice()).unwrap();
        assert_eq!(read.cluster, "m1");
        let asked = asked_sets(read.components, read.namespace).unwrap();
        assert_eq!((asked.namespace.as_str(), asked.needs.as_slice()), ("d", question.needs.as_ref()));
    }

    #[test]
    fn each_form_of_a_field_is_enough() {
        let question = question(Counted::Replicas);
        let both = replicas_request("m1", &question);
        let mut older = both.clone();
        let requirements = older.replica_requirements.as_mut().unwrap();
        requirements.newer_resource_request.clear();
        let claim = requirements.node_claim.as_mut().unwrap();
        claim.newer_node_affinity = None;
        claim.newer_tolerations.clear();
        let mut newer = both.clone();
        let requirements = newer.replica_requirements.as_mut().unwrap();
        requirements.resource_request.clear();
        let claim = requirements.node_claim.as_mut().unwrap();
        claim.node_affinity = None;
        claim.tolerations.clear();
        for form in [both, older, newer] {
            assert_eq!(asked_replicas(form).unwrap().needs, question.needs.to_vec());
        }
    }

    #[test]
    fn bytes_that_hold_a_message_are_that_message() {
        /// The requirements as versions after v1.16 declare them.
        #[derive(Clone, PartialEq, Message)]
        struct Newer {
            #[prost(btree_map = "string, bytes", tag = "5")]
            resource_request_bytes: BTreeMap<String, Vec<u8>>,
        }
        let amount = Quantity { string: "2".to_owned() }.encode_to_vec();
        let sent = Newer { resource_request_bytes: [("cpu".to_owned(), amount)].into() }.encode_to_vec();
        let read = ReplicaRequirements::decode(sent.as_slice()).unwrap();
        assert_eq!(read.newer_resource_request["cpu"].string, "2");
    }

    #[test]
    fn an_amount_that_is_none_is_named() {
        let wrong = [("cpu".to_owned(), Quantity { string: "much".to_owned() })];
        let requirements =
            ComponentReplicaRequirements { resource_request: wrong.into(), ..Default::default() };
        let component = Component { replica_requirements: Some(requirements), ..Component::default() };
        let error = asked_sets(vec![Component::default(), component], "d".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "components[1].replicaRequirements.resourceRequest.cpu is no quantity");
    }

    #[test]
    fn replicas_below_zero_are_none() {
        let component = Component { replicas: -3, ..Component::default() };
        assert_eq!(asked_sets(vec![component], String::new()).unwrap().needs[0].replicas, 0);
    }
}
