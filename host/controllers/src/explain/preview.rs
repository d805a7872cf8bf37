//! The binding that a template would get: as the detector makes it, with nothing written.

use std::sync::Arc;

use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::DynamicObject;
use serde_json::Value;
use windlass_core::object::ObjectError;
use windlass_core::{CallError, Gvk, Interpreter};

use crate::detector::{Claim, bind, claim, needs, schedule_priority};
use crate::index::{Binding, Key, Policy, Template};

/// The PriorityClass of a name.
pub type ClassOf<'a> = &'a dyn Fn(&str) -> Option<PriorityClass>;

/// A template and the policies among which one claims it.
#[derive(Clone, Copy, Debug)]
pub struct Preview<'a> {
    pub template: &'a Value,
    /// PropagationPolicies and ClusterPropagationPolicies.
    pub policies: &'a [Value],
    /// The binding that it has already.
    pub existing: Option<&'a Value>,
}

/// No binding would be made.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error("{what} can't be read")]
    Unreadable {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the template has no identity")]
    Identity(#[source] ObjectError),
    #[error("no policy selects {template}; {}", policies_there(.policies))]
    Unclaimed { template: String, policies: Vec<String> },
    #[error("the policy that has {0} is being deleted")]
    Deleting(String),
    #[error(transparent)]
    Interpretation(#[from] CallError),
    #[error(
        "policy {policy} names PriorityClass {class} in spec.schedulePriority.priorityClassName, and there is none"
    )]
    PriorityClass { policy: String, class: String },
}

fn policies_there(policies: &[String]) -> String {
    match policies {
        [] => "there is no policy for its namespace".to_owned(),
        some => format!("the policies that could are {}", some.join(", ")),
    }
}

impl Preview<'_> {
    /// Makes the binding.
    ///
    /// # Errors
    /// No policy wants the template, or it can't be interpreted.
    pub fn binding(
        &self,
        interpreter: &dyn Interpreter,
        class_of: ClassOf<'_>,
    ) -> Result<Value, PreviewError> {
        let template = template(self.template)?;
        let shown = template.id().to_string();
        let (mut namespaced, mut cluster_wide) = (Vec::new(), Vec::new());
        for policy in self.policies {
            let policy: Policy = read(policy)?;
            match policy.metadata.namespace.as_deref() {
                None | Some("") => cluster_wide.push(Arc::new(policy)),
                Some(namespace) if namespace == template.id().namespace => namespaced.push(Arc::new(policy)),
                Some(_) => {}
            }
        }
        let policy = match claim(&template, &namespaced, &cluster_wide) {
            Claim::By(policy) => policy,
            Claim::Wait => return Err(PreviewError::Deleting(shown)),
            Claim::Nobody => {
                let all = namespaced.iter().chain(&cluster_wide);
                let policies = all.map(|policy| Key::of(&policy.metadata).to_string()).collect();
                return Err(PreviewError::Unclaimed { template: shown, policies });
            }
        };
        let priority = match &policy.spec.schedule_priority {
            None => None,
            Some(wanted) => {
                let class = &wanted.priority_class_name;
                let found = class_of(class).ok_or_else(|| PreviewError::PriorityClass {
                    policy: Key::of(&policy.metadata).to_string(),
                    class: class.clone(),
                })?;
                Some(schedule_priority(wanted, &found))
            }
        };
        let existing = self.existing.map(read::<Binding>).transpose()?;
        let binding = bind(&template, &policy, needs(interpreter, &template)?, priority, existing);
        serde_json::to_value(binding)
            .map_err(|source| PreviewError::Unreadable { what: "the binding".to_owned(), source })
    }
}

fn read<T: serde::de::DeserializeOwned>(object: &Value) -> Result<T, PreviewError> {
    T::deserialize(object).map_err(|source| PreviewError::Unreadable { what: named(object), source })
}

/// Its kind and name, for people.
fn named(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

fn template(object: &Value) -> Result<Template, PreviewError> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let gvk = Gvk::new(text("apiVersion"), text("kind"));
    let dynamic: DynamicObject = read(object)?;
    Template::new(&gvk, dynamic).map_err(PreviewError::Identity)
}
