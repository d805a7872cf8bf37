//! What a binding's workload needs of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use windlass_api::quantity::{Quantity as Amount, QuantityError};
use windlass_api::work::{Component, NodeClaim, ResourceBindingSpec};

use crate::resources::{ResourceError, Resources};

/// Pods that are all alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Need {
    /// The component's name; empty for a workload with one pod template.
    pub name: String,
    /// How many pods.
    pub replicas: i64,
    /// What each requests.
    pub request: Resources,
    /// Which nodes each can run on; `None`: any.
    pub claim: Option<Arc<NodeClaim>>,
    /// Their PriorityClass; empty: none.
    pub priority_class: String,
}

/// What is to be placed.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Nothing with pods: it goes where it may, without replicas.
    Plain,
    /// Replicas that can be divided; `replicas` of the need is the whole.
    Replicas(Need),
    /// Components of which a cluster gets whole sets.
    Components(Vec<Need>),
}

/// A binding says something about its workload that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// `field` holds an amount that is no quantity.
    #[error("{field}")]
    Quantity {
        field: String,
        #[source]
        source: QuantityError,
    },
    /// `field` is below zero.
    #[error("{field} is {value}: it has to be 0 or more")]
    Negative { field: String, value: String },
}

impl Workload {
    /// Reads a binding.
    ///
    /// # Errors
    /// A quantity is none, or a count is negative.
    pub fn of(spec: &ResourceBindingSpec) -> Result<Workload, WorkloadError> {
        if comes_in_sets(spec) {
            let needs =
                spec.components.iter().enumerate().map(|(index, component)| of_component(index, component));
            return needs.collect::<Result<_, _>>().map(Workload::Components);
        }
        let replicas = count(spec.replicas, || "spec.replicas".to_owned())?;
        let Some(requirements) = &spec.replica_requirements else {
            let need = Need { replicas, ..Need::default() };
            return Ok(if replicas == 0 { Workload::Plain } else { Workload::Replicas(need) });
        };
        Ok(Workload::Replicas(Need {
            name: String::new(),
            replicas,
            request: request(&requirements.resource_request, || "spec.replicaRequirements".to_owned())?,
            claim: requirements.node_claim.clone().map(Arc::new),
            priority_class: requirements.priority_class_name.clone(),
        }))
    }
}

/// Whether a cluster gets whole sets of components. One component whose replicas are known is divided like any workload
/// of replicas.
pub(crate) fn comes_in_sets(spec: &ResourceBindingSpec) -> bool {
    let divided = spec.components.len() == 1 && (spec.replicas > 0 || spec.replica_requirements.is_some());
    !spec.components.is_empty() && !divided
}

fn of_component(index: usize, component: &Component) -> Result<Need, WorkloadError> {
    let field = |field: &str| format!("spec.components[{index}].{field}");
    let requirements = component.replica_requirements.as_ref();
    let listed = requirements.map(|requirements| &requirements.resource_request);
    Ok(Need {
        name: component.name.clone(),
        replicas: count(component.replicas, || field("replicas"))?,
        request: match listed {
            Some(listed) => request(listed, || field("replicaRequirements"))?,
            None => Resources::default(),
        },
        claim: requirements.and_then(|requirements| requirements.node_claim.clone()).map(Arc::new),
        priority_class: requirements
            .map(|requirements| requirements.priority_class_name.clone())
            .unwrap_or_default(),
    })
}

fn count(value: i32, field: impl FnOnce() -> String) -> Result<i64, WorkloadError> {
    if value < 0 {
        Err(WorkloadError::Negative { field: field(), value: value.to_string() })
    } else {
        Ok(value.into())
    }
}

fn request(
    listed: &BTreeMap<String, Quantity>,
    requirements: impl Fn() -> String,
) -> Result<Resources, WorkloadError> {
    let field = |resource: &str| format!("{}.resourceRequest.{resource}", requirements());
    let request = Resources::read(listed).map_err(|ResourceError { resource, source }| {
        WorkloadError::Quantity { field: field(&resource), source }
    })?;
    if let Some((resource, amount)) = request.iter().find(|(_, amount)| *amount < Amount::ZERO) {
        return Err(WorkloadError::Negative { field: field(resource), value: amount.to_string() });
    }
    Ok(request)
}
