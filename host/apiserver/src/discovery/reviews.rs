//! The review resources in discovery. They are answered, not stored, and so are no kinds of the catalogue.

use serde_json::{Value, json};

use crate::identity::review::{REVIEWS, Review, VERSION};

fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = REVIEWS.iter().map(|review| review.group).collect();
    groups.dedup();
    groups
}

fn of(group: &str) -> impl Iterator<Item = &'static Review> {
    REVIEWS.iter().filter(move |review| review.group == group)
}

pub(super) fn legacy_groups() -> impl Iterator<Item = Value> {
    groups().into_iter().filter_map(legacy_group)
}

pub(super) fn legacy_group(name: &str) -> Option<Value> {
    of(name).next()?;
    let version = json!({"groupVersion": format!("{name}/{VERSION}"), "version": VERSION});
    Some(json!({"name": name, "versions": [version], "preferredVersion": version}))
}

pub(super) fn legacy_resources(group: &str, version: &str) -> Vec<Value> {
    let resource = |review: &Review| {
        json!({
            "name": review.plural, "singularName": review.kind.to_lowercase(), "namespaced": review.namespaced,
            "kind": review.kind, "verbs": ["create"],
        })
    };
    if version == VERSION { of(group).map(resource).collect() } else { Vec::new() }
}

pub(super) fn aggregated_groups() -> impl Iterator<Item = Value> {
    groups().into_iter().map(|group| {
        let resources: Vec<Value> = of(group).map(aggregated_resource).collect();
        let version = json!({"version": VERSION, "resources": resources, "freshness": "Current"});
        json!({"metadata": {"name": group}, "versions": [version]})
    })
}

fn aggregated_resource(review: &Review) -> Value {
    json!({
        "resource": review.plural,
        "responseKind": {"group": review.group, "version": VERSION, "kind": review.kind},
        "scope": if review.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": review.kind.to_lowercase(),
        "verbs": ["create"],
    })
}
