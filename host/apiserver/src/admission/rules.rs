//! admissionregistration.k8s.io/v1 RuleWithOperations: which requests a webhook or a policy is about.

use serde::Deserialize;

use super::attributes::{Attributes, Named};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    operations: Vec<String>,
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
    scope: Option<String>,
    /// Policies only: the rule is about these objects alone.
    resource_names: Vec<String>,
}

impl Rule {
    /// Whether the rule is about the request, when that is taken for one on `resource`.
    fn matches(&self, attributes: &Attributes, resource: &Named) -> bool {
        let among = |items: &[String], wanted: &str| items.iter().any(|item| item == "*" || item == wanted);
        let cluster_wide = attributes.is_of_namespace() || attributes.namespace.is_empty();
        let in_scope = match self.scope.as_deref() {
            None | Some("" | "*") => true,
            Some("Namespaced") => !cluster_wide,
            Some("Cluster") => cluster_wide,
            Some(_) => false,
        };
        in_scope
            && among(&self.operations, attributes.operation)
            && among(&self.api_groups, &resource.group)
            && among(&self.api_versions, &resource.version)
            && self.resources.iter().any(|rule| {
                let (name, subresource) = rule.split_once('/').unwrap_or((rule, ""));
                (name == "*" || name == resource.resource)
                    && (subresource == "*" || subresource == attributes.subresource)
            })
            && (self.resource_names.is_empty() || self.resource_names.contains(&attributes.name))
    }
}

/// The version of the resource in which the first rule that is about the request wants it.
pub(crate) fn matched<'a>(rules: &[Rule], equivalent: bool, attributes: &'a Attributes) -> Option<&'a Named> {
    if rules.iter().any(|rule| rule.matches(attributes, &attributes.requested)) {
        return Some(&attributes.requested);
    }
    if !equivalent {
        return None;
    }
    rules.iter().find_map(|rule| attributes.equivalents.iter().find(|named| rule.matches(attributes, named)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::User;

    fn named(version: &str) -> Named {
        Named {
            group: "apps".to_owned(),
            version: version.to_owned(),
            resource: "deployments".to_owned(),
            kind: ("apps".to_owned(), version.to_owned(), "Deployment".to_owned()),
        }
    }

    fn attributes(subresource: &str, namespace: &str) -> Attributes {
        Attributes {
            operation: "CREATE",
            requested: named("v1"),
            equivalents: vec![named("v1beta1")],
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: "a".to_owned(),
            user: User::new("ann", []),
            dry_run: false,
            options: Value::Null,
            namespace_labels: None,
        }
    }

    fn check(change: Value, subresource: &str, namespace: &str, expected: Option<&str>) {
        let mut rule = json!({"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"],
            "resources": ["deployments"], "scope": "*"});
        for (name, value) in change.as_object().unwrap() {
            rule[name] = value.clone();
        }
        let rules = [serde_json::from_value::<Rule>(rule).unwrap()];
        let attributes = attributes(subresource, namespace);
        let found = matched(&rules, true, &attributes).map(|named| named.version.as_str());
        assert_eq!(found, expected, "{change}");
    }

    #[test]
    fn a_rule_is_about_what_it_names_and_no_more() {
        check(json!({}), "", "default", Some("v1"));
        check(json!({}), "status", "default", None);
        check(json!({"resources": ["deployments/status"]}), "status", "default", Some("v1"));
        check(json!({"resources": ["*/status"]}), "status", "default", Some("v1"));
        check(json!({"resources": ["*/*"]}), "scale", "default", Some("v1"));
        check(json!({"resources": ["*"]}), "status", "default", None);
        check(json!({"operations": ["UPDATE", "DELETE"]}), "", "default", None);
        check(
            json!({"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"]}),
            "",
            "default",
            Some("v1"),
        );
        check(json!({"apiGroups": [""]}), "", "default", None);
        check(json!({"scope": "Cluster"}), "", "default", None);
        check(json!({"scope": "Namespaced"}), "", "", None);
        check(json!({"scope": "Cluster"}), "", "", Some("v1"));
        check(json!({"resourceNames": ["b"]}), "", "default", None);
    }

    #[test]
    fn an_equivalent_version_is_sent_where_only_that_is_named() {
        check(json!({"apiVersions": ["v1beta1"]}), "", "default", Some("v1beta1"));
        check(json!({"apiVersions": ["v2"]}), "", "default", None);
    }
}
