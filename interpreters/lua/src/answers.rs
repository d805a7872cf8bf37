//! What scripts return, read as Karmada reads it.

use serde_json::Value;
use windlass_sdk::interpreter::bindings::exports::windlass::interpreter::interpreter as wire;
use windlass_sdk::interpreter::bindings::windlass::interpreter::types::{
    Component, Dependent, ReplicaAnswer,
};
use windlass_sdk::json::{Entries, Int, Json, Text, parse, write};
use windlass_sdk::kubernetes::{NodeClaim, NodeSelector, Toleration};
use windlass_sdk::quantity::Quantity;
use windlass_sdk::{Answer, Rejection, Requirements};

use crate::customization::Hook;
use crate::empties::Empties;
use crate::labels::LabelSelector;
use crate::vm::Returned;

windlass_sdk::shape! {
    /// work.karmada.io/v1alpha2 ReplicaRequirements.
    struct ReadRequirements<'a> {
        node_claim: Option<ReadNodeClaim<'a>>,
        resource_request: Entries<'a, Quantity>,
        namespace: Text<'a>,
        priority_class_name: Text<'a>,
    }

    struct ReadNodeClaim<'a> {
        hard_node_affinity: Option<NodeSelector<'a>>,
        node_selector: Entries<'a, Text<'a>>,
        tolerations: Vec<Toleration<'a>>,
    }

    /// work.karmada.io/v1alpha2 Component.
    struct ReadComponent<'a> {
        name: Text<'a>,
        replicas: Int,
        replica_requirements: Option<ReadRequirements<'a>>,
    }

    /// config.karmada.io/v1alpha1 DependentObjectReference.
    struct ReadDependent<'a> {
        api_version: Text<'a>,
        kind: Text<'a>,
        namespace: Text<'a>,
        name: Text<'a>,
        label_selector: Option<Json<'a>>,
    }
}

impl<'a> From<ReadRequirements<'a>> for Requirements<'a> {
    fn from(read: ReadRequirements<'a>) -> Requirements<'a> {
        let ReadRequirements { node_claim, resource_request, namespace, priority_class_name } = read;
        let node_claim =
            node_claim.map(|ReadNodeClaim { hard_node_affinity, node_selector, tolerations }| NodeClaim {
                hard_node_affinity,
                node_selector,
                tolerations,
            });
        Requirements {
            node_claim,
            resource_request: resource_request.0.into_iter().collect(),
            namespace,
            priority_class_name,
        }
    }
}

/// GetReplicas: a number, and a table or nil.
pub(crate) fn replicas([replicas, requirements]: [Returned; 2]) -> Answer<ReplicaAnswer> {
    let hook = Hook::GetReplicas;
    let replicas = match replicas {
        // The fraction is dropped, as Go drops it.
        Returned::Number(number) if number > -2_147_483_649.0 && number < 2_147_483_648.0 => number as i32,
        Returned::Number(number) => return Err(wrong(hook, &format!("returns {number} for the replicas"))),
        other => {
            return Err(wrong(hook, &format!("returns a {} first instead of a number", other.type_name())));
        }
    };
    let requirements = match requirements {
        Returned::Table(table) => {
            let text = settled_object(table, &[]).to_string();
            let read: ReadRequirements<'_> = parse(&text).map_err(|error| unread(hook, &error))?;
            Some(write(&Requirements::from(read)))
        }
        Returned::Nil => None,
        other => {
            let message = format!("returns a {} second instead of a table or nil", other.type_name());
            return Err(wrong(hook, &message));
        }
    };
    Ok(ReplicaAnswer { replicas, requirements })
}

/// GetComponents: a list, or nil.
pub(crate) fn components([returned]: [Returned; 1]) -> Answer<Vec<Component>> {
    let hook = Hook::GetComponents;
    if returned == Returned::Nil {
        return Ok(Vec::new());
    }
    let text = list(hook, returned)?;
    let components: Vec<Option<ReadComponent<'_>>> = parse(&text).map_err(|error| unread(hook, &error))?;
    Ok(components
        .into_iter()
        .map(Option::unwrap_or_default)
        .map(|ReadComponent { name, replicas: Int(replicas), replica_requirements }| Component {
            name: name.as_str().to_owned(),
            replicas,
            requirements: replica_requirements.map(|read| {
                let namespace = Text::default();
                write(&Requirements { namespace, ..Requirements::from(read) })
            }),
        })
        .collect())
}

/// GetDependencies: a list, which is put in order; what is in it twice is there once.
pub(crate) fn dependencies([returned]: [Returned; 1]) -> Answer<Vec<Dependent>> {
    let hook = Hook::GetDependencies;
    let text = list(hook, returned)?;
    let read: Vec<Option<ReadDependent<'_>>> = parse(&text).map_err(|error| unread(hook, &error))?;
    let mut dependents = Vec::with_capacity(read.len());
    for (index, dependent) in read.into_iter().map(Option::unwrap_or_default).enumerate() {
        let place = format!("[{index}]");
        let refused = |field: &str, message: &str| {
            let separator = if field.is_empty() { "" } else { "." };
            wrong(hook, &format!("returns what is no dependency: {place}{separator}{field} {message}"))
        };
        let selector = dependent.label_selector.filter(|selector| !selector.is_null());
        if dependent.api_version.is_empty() {
            return Err(refused("apiVersion", "is missing"));
        }
        if dependent.kind.is_empty() {
            return Err(refused("kind", "is missing"));
        }
        if dependent.name.is_empty() && selector.is_none() {
            return Err(refused("", "has neither a name nor a labelSelector"));
        }
        if let Some(selector) = selector {
            let read: LabelSelector<'_> = parse(selector.text())
                .map_err(|error| refused("labelSelector", &format!("is wrong: {error}")))?;
            if let Some((field, message)) = read.wrong() {
                return Err(refused(&format!("labelSelector.{field}"), &message));
            }
        }
        dependents.push(Dependent {
            api_version: dependent.api_version.as_str().to_owned(),
            kind: dependent.kind.as_str().to_owned(),
            namespace: dependent.namespace.as_str().to_owned(),
            name: dependent.name.as_str().to_owned(),
            label_selector: selector.map(|selector| selector.text().to_owned()),
        });
    }
    let key = |dependent: &Dependent| {
        let Dependent { api_version, kind, namespace, name, label_selector } = dependent.clone();
        (api_version, kind, namespace, name, label_selector)
    };
    dependents.sort_by_cached_key(key);
    dependents.dedup_by_key(|dependent| key(dependent));
    Ok(dependents)
}

/// InterpretHealth: a boolean.
pub(crate) fn health([returned]: [Returned; 1]) -> Answer<bool> {
    match returned {
        Returned::Boolean(healthy) => Ok(healthy),
        other => {
            let message = format!("returns a {} instead of a boolean", other.type_name());
            Err(wrong(Hook::InterpretHealth, &message))
        }
    }
}

/// ReflectStatus: a table.
pub(crate) fn status([returned]: [Returned; 1]) -> Answer<wire::Json> {
    table(Hook::ReflectStatus, returned).map(|status| settled_object(status, &[]).to_string())
}

/// The other functions: a whole object. What is empty in it was so in one of the `references`.
pub(crate) fn object(hook: Hook, [returned]: [Returned; 1], references: &[&Value]) -> Answer<Value> {
    let object = settled_object(table(hook, returned)?, references);
    match object.get("kind") {
        Some(Value::String(kind)) if !kind.is_empty() => Ok(object),
        _ => Err(wrong(hook, "returns what is no Kubernetes object: it has no kind")),
    }
}

fn list(hook: Hook, returned: Returned) -> Answer<String> {
    match table(hook, returned)? {
        Value::Array(items) if items.is_empty() => Ok("[]".to_owned()),
        list @ Value::Array(_) => Ok(Empties::of(&[]).settle(list).to_string()),
        _ => Err(wrong(hook, "returns a table of names instead of a list")),
    }
}

fn table(hook: Hook, returned: Returned) -> Answer<Value> {
    match returned {
        Returned::Table(table) => Ok(table),
        other => Err(wrong(hook, &format!("returns a {} instead of a table", other.type_name()))),
    }
}

fn settled_object(table: Value, references: &[&Value]) -> Value {
    match table {
        Value::Array(items) if items.is_empty() => Value::Object(serde_json::Map::new()),
        table => Empties::of(references).settle(table),
    }
}

#[cold]
fn unread(hook: Hook, error: &Rejection) -> Rejection {
    wrong(hook, &format!("returns what can't be read: {error}"))
}

#[cold]
fn wrong(hook: Hook, message: &str) -> Rejection {
    Rejection::new(hook.field(), format!("{} {message}", hook.function()))
}
