//! The review resources: created, answered, never stored.

use serde_json::{Value, json};

use super::User;
use super::authorize::Attributes;
use super::service_accounts::ISSUER;
use crate::state::State;
use crate::status::ApiError;

/// The one version of all reviews.
pub(crate) const VERSION: &str = "v1";

/// One kind of review.
pub(crate) struct Review {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
}

const fn review(group: &'static str, plural: &'static str, kind: &'static str) -> Review {
    Review { group, plural, kind }
}

/// The reviews that are answered, each group's together.
pub(crate) const REVIEWS: [Review; 6] = [
    review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    review("authentication.k8s.io", "tokenreviews", "TokenReview"),
    review("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview"),
    review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
];

/// The review that creating the resource asks for; `None` where it stores an object.
pub(crate) fn find(group: &str, plural: &str) -> Option<&'static Review> {
    REVIEWS.iter().find(|review| (review.group, review.plural) == (group, plural))
}

/// The review with its status.
///
/// # Errors
/// 422 where the spec does not say what is asked.
pub(crate) fn answer(state: &State, user: &User, plural: &str, mut review: Value) -> Result<Value, ApiError> {
    let spec = review.get("spec").cloned().unwrap_or_default();
    let status = match plural {
        "selfsubjectreviews" => json!({"userInfo": user.info()}),
        "tokenreviews" => token(state, &spec),
        "selfsubjectaccessreviews" => access(state, user, &spec)?,
        "selfsubjectrulesreviews" => rules(state, user, &spec),
        _ => {
            let name = spec["user"].as_str().unwrap_or_default();
            let groups = spec["groups"].as_array().into_iter().flatten();
            let groups: Vec<String> =
                groups.filter_map(|group| group.as_str().map(ToOwned::to_owned)).collect();
            if name.is_empty() && groups.is_empty() {
                return Err(ApiError::new(
                    422,
                    "Invalid",
                    "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group must be specified",
                ));
            }
            access(state, &User { name: name.to_owned(), groups, ..User::default() }, &spec)?
        }
    };
    review["status"] = status;
    Ok(review)
}

fn token(state: &State, spec: &Value) -> Value {
    let asked = spec["audiences"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut audiences: Vec<String> = asked.map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    match state.token_owner(spec["token"].as_str().unwrap_or_default(), &audiences) {
        Some((user, audiences)) => {
            json!({"authenticated": true, "user": user.info(), "audiences": audiences})
        }
        None => json!({"authenticated": false, "user": {}, "error": "the token is not known"}),
    }
}

fn access(state: &State, user: &User, spec: &Value) -> Result<Value, ApiError> {
    let text = |part: &Value, key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let asked = match (spec.get("resourceAttributes"), spec.get("nonResourceAttributes")) {
        (Some(resource), None) => Attributes {
            verb: text(resource, "verb"),
            group: text(resource, "group"),
            resource: text(resource, "resource"),
            subresource: text(resource, "subresource"),
            namespace: text(resource, "namespace"),
            name: text(resource, "name"),
            path: String::new(),
        },
        (None, Some(path)) => {
            Attributes { verb: text(path, "verb"), path: text(path, "path"), ..Attributes::default() }
        }
        _ => {
            return Err(ApiError::new(
                422,
                "Invalid",
                "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified",
            ));
        }
    };
    let allowed = state.rbac.allows(user, &asked);
    Ok(if allowed {
        json!({"allowed": true})
    } else {
        json!({"allowed": false, "reason": "no RBAC rule allows it"})
    })
}

fn rules(state: &State, user: &User, spec: &Value) -> Value {
    let rules = state.rbac.of(user, spec["namespace"].as_str().unwrap_or_default());
    let (paths, resources): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|rule| !rule.non_resource_urls.is_empty());
    let resources: Vec<Value> = resources
        .into_iter()
        .map(|rule| {
            let mut listed =
                json!({"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources});
            if !rule.resource_names.is_empty() {
                listed["resourceNames"] = json!(rule.resource_names);
            }
            listed
        })
        .collect();
    let paths: Vec<Value> = paths
        .into_iter()
        .map(|rule| json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls}))
        .collect();
    json!({"incomplete": false, "resourceRules": resources, "nonResourceRules": paths})
}
