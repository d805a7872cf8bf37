//! RBAC: Role, ClusterRole and their bindings, as they are stored, evaluated.
//!
//! The rules are read once and again only after one of the four resources changed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use windlass_schema::LabelSelector;

use super::User;
use super::authorize::Attributes;
use crate::catalogue::store_name;
use crate::store::{Snapshot, Store, Watch};

const GROUP: &str = "rbac.authorization.k8s.io";
const RESOURCES: [&str; 4] = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];

/// rbac.authorization.k8s.io/v1 PolicyRule
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) api_groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub(crate) non_resource_urls: Vec<String>,
}

impl Rule {
    fn allows(&self, asked: &Attributes) -> bool {
        let holds = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
        if !holds(&self.verbs, &asked.verb) {
            return false;
        }
        if !asked.path.is_empty() {
            return self.non_resource_urls.iter().any(|url| match url.strip_suffix('*') {
                Some(prefix) => asked.path.starts_with(prefix),
                None => *url == asked.path,
            });
        }
        let resource = self.resources.iter().any(|resource| match asked.subresource.as_str() {
            "" => resource == "*" || *resource == asked.resource,
            subresource => {
                resource == "*"
                    || resource.strip_prefix("*/") == Some(subresource)
                    || resource.split_once('/') == Some((&asked.resource, subresource))
            }
        });
        resource
            && holds(&self.api_groups, &asked.group)
            && (self.resource_names.is_empty() || self.resource_names.contains(&asked.name))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    kind: String,
    name: String,
    namespace: String,
}

impl Subject {
    fn is(&self, user: &User) -> bool {
        match self.kind.as_str() {
            "User" => self.name == user.name,
            "Group" => user.groups.contains(&self.name),
            "ServiceAccount" => {
                user.name == format!("system:serviceaccount:{}:{}", self.namespace, self.name)
            }
            _ => false,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoleRef {
    kind: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Binding {
    #[serde(skip)]
    namespace: String,
    subjects: Vec<Subject>,
    role_ref: RoleRef,
}

/// All rules and bindings at one time.
#[derive(Debug, Default)]
struct Rules {
    /// By namespace and name; cluster roles have no namespace.
    roles: HashMap<(String, String), Vec<Rule>>,
    bindings: Vec<Binding>,
}

impl Rules {
    fn read(snapshots: &[Snapshot; 4]) -> Rules {
        let [roles, cluster_roles, bindings, cluster_bindings] = snapshots;
        let mut rules = Rules::default();
        let cluster: Vec<Value> =
            cluster_roles.iter().filter_map(|stored| serde_json::from_slice(&stored.json).ok()).collect();
        for role in &cluster {
            let name = role.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            rules.roles.insert((String::new(), name.to_owned()), aggregated(role, &cluster));
        }
        for stored in roles.iter() {
            let role: Value = serde_json::from_slice(&stored.json).unwrap_or_default();
            rules.roles.insert((stored.key.namespace.to_string(), stored.key.name.to_string()), own(&role));
        }
        for stored in bindings.iter().chain(cluster_bindings.iter()) {
            match serde_json::from_slice::<Binding>(&stored.json) {
                Ok(binding) => {
                    rules.bindings.push(Binding { namespace: stored.key.namespace.to_string(), ..binding });
                }
                Err(error) => tracing::warn!(binding = %stored.key, %error, "a binding is not evaluated"),
            }
        }
        rules
    }

    /// The rules that apply to a user in a namespace; cluster-wide ones included.
    fn of<'a>(&'a self, user: &'a User, namespace: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.bindings
            .iter()
            .filter(move |binding| binding.namespace.is_empty() || binding.namespace == namespace)
            .filter(|binding| binding.subjects.iter().any(|subject| subject.is(user)))
            .filter_map(|binding| {
                let namespace =
                    if binding.role_ref.kind == "Role" { binding.namespace.clone() } else { String::new() };
                self.roles.get(&(namespace, binding.role_ref.name.clone()))
            })
            .flatten()
    }
}

fn own(role: &Value) -> Vec<Rule> {
    role.get("rules").and_then(|rules| Vec::deserialize(rules).ok()).unwrap_or_default()
}

/// A cluster role's rules, with those that its aggregationRule gathers.
fn aggregated(role: &Value, all: &[Value]) -> Vec<Rule> {
    let mut rules = own(role);
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array);
    for selector in
        selectors.into_iter().flatten().filter_map(|selector| LabelSelector::from_object(selector).ok())
    {
        rules.extend(all.iter().filter(|other| selector.matches(other)).flat_map(own));
    }
    rules
}

struct Current {
    watches: Vec<Watch>,
    rules: Arc<Rules>,
}

/// Evaluates the stored rules.
pub(crate) struct Rbac {
    store: Arc<Store>,
    current: Mutex<Option<Current>>,
}

impl Rbac {
    pub(crate) fn new(store: Arc<Store>) -> Rbac {
        Rbac { store, current: Mutex::new(None) }
    }

    fn rules(&self) -> Arc<Rules> {
        let mut current = self.current.lock();
        if let Some(current) = current.as_mut() {
            // Any event, and a log that was overrun, mean that there is something to read again.
            let unchanged = current.watches.iter_mut().all(|watch| matches!(watch.try_next(), Ok(None)));
            if unchanged {
                return Arc::clone(&current.rules);
            }
        }
        let pairs = RESOURCES.map(|plural| self.store.snapshot_and_watch(&store_name(GROUP, plural)));
        let mut watches = Vec::with_capacity(pairs.len());
        let snapshots = pairs.map(|(snapshot, watch)| {
            watches.push(watch);
            snapshot
        });
        let rules = Arc::new(Rules::read(&snapshots));
        *current = Some(Current { watches, rules: Arc::clone(&rules) });
        rules
    }

    pub(crate) fn allows(&self, user: &User, asked: &Attributes) -> bool {
        user.is_master() || self.rules().of(user, &asked.namespace).any(|rule| rule.allows(asked))
    }

    /// All rules that apply to a user in a namespace.
    pub(crate) fn of(&self, user: &User, namespace: &str) -> Vec<Rule> {
        let everything = || vec!["*".to_owned()];
        if user.is_master() {
            let resources = Rule {
                verbs: everything(),
                api_groups: everything(),
                resources: everything(),
                ..Rule::default()
            };
            let paths = Rule { verbs: everything(), non_resource_urls: everything(), ..Rule::default() };
            return vec![resources, paths];
        }
        self.rules().of(user, namespace).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    fn asks(verb: &str, resource: &str, subresource: &str, name: &str) -> Attributes {
        Attributes {
            verb: verb.into(),
            group: "apps".into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn a_rule_allows_what_it_names_and_no_more() {
        let rule = rule(serde_json::json!({"verbs": ["get"], "apiGroups": ["apps"],
            "resources": ["deployments", "*/scale"], "resourceNames": ["a"]}));
        assert!(rule.allows(&asks("get", "deployments", "", "a")));
        assert!(!rule.allows(&asks("get", "deployments", "", "b")));
        assert!(!rule.allows(&asks("list", "deployments", "", "a")));
        assert!(!rule.allows(&asks("get", "deployments", "status", "a")));
        assert!(rule.allows(&asks("get", "statefulsets", "scale", "a")));
    }

    #[test]
    fn paths_match_by_prefix() {
        let rule = rule(serde_json::json!({"verbs": ["*"], "nonResourceURLs": ["/metrics/*"]}));
        let asks = |path: &str| Attributes { verb: "get".into(), path: path.into(), ..Attributes::default() };
        assert!(rule.allows(&asks("/metrics/x")) && !rule.allows(&asks("/logs")));
    }
}
