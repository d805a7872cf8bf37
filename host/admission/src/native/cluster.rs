//! Cluster.

use std::collections::BTreeSet;

use serde_json::Value;
use windlass_api::cluster::{ClusterSpec, LocalSecretReference, ResourceModel};
use windlass_api::quantity::Quantity;
use windlass_core::AdmissionRequest;

use super::read;
use crate::causes::{Causes, quoted};
use crate::syntax::{cluster_name, label_value, qualified_name};

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    let name = request.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if let Some(why) = cluster_name(name) {
        causes.invalid("metadata.name", quoted(name), why);
    }
    let Some(spec) = read::<ClusterSpec>(&request.object, "spec", causes) else { return };
    if !spec.api_endpoint.is_empty() {
        api_endpoint(&spec.api_endpoint, causes);
    }
    secret("spec.secretRef", spec.secret_ref.as_ref(), causes);
    secret("spec.impersonatorSecretRef", spec.impersonator_secret_ref.as_ref(), causes);
    let schemes = ["http://", "https://", "socks5://"];
    if !spec.proxy_url.is_empty() && !schemes.iter().any(|scheme| spec.proxy_url.starts_with(scheme)) {
        let why = "unsupported scheme, must be http, https, or socks5";
        causes.invalid("spec.proxyURL", quoted(&spec.proxy_url), why);
    }
    if !spec.zone.is_empty() && !spec.zones.is_empty() {
        causes.invalid("spec.zone", quoted(&spec.zone), "Zone and Zones cannot co-exist");
    }
    let zones = spec.zones.iter().enumerate().map(|(index, zone)| (format!("spec.zones[{index}]"), zone));
    let fields =
        [("spec.provider", &spec.provider), ("spec.region", &spec.region), ("spec.zone", &spec.zone)];
    for (field, value) in fields.map(|(field, value)| (field.to_owned(), value)).into_iter().chain(zones) {
        if let Some(why) = label_value(value) {
            causes.invalid(field, quoted(value), why);
        }
    }
    taints(&spec, causes);
    resource_models(&spec.resource_models, causes);
}

fn api_endpoint(endpoint: &str, causes: &mut Causes) {
    let rest = endpoint.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let why = if host.is_empty() {
        "host must be provided; desired format: https://hostname:port"
    } else if host.contains('@') {
        "user information is not permitted in the URL"
    } else if rest.contains('#') {
        "fragments are not permitted in the URL"
    } else if rest.contains('?') {
        "query parameters are not permitted in the URL"
    } else {
        return;
    };
    causes.invalid("spec.apiEndpoint", quoted(endpoint), why);
}

fn secret(at: &str, reference: Option<&LocalSecretReference>, causes: &mut Causes) {
    let Some(LocalSecretReference { namespace, name }) = reference else { return };
    for (field, value) in [("namespace", namespace), ("name", name)] {
        if value.is_empty() {
            causes.required(format!("{at}.{field}"), "");
        }
    }
}

fn taints(spec: &ClusterSpec, causes: &mut Causes) {
    let mut seen = BTreeSet::new();
    for (index, taint) in spec.taints.iter().enumerate() {
        let at = format!("spec.taints[{index}]");
        if let Some(why) = qualified_name(&taint.key) {
            causes.invalid(format!("{at}.key"), quoted(&taint.key), why);
        }
        if let Some(why) = label_value(taint.value.as_deref().unwrap_or_default()) {
            causes.invalid(format!("{at}.value"), quoted(taint.value.as_deref().unwrap_or_default()), why);
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if !effects.contains(&taint.effect.as_str()) {
            causes.unsupported(format!("{at}.effect"), quoted(&taint.effect), &effects);
        }
        if !seen.insert((&taint.key, &taint.effect)) {
            causes.duplicate(at, format!("{}:{}", taint.key, taint.effect));
        }
    }
}

/// Grades follow each other without gap or overlap, in the same resources.
fn resource_models(models: &[ResourceModel], causes: &mut Causes) {
    let amount =
        |text: &k8s_openapi::apimachinery::pkg::api::resource::Quantity| Quantity::try_from(text).ok();
    for (index, model) in models.iter().enumerate() {
        let at = format!("spec.resourceModels[{index}]");
        let before = index.checked_sub(1).and_then(|before| models.get(before));
        if before.is_some_and(|before| before.grade == model.grade) {
            causes.invalid(
                format!("{at}.grade"),
                model.grade,
                "The grade of each models should not be the same",
            );
        }
        if before.is_some_and(|before| before.ranges.len() != model.ranges.len()) {
            let why = "The number of resource types should be the same";
            causes.invalid(format!("{at}.ranges"), model.ranges.len(), why);
            continue;
        }
        for (position, range) in model.ranges.iter().enumerate() {
            let at = format!("{at}.ranges[{position}]");
            let (Some(min), Some(max)) = (amount(&range.min), amount(&range.max)) else {
                causes.invalid(at, "range", "min and max have to be quantities");
                continue;
            };
            if max <= min {
                let why = "The max value of each resource must be greater than the min value";
                causes.invalid(format!("{at}.max"), quoted(&range.max.0), why);
            }
            let Some(below) = before.and_then(|before| before.ranges.get(position)) else { continue };
            if below.name != range.name {
                let why = "The resource types of each models should be the same";
                causes.invalid(format!("{at}.name"), quoted(&range.name), why);
            } else if amount(&below.max) != Some(min) {
                let why = "Model intervals for resources must be contiguous and non-overlapping";
                causes.invalid(format!("{at}.min"), quoted(&range.min.0), why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use serde_json::json;

    #[test]
    fn a_cluster_is_refused_by_field() {
        let model = |grade: i64, min: &str, max: &str| json!({"grade": grade, "ranges": [{"name": "cpu", "min": min, "max": max}]});
        for (spec, want) in [
            (json!({}), vec![]),
            (
                json!({"apiEndpoint": "https://10.0.0.1:6443", "zones": ["a"], "proxyURL": "socks5://p"}),
                vec![],
            ),
            (json!({"apiEndpoint": "10.0.0.1"}), vec!["spec.apiEndpoint"]),
            (json!({"apiEndpoint": "https://me@host"}), vec!["spec.apiEndpoint"]),
            (json!({"apiEndpoint": "https://host?a=b"}), vec!["spec.apiEndpoint"]),
            (
                json!({"secretRef": {"namespace": "", "name": ""}}),
                vec!["spec.secretRef.namespace", "spec.secretRef.name"],
            ),
            (json!({"proxyURL": "ftp://p"}), vec!["spec.proxyURL"]),
            (json!({"zone": "a", "zones": ["b"]}), vec!["spec.zone"]),
            (json!({"region": "-", "zones": ["ok", "not ok"]}), vec!["spec.region", "spec.zones[1]"]),
            (
                json!({"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"},
                    {"key": "", "effect": "Go"}]}),
                vec!["spec.taints[1]", "spec.taints[2].key", "spec.taints[2].effect"],
            ),
            (json!({"resourceModels": [model(0, "0", "1"), model(1, "1", "2")]}), vec![]),
            (
                json!({"resourceModels": [model(0, "0", "1"), model(1, "2", "2")]}),
                vec!["spec.resourceModels[1].ranges[0].max", "spec.resourceModels[1].ranges[0].min"],
            ),
        ] {
            let mut object = json!({"metadata": {"name": "member1"}, "spec": {"syncMode": "Push"}});
            for (key, value) in spec.as_object().unwrap() {
                object["spec"][key] = value.clone();
            }
            check(&create("cluster.karmada.io", "clusters", object), &want);
        }
        let named = json!({"metadata": {"name": "Member.1"}, "spec": {"syncMode": "Push"}});
        check(&create("cluster.karmada.io", "clusters", named), &["metadata.name"]);
    }
}
