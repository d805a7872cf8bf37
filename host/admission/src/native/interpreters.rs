//! ResourceInterpreterCustomization and ResourceInterpreterWebhookConfiguration.

use std::collections::BTreeSet;

use axum::http::Uri;
use windlass_api::config::{
    ResourceInterpreterCustomizationSpec, ResourceInterpreterWebhook, RuleWithOperations,
};
use windlass_core::AdmissionRequest;

use super::read;
use crate::causes::{Causes, quoted};
use crate::interpret::OPERATIONS;
use crate::syntax::{dns_1035_label, dns_subdomain};

/// Scripts are compiled where they run; here they have to be there.
pub(super) fn validate_customization(request: &AdmissionRequest, causes: &mut Causes) {
    let Some(spec) = read::<ResourceInterpreterCustomizationSpec>(&request.object, "spec", causes) else {
        return;
    };
    for (field, value) in [("apiVersion", &spec.target.api_version), ("kind", &spec.target.kind)] {
        if value.is_empty() {
            causes.required(format!("spec.target.{field}"), "");
        }
    }
    let rules = &spec.customizations;
    for (field, rule) in [
        ("retention", &rules.retention),
        ("replicaResource", &rules.replica_resource),
        ("componentResource", &rules.component_resource),
        ("replicaRevision", &rules.replica_revision),
        ("statusReflection", &rules.status_reflection),
        ("statusAggregation", &rules.status_aggregation),
        ("healthInterpretation", &rules.health_interpretation),
        ("dependencyInterpretation", &rules.dependency_interpretation),
    ] {
        if rule.as_ref().is_some_and(|rule| rule.lua_script.trim().is_empty()) {
            causes.required(format!("spec.customizations.{field}.luaScript"), "a rule is its script");
        }
    }
}

pub(super) fn validate_webhooks(request: &AdmissionRequest, causes: &mut Causes) {
    let Some(webhooks) = read::<Vec<ResourceInterpreterWebhook>>(&request.object, "webhooks", causes) else {
        return;
    };
    let mut names = BTreeSet::new();
    for (index, webhook) in webhooks.iter().enumerate() {
        let at = format!("webhooks[{index}]");
        validate_webhook(webhook, &at, causes);
        if !names.insert(webhook.name.as_str()) {
            causes.duplicate(format!("{at}.name"), quoted(&webhook.name));
        }
    }
}

fn validate_webhook(webhook: &ResourceInterpreterWebhook, at: &str, causes: &mut Causes) {
    if let Some(why) = dns_subdomain(&webhook.name) {
        causes.invalid(format!("{at}.name"), quoted(&webhook.name), why);
    } else if webhook.name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        causes.invalid(format!("{at}.name"), quoted(&webhook.name), why);
    }
    for (index, rule) in webhook.rules.iter().enumerate() {
        validate_rule(rule, &format!("{at}.rules[{index}]"), causes);
    }
    if let Some(seconds) = webhook.timeout_seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        causes.invalid(format!("{at}.timeoutSeconds"), seconds, why);
    }
    let client = &webhook.client_config;
    match (&client.url, &client.service) {
        (Some(url), None) => {
            if let Some(why) = wrong_url(url) {
                causes.invalid(format!("{at}.clientConfig.url"), quoted(url), why);
            }
        }
        (None, Some(service)) => {
            for (field, value) in [("namespace", &service.namespace), ("name", &service.name)] {
                if value.is_empty() {
                    causes.required(format!("{at}.clientConfig.service.{field}"), "");
                }
            }
            if let Some(port) = service.port.filter(|port| !(1..=65535).contains(port)) {
                causes.invalid(
                    format!("{at}.clientConfig.service.port"),
                    port,
                    "port must be between 1 and 65535",
                );
            }
            if let Some((path, why)) = service.path.as_ref().and_then(|path| Some((path, wrong_path(path)?)))
            {
                causes.invalid(format!("{at}.clientConfig.service.path"), quoted(path), why);
            }
        }
        _ => causes.required(format!("{at}.clientConfig"), "exactly one of url or service is required"),
    }
    let versions = &webhook.interpreter_context_versions;
    let field = format!("{at}.interpreterContextVersions");
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        if !seen.insert(version) {
            causes.invalid(format!("{field}[{index}]"), quoted(version), "duplicate version");
        } else if let Some(why) = dns_1035_label(version) {
            causes.invalid(format!("{field}[{index}]"), quoted(version), why);
        }
    }
    if versions.is_empty() {
        causes.required(field, "must specify one of v1alpha1");
    } else if !versions.iter().any(|version| version == "v1alpha1") {
        causes.invalid(field, quoted(&versions.join(",")), "must include at least one of v1alpha1");
    }
}

/// Why a webhook can't be reached by `url`; `None` if it can.
fn wrong_url(url: &str) -> Option<&'static str> {
    const FORM: &str = "want https://host[:port]/path without user, query and fragment";
    let parsed: Option<Uri> = url.parse().ok();
    let good = parsed.is_some_and(|uri| {
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty())
    });
    (!good || url.contains(['@', '#', '?'])).then_some(FORM)
}

/// Why a Service has no such path; `None` if it may have it.
fn wrong_path(path: &str) -> Option<String> {
    if matches!(path, "" | "/") {
        return None;
    }
    let Some(rest) = path.strip_prefix('/') else { return Some("must start with a '/'".to_owned()) };
    let segments = rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate();
    segments.into_iter().find_map(|(index, segment)| {
        if segment.is_empty() {
            return Some(format!("segment[{index}] may not be empty"));
        }
        dns_subdomain(segment).map(|why| format!("segment[{index}]: {why}"))
    })
}

fn validate_rule(rule: &RuleWithOperations, at: &str, causes: &mut Causes) {
    let lists = [
        ("operations", &rule.operations),
        ("apiGroups", &rule.api_groups),
        ("apiVersions", &rule.api_versions),
        ("kinds", &rule.kinds),
    ];
    for (field, list) in lists {
        if list.is_empty() {
            causes.required(format!("{at}.{field}"), "");
        }
        if list.len() > 1 && list.iter().any(|entry| entry == "*") {
            let why = format!("if '*' is present, must not specify other {field}");
            causes.invalid(format!("{at}.{field}"), quoted(&list.join(",")), why);
        }
        for (index, entry) in list.iter().enumerate() {
            // The core group is the empty one.
            if entry.is_empty() && field != "apiGroups" {
                causes.required(format!("{at}.{field}[{index}]"), "");
            }
        }
    }
    for (index, operation) in
        rule.operations.iter().enumerate().filter(|(_, operation)| !operation.is_empty())
    {
        // State is preserved and restored by plugins alone: Karmada's protocol has no question for it.
        let known = operation == "*" || OPERATIONS.iter().any(|known| known.name() == operation);
        if !known {
            let names: Vec<_> =
                std::iter::once("*").chain(OPERATIONS.iter().map(|known| known.name())).collect();
            causes.unsupported(format!("{at}.operations[{index}]"), quoted(operation), &names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use serde_json::{Value, json};

    fn webhook(change: impl Fn(&mut Value)) -> Value {
        let mut webhook = json!({"name": "workloads.example.com", "clientConfig": {"url": "https://localhost:8443/interpreter"},
            "rules": [{"operations": ["InterpretReplica"], "apiGroups": [""], "apiVersions": ["v1"], "kinds": ["Pod"]}],
            "interpreterContextVersions": ["v1alpha1"]});
        change(&mut webhook);
        webhook
    }

    #[test]
    fn webhooks_are_refused_by_field() {
        let bad_rule = json!({"operations": ["*", "PreserveState"], "apiGroups": [], "apiVersions": [""], "kinds": ["*"]});
        for (change, want) in [
            (json!({}), vec![]),
            (json!({"name": "short"}), vec!["webhooks[0].name"]),
            (json!({"timeoutSeconds": 31}), vec!["webhooks[0].timeoutSeconds"]),
            (json!({"clientConfig": {}}), vec!["webhooks[0].clientConfig"]),
            (json!({"clientConfig": {"url": "http://a"}}), vec!["webhooks[0].clientConfig.url"]),
            (json!({"clientConfig": {"url": "https:///a"}}), vec!["webhooks[0].clientConfig.url"]),
            (json!({"clientConfig": {"url": "https://me@a/b"}}), vec!["webhooks[0].clientConfig.url"]),
            (json!({"clientConfig": {"url": "https://a/b?c"}}), vec!["webhooks[0].clientConfig.url"]),
            (
                json!({"clientConfig": {"service": {"namespace": "a", "name": "b", "path": "/c//d"}}}),
                vec!["webhooks[0].clientConfig.service.path"],
            ),
            (
                json!({"clientConfig": {"service": {"namespace": "a", "name": "b", "path": "/c/d.e/"}}}),
                vec![],
            ),
            (
                json!({"clientConfig": {"service": {"namespace": "a", "name": "", "port": 0, "path": "x"}}}),
                vec![
                    "webhooks[0].clientConfig.service.name",
                    "webhooks[0].clientConfig.service.port",
                    "webhooks[0].clientConfig.service.path",
                ],
            ),
            (json!({"interpreterContextVersions": []}), vec!["webhooks[0].interpreterContextVersions"]),
            (json!({"interpreterContextVersions": ["v2"]}), vec!["webhooks[0].interpreterContextVersions"]),
            (
                json!({"rules": [bad_rule]}),
                vec![
                    "webhooks[0].rules[0].operations",
                    "webhooks[0].rules[0].apiGroups",
                    "webhooks[0].rules[0].apiVersions[0]",
                    "webhooks[0].rules[0].operations[1]",
                ],
            ),
        ] {
            let one = webhook(|webhook| {
                for (key, value) in change.as_object().unwrap() {
                    webhook[key] = value.clone();
                }
            });
            let object = json!({"webhooks": [one]});
            check(&create("config.karmada.io", "resourceinterpreterwebhookconfigurations", object), &want);
        }
        let twice = json!({"webhooks": [webhook(|_| ()), webhook(|_| ())]});
        check(
            &create("config.karmada.io", "resourceinterpreterwebhookconfigurations", twice),
            &["webhooks[1].name"],
        );
    }

    #[test]
    fn a_customization_names_its_kind_and_holds_its_scripts() {
        let object = json!({"spec": {"target": {"apiVersion": "", "kind": "A"},
            "customizations": {"retention": {"luaScript": " "}}}});
        check(
            &create("config.karmada.io", "resourceinterpretercustomizations", object),
            &["spec.target.apiVersion", "spec.customizations.retention.luaScript"],
        );
    }
}
