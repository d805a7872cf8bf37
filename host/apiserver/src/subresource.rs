//! Which subresources a resource has.

use crate::catalogue::Resource;

/// A subresource as discovery lists it.
pub(crate) struct Subresource<'a> {
    pub(crate) name: &'a str,
    pub(crate) verbs: Vec<&'a str>,
    /// Group, version and kind of its bodies, where they differ from the resource's own.
    pub(crate) other_kind: Option<(&'a str, &'a str, &'a str)>,
    /// The fields that it writes, as JSON pointers, where it is a part of the object that is written as a whole.
    pub(crate) writes: &'a [String],
}

impl<'a> Subresource<'a> {
    pub(crate) fn kind(&self, resource: &'a Resource) -> &'a str {
        self.other_kind.map_or(&resource.kind.names.kind, |(_, _, kind)| kind)
    }
}

const PART_VERBS: [&str; 3] = ["get", "patch", "update"];

pub(crate) fn of(resource: &Resource) -> Vec<Subresource<'_>> {
    let have = &resource.kind.subresources;
    let mut subresources: Vec<Subresource<'_>> = have
        .others
        .iter()
        .map(|other| Subresource {
            name: &other.name,
            verbs: other.verbs.iter().map(String::as_str).collect(),
            other_kind: other.other_kind.as_ref().map(|(api_version, kind)| {
                let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
                (group, version, kind.as_str())
            }),
            writes: &other.writes,
        })
        .collect();
    let part = |name, other_kind| Subresource { name, verbs: PART_VERBS.to_vec(), other_kind, writes: &[] };
    if have.scale.is_some() {
        subresources.push(part("scale", Some(("autoscaling", "v1", "Scale"))));
    }
    if have.status {
        subresources.push(part("status", None));
    }
    subresources
}

/// Whether a subresource exists, and does what is asked.
pub(crate) fn find<'a>(resource: &'a Resource, name: &str) -> Option<Subresource<'a>> {
    of(resource).into_iter().find(|subresource| subresource.name == name)
}
