//! Authorisation: what is asked, and whether the caller may.

use http::Method;

use super::User;
use super::rbac::Rbac;
use crate::request::target::{ResourcePath, Target};
use crate::status::{ApiError, qualified};

/// What a caller wants to do, as RBAC's rules are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// For what is no resource: the path. Empty otherwise.
    pub(crate) path: String,
}

impl Attributes {
    pub(crate) fn of_resource(verb: &str, path: &ResourcePath) -> Attributes {
        Attributes {
            verb: verb.to_owned(),
            group: path.group.clone(),
            resource: path.resource.clone(),
            subresource: path.subresource.clone(),
            namespace: path.namespace.clone(),
            name: path.name.clone(),
            path: String::new(),
        }
    }

    fn of_path(verb: &str, path: &str) -> Attributes {
        Attributes { verb: verb.to_owned(), path: path.to_owned(), ..Attributes::default() }
    }

    /// How a refusal words what was asked.
    fn wording(&self) -> String {
        let resource = match self.subresource.as_str() {
            "" => self.resource.clone(),
            subresource => format!("{}/{subresource}", self.resource),
        };
        let place = match self.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        format!("cannot {} resource {resource:?} in API group {:?} {place}", self.verb, self.group)
    }
}

/// The verb of a request for a resource.
pub(crate) fn verb(method: &Method, path: &ResourcePath, watch: bool) -> &'static str {
    let collection = path.name.is_empty();
    match *method {
        Method::GET | Method::HEAD if collection && watch => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// What anybody at all may read, and what everybody who is known.
fn public(target: &Target) -> bool {
    matches!(target, Target::Version | Target::Health(_))
}

fn for_all_known(target: &Target) -> bool {
    !matches!(target, Target::Resource(_) | Target::Unknown)
}

/// Reviews of oneself are open to all who are known.
fn self_review(path: &ResourcePath) -> bool {
    matches!(
        (path.group.as_str(), path.resource.as_str()),
        ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
            | ("authentication.k8s.io", "selfsubjectreviews")
    )
}

/// # Errors
/// 401 for a caller who is nobody, 403 for one who may not.
pub(crate) fn check(
    rbac: &Rbac,
    user: &User,
    method: &Method,
    path: &str,
    target: &Target,
    watch: bool,
) -> Result<(), ApiError> {
    if public(target) || user.is_master() {
        return Ok(());
    }
    if user.is_anonymous() {
        return Err(ApiError::unauthorized());
    }
    match target {
        Target::Resource(resource) => {
            let asked = Attributes::of_resource(verb(method, resource, watch), resource);
            if self_review(resource) || rbac.allows(user, &asked) {
                return Ok(());
            }
            Err(refusal(user, &asked))
        }
        target if for_all_known(target) => Ok(()),
        _ => {
            let asked = Attributes::of_path(&method.as_str().to_ascii_lowercase(), path);
            if rbac.allows(user, &asked) {
                return Ok(());
            }
            let why = format!("User {:?} cannot {} path {path:?}", user.name, asked.verb);
            Err(ApiError::new(403, "Forbidden", format!("forbidden: {why}")))
        }
    }
}

/// 403 for what was asked of a resource.
pub(crate) fn refusal(user: &User, asked: &Attributes) -> ApiError {
    let named = if asked.name.is_empty() { String::new() } else { format!(" {:?}", asked.name) };
    let message = format!(
        "{}{named} is forbidden: User {:?} {}",
        qualified(&asked.group, &asked.resource),
        user.name,
        asked.wording()
    );
    ApiError::new(403, "Forbidden", message).about(&asked.group, &asked.resource, &asked.name)
}
