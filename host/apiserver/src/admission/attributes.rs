//! What a request is about, as rules, selectors, conditions and reviews look at it.

use serde_json::{Map, Value, json};

use crate::identity::User;
use crate::status::ApiError;

/// A resource at one version, and the kind of what is sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    /// Group, version and kind.
    pub(crate) kind: (String, String, String),
}

impl Named {
    fn kind_json(&self) -> Value {
        let (group, version, kind) = &self.kind;
        json!({"group": group, "version": version, "kind": kind})
    }

    fn resource_json(&self) -> Value {
        json!({"group": self.group, "version": self.version, "resource": self.resource})
    }
}

/// A request but for its objects.
pub(crate) struct Attributes {
    /// `CREATE`, `UPDATE`, `DELETE`
    pub(crate) operation: &'static str,
    /// As the client asked.
    pub(crate) requested: Named,
    /// The same resource in its other versions.
    pub(crate) equivalents: Vec<Named>,
    /// Empty for the object itself.
    pub(crate) subresource: String,
    /// Of a namespace itself, its name, but for its creation.
    pub(crate) namespace: String,
    /// Empty where it is yet to be generated.
    pub(crate) name: String,
    pub(crate) user: User,
    pub(crate) dry_run: bool,
    /// meta.k8s.io/v1 CreateOptions and the like.
    pub(crate) options: Value,
    /// The labels of the namespace; `None` where the request is in none, or it doesn't exist.
    pub(crate) namespace_labels: Option<Value>,
}

/// A request's objects in one version; `Null` where there is none.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) object: Value,
    pub(crate) old: Value,
}

/// The objects of a request, as they are asked about.
pub(crate) trait Subject: Send + Sync {
    /// In the version that the client asked for.
    fn as_requested(&self) -> &Review;
    /// # Errors
    /// They can't be converted.
    fn in_version(&self, named: &Named) -> Result<Review, ApiError>;
    /// Takes over the object of a version, completed as any object that comes in. Says whether it differs.
    ///
    /// # Errors
    /// It is no object of its kind, or not the same one.
    fn take(&mut self, named: &Named, object: Value) -> Result<bool, ApiError>;
}

impl Attributes {
    /// Whether users' admission is asked about it. What configures admission is never in its power: a webhook that
    /// fails could not be removed.
    pub(crate) fn is_exempt(&self) -> bool {
        const EXEMPT: [&str; 6] = [
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ];
        self.requested.group == "admissionregistration.k8s.io"
            && EXEMPT.contains(&self.requested.resource.as_str())
    }

    pub(crate) fn is_of_namespace(&self) -> bool {
        self.requested.resource == "namespaces" && self.requested.group.is_empty()
    }

    /// admission.k8s.io AdmissionRequest without uid and objects, for the version that `matched` names.
    pub(crate) fn request(&self, matched: &Named) -> Map<String, Value> {
        let mut request = Map::new();
        request.insert("kind".to_owned(), matched.kind_json());
        request.insert("resource".to_owned(), matched.resource_json());
        request.insert("requestKind".to_owned(), self.requested.kind_json());
        request.insert("requestResource".to_owned(), self.requested.resource_json());
        for (name, value) in [
            ("subResource", &self.subresource),
            ("requestSubResource", &self.subresource),
            ("name", &self.name),
            ("namespace", &self.namespace),
        ] {
            if !value.is_empty() {
                request.insert(name.to_owned(), json!(value));
            }
        }
        request.insert("operation".to_owned(), json!(self.operation));
        request.insert("userInfo".to_owned(), self.user.info());
        request.insert("dryRun".to_owned(), json!(self.dry_run));
        request.insert("options".to_owned(), self.options.clone());
        request
    }
}
