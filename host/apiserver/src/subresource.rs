//! Which subresources a resource has.

use crate::catalogue::Resource;

/// A subresource as discovery lists it.
pub(crate) struct Subresource {
    pub(crate) name: &'static str,
    pub(crate) verbs: &'static [&'static str],
    /// Group, version and kind of its bodies, where they differ from the resource's own.
    pub(crate) other_kind: Option<(&'static str, &'static str, &'static str)>,
}

impl Subresource {
    pub(crate) fn kind<'a>(&self, resource: &'a Resource) -> &'a str {
        self.other_kind.map_or(&resource.kind.names.kind, |(_, _, kind)| kind)
    }
}

const STATUS: Subresource =
    Subresource { name: "status", verbs: &["get", "patch", "update"], other_kind: None };
const SCALE: Subresource = Subresource {
    name: "scale",
    verbs: &["get", "patch", "update"],
    other_kind: Some(("autoscaling", "v1", "Scale")),
};

/// What single built-in resources have besides `status` and `scale`: group, plural, subresource.
const SPECIAL: [(&str, &str, Subresource); 3] = [
    ("", "namespaces", Subresource { name: "finalize", verbs: &["update"], other_kind: None }),
    (
        "",
        "pods",
        Subresource { name: "binding", verbs: &["create"], other_kind: Some(("", "v1", "Binding")) },
    ),
    (
        "",
        "pods",
        Subresource { name: "eviction", verbs: &["create"], other_kind: Some(("policy", "v1", "Eviction")) },
    ),
];

pub(crate) fn of(resource: &Resource) -> Vec<&'static Subresource> {
    let mut subresources: Vec<&Subresource> = SPECIAL
        .iter()
        .filter(|(group, plural, _)| resource.is((plural, group)))
        .map(|(_, _, subresource)| subresource)
        .collect();
    if resource.kind.subresources.scale.is_some() {
        subresources.push(&SCALE);
    }
    if resource.kind.subresources.status {
        subresources.push(&STATUS);
    }
    subresources
}

/// Whether a subresource exists, and does what is asked.
pub(crate) fn find(resource: &Resource, name: &str) -> Option<&'static Subresource> {
    of(resource).into_iter().find(|subresource| subresource.name == name)
}
