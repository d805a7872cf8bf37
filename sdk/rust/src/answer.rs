//! What functions of a plugin answer with.

use std::fmt;

use serde::Serialize;

use crate::json::{Entries, Json, Text};
use crate::kubernetes::{NodeClaim, PodTemplate, ResourceList, pod_requirements};

/// An answer, or why there is none.
pub type Answer<T> = Result<T, Rejection>;

/// The plugin looked at the object and can't answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `spec.taskManager.replicas`; empty where no single field is to blame.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Rejection {
    /// The rejection of `field`.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> Rejection {
        Rejection { field: field.into(), message: message.to_string() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejection { field, message } = self;
        if field.is_empty() { f.write_str(message) } else { write!(f, "{field}: {message}") }
    }
}

impl std::error::Error for Rejection {}

/// How many replicas a workload wants, and what each of them requires.
#[derive(Clone, Debug, Default)]
pub struct Replicas<'a> {
    /// How many pods.
    pub replicas: i32,
    /// What each of them requires; `None` where it is nothing in particular.
    pub requirements: Option<Requirements<'a>>,
}

impl<'a> Replicas<'a> {
    /// The component that a workload is which has no parts. There is nothing in it to name that after, so it has the
    /// workload's kind, in lower case: `deployment`.
    ///
    /// The host places a workload of one component by its replicas where these are interpreted too.
    pub fn component(self, kind: &str) -> Vec<Component<'a>> {
        let Replicas { replicas, requirements } = self;
        // Karmada's components have no namespace.
        let requirements = requirements.map(|it| Requirements { namespace: Text::default(), ..it });
        vec![Component { name: kind.to_ascii_lowercase().into(), replicas, requirements }]
    }
}

/// One pod template of a workload that has several.
#[derive(Clone, Debug, Default)]
pub struct Component<'a> {
    /// `taskmanager`: unique in its workload, at most 32 characters.
    pub name: Text<'a>,
    /// How many pods.
    pub replicas: i32,
    /// The namespace in it is not looked at: Karmada's components have none.
    pub requirements: Option<Requirements<'a>>,
}

impl<'a> Component<'a> {
    /// The component of `replicas` pods that are made from `template`.
    pub fn of_pods(name: impl Into<Text<'a>>, replicas: i32, template: &PodTemplate<'a>) -> Component<'a> {
        let requirements = pod_requirements(template).map(Requirements::reread);
        Component { name: name.into(), replicas, requirements }
    }
}

impl Requirements<'_> {
    /// With the amounts as they are after they have been written and read again, which is how Karmada's scripts answer:
    /// 1000000000 bytes that were counted in powers of 1024 are 1G then.
    #[must_use]
    pub fn reread(mut self) -> Self {
        self.resource_request = self.resource_request.reread();
        self
    }
}

/// What one replica requires of the node that it runs on: work.karmada.io/v1alpha2 ReplicaRequirements.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements<'a> {
    /// Which nodes it may run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_claim: Option<NodeClaim<'a>>,
    /// How much of each resource it requests.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub resource_request: ResourceList<'a>,
    /// The namespace whose quotas count it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: Text<'a>,
    /// The class whose quotas count it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub priority_class_name: Text<'a>,
}

/// An object that must travel with another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependent {
    /// `v1`, `apps/v1`.
    pub api_version: &'static str,
    /// `Secret`.
    pub kind: &'static str,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// Empty where `label_selector` tells which objects are meant.
    pub name: String,
    /// Equalities; empty where `name` tells which object is meant.
    pub match_labels: Entries<'static, String>,
}

/// Changes to an object.
#[derive(Clone, Debug, Default)]
pub struct Changes(pub(crate) Vec<Change>);

/// One change: the value at a JSON pointer, `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) value: Option<String>,
}

impl Changes {
    /// The object stays as it is.
    pub const fn none() -> Changes {
        Changes(Vec::new())
    }

    /// Sets the value at the JSON pointer `path` (`/spec/replicas`), making its parents where they are missing.
    #[must_use]
    pub fn set(mut self, path: impl Into<String>, value: impl Serialize) -> Changes {
        self.0.push(Change { path: path.into(), value: Some(crate::json::write(&value)) });
        self
    }

    /// Removes what is at `path`, if anything is.
    #[must_use]
    pub fn remove(mut self, path: impl Into<String>) -> Changes {
        self.0.push(Change { path: path.into(), value: None });
        self
    }

    /// Sets the value at `path`, or removes it where there is none.
    #[must_use]
    pub fn set_option(self, path: impl Into<String>, value: Option<impl Serialize>) -> Changes {
        match value {
            Some(value) => self.set(path, value),
            None => self.remove(path),
        }
    }

    /// Sets the value at `path`, or removes it where it is null.
    #[must_use]
    pub fn set_or_remove(self, path: impl Into<String>, value: Json<'_>) -> Changes {
        if value.is_null() { self.remove(path) } else { self.set(path, value) }
    }

    /// Sets the value at `path`, unless it is null.
    #[must_use]
    pub fn set_if_given(self, path: impl Into<String>, value: Json<'_>) -> Changes {
        if value.is_null() { self } else { self.set(path, value) }
    }

    /// Makes the `further` changes after these.
    #[must_use]
    pub fn and(mut self, further: Changes) -> Changes {
        self.0.extend(further.0);
        self
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
