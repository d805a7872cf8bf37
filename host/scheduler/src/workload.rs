//! What a binding's workload needs of a cluster.

use std::sync::Arc;

use windlass_api::quantity::QuantityError;
use windlass_api::work::{NodeClaim, ResourceBindingSpec};

use crate::resources::Resources;

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
    #[error("{field}.{resource}")]
    Quantity {
        field: String,
        resource: String,
        #[source]
        source: QuantityError,
    },
    /// `field` is below zero.
    #[error("{field} is {value}: it has to be 0 or more")]
    Negative { field: String, value: i32 },
}

impl Workload {
    /// Reads a binding.
    ///
    /// # Errors
    /// A quantity is none, or a count is negative.
    pub fn of(spec: &ResourceBindingSpec) -> Result<Workload, WorkloadError> {
        if !spec.components.is_empty() {
            return spec
                .components
                .iter()
                .enumerate()
                .map(|(index, component)| {
                    let field = format!("spec.components[{index}]");
                    if component.replicas < 0 {
                        let field = format!("{field}.replicas");
                        return Err(WorkloadError::Negative { field, value: component.replicas });
                    }
                    let mut need = Need {
                        name: component.name.clone(),
                        replicas: component.replicas.into(),
                        ..Need::default()
                    };
                    if let Some(requirements) = &component.replica_requirements {
                        need.request = Resources::read(&requirements.resource_request).map_err(
                            |(resource, source)| {
                                let field = format!("{field}.replicaRequirements.resourceRequest");
                                WorkloadError::Quantity { field, resource, source }
                            },
                        )?;
                        need.claim = requirements.node_claim.clone().map(Arc::new);
                        need.priority_class.clone_from(&requirements.priority_class_name);
                    }
                    Ok(need)
                })
                .collect::<Result<_, _>>()
                .map(Workload::Components);
        }
        if spec.replicas < 0 {
            return Err(WorkloadError::Negative { field: "spec.replicas".to_owned(), value: spec.replicas });
        }
        if spec.replicas == 0 && spec.replica_requirements.is_none() {
            return Ok(Workload::Plain);
        }
        let mut need = Need { replicas: spec.replicas.into(), ..Need::default() };
        if let Some(requirements) = &spec.replica_requirements {
            need.request =
                Resources::read(&requirements.resource_request).map_err(|(resource, source)| {
                    let field = "spec.replicaRequirements.resourceRequest".to_owned();
                    WorkloadError::Quantity { field, resource, source }
                })?;
            need.claim = requirements.node_claim.clone().map(Arc::new);
            need.priority_class.clone_from(&requirements.priority_class_name);
        }
        Ok(Workload::Replicas(need))
    }
}
