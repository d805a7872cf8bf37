//! Which resource serves a kind: asked of API discovery once, kept until a CustomResourceDefinition changes.

use std::collections::HashMap;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{self, Scope};
use parking_lot::RwLock;
use windlass_core::Gvk;

use crate::error::{Error, is_not_found};

/// How a kind is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    /// Whether it has a status subresource.
    pub(crate) status: bool,
}

impl Served {
    /// The API for objects of the kind in `namespace`, or for cluster-scoped ones.
    pub(crate) fn api(&self, client: &kube::Client, namespace: &str) -> Api<DynamicObject> {
        if self.namespaced && !namespace.is_empty() {
            Api::namespaced_with(client.clone(), namespace, &self.resource)
        } else {
            Api::all_with(client.clone(), &self.resource)
        }
    }
}

/// What API discovery has said so far.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    known: RwLock<HashMap<Gvk, Served>>,
}

impl Resources {
    /// How `gvk` is served by the control plane.
    ///
    /// # Errors
    /// [`Error::NotServed`], or discovery failed.
    pub(crate) async fn find(&self, client: &kube::Client, gvk: &Gvk) -> Result<Served, Error> {
        if let Some(served) = self.known.read().get(gvk) {
            return Ok(served.clone());
        }
        let wanted = GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind);
        let (resource, capabilities) =
            discovery::pinned_kind(client, &wanted).await.map_err(|error| not_served(error, gvk))?;
        let status = capabilities.subresources.iter().any(|(sub, _)| sub.plural == "status");
        let served = Served { resource, namespaced: capabilities.scope == Scope::Namespaced, status };
        self.known.write().insert(gvk.clone(), served.clone());
        Ok(served)
    }

    /// How `gvk` is served, if that has been asked before.
    pub(crate) fn known(&self, gvk: &Gvk) -> Option<Served> {
        self.known.read().get(gvk).cloned()
    }

    /// Forgets a group: its kinds may be served otherwise from now on.
    pub(crate) fn forget_group(&self, group: &str) {
        self.known.write().retain(|gvk, _| gvk.group != group);
    }
}

fn not_served(error: kube::Error, gvk: &Gvk) -> Error {
    match error {
        kube::Error::Discovery(_) => Error::NotServed(gvk.clone()),
        error if is_not_found(&error) => Error::NotServed(gvk.clone()),
        error => error.into(),
    }
}
