//! What is done with objects: one module for each verb, and what they share.

pub(crate) mod admit;
pub(crate) mod certificates;
pub(crate) mod commit;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod field;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod namespaces;
pub(crate) mod patch;
pub(crate) mod pods;
pub(crate) mod put;
pub(crate) mod scale;
pub(crate) mod selection;
pub(crate) mod shape;
pub(crate) mod tokens;
pub(crate) mod update;
pub(crate) mod watch;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::catalogue::Resource;
use crate::identity::User;
use crate::request::options::Query;
use crate::request::representation::Accept;
use crate::request::target::ResourcePath;
use crate::response::Body;
use crate::state::State;
use crate::status::ApiError;
use crate::store::{Key, Stored};
use crate::turn::Turn;

/// One request for a resource, checked as far as that goes without knowing the verb.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) turn: Turn,
    pub(crate) user: User,
    pub(crate) resource: Arc<Resource>,
    pub(crate) path: ResourcePath,
    pub(crate) query: Query,
    pub(crate) accept: Accept,
    pub(crate) content_type: Option<String>,
    pub(crate) user_agent: String,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn key(&self, name: &str) -> Key {
        Key::new(Arc::clone(&self.resource.store), self.namespace(), name)
    }

    /// The same caller's call for another path.
    pub(crate) fn elsewhere(&self, resource: Arc<Resource>, path: ResourcePath, body: Bytes) -> Call {
        Call {
            state: Arc::clone(&self.state),
            turn: self.turn.clone(),
            user: self.user.clone(),
            resource,
            path,
            query: self.query.clone(),
            accept: self.accept,
            content_type: self.content_type.clone(),
            user_agent: self.user_agent.clone(),
            body,
        }
    }

    /// Empty for cluster-scoped resources, though namespaces are asked for inside of themselves.
    pub(crate) fn namespace(&self) -> &str {
        if self.resource.kind.namespaced { &self.path.namespace } else { "" }
    }

    /// The object that the path names.
    ///
    /// # Errors
    /// 404
    pub(crate) fn stored(&self) -> Result<Arc<Stored>, ApiError> {
        let name = &self.path.name;
        self.state.store.get(&self.key(name)).ok_or_else(|| self.not_found(name))
    }

    pub(crate) fn exists(&self) -> bool {
        self.state.store.get(&self.key(&self.path.name)).is_some()
    }

    /// 409 for a uid that was asked for where there is no object.
    pub(crate) fn lacks_uid(&self, uid: &str) -> ApiError {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: ");
        ApiError::conflict(self.resource.group(), self.resource.plural(), &self.path.name, &why)
    }

    pub(crate) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(self.resource.group(), self.resource.plural(), name)
    }
}

/// GET of one object.
pub(crate) fn get(call: &Call) -> Result<Response<Body>, ApiError> {
    let wanted = crate::request::options::ListOptions::parse(&call.query)?.resource_version.unwrap_or(0);
    let current = call.state.store.revision();
    if wanted > current {
        return Err(ApiError::future_revision(wanted, current));
    }
    shape::one(call, 200, &call.stored()?.json)
}
