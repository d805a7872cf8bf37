//! One resource at one revision.

use std::sync::Arc;

use super::map::ObjectMap;
use super::object::Stored;

/// All objects of one resource as they were at one revision. A copy costs nothing and holds no lock, so a list may
/// be paged through it for as long as it takes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: u64,
    objects: ObjectMap,
}

impl Snapshot {
    pub(super) fn new(revision: u64, objects: ObjectMap) -> Self {
        Snapshot { revision, objects }
    }

    /// The store's revision this shows: no older than any object in it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many objects there are in all namespaces.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The object; the namespace of a cluster-scoped one is empty.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.objects.get((namespace, name))
    }

    /// All objects, ordered by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.iter_from(("", ""), false)
    }

    /// The objects of one namespace, or of all, ordered by namespace and name, that come strictly after a given
    /// (namespace, name), for the next page of a list.
    pub fn range<'a>(
        &'a self,
        namespace: Option<&'a str>,
        after: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &'a Arc<Stored>> {
        let begin = (namespace.unwrap_or_default(), "");
        let objects = match after {
            Some(after) if after >= begin => self.objects.iter_from(after, true),
            _ => self.objects.iter_from(begin, false),
        };
        objects
            .take_while(move |object| namespace.is_none_or(|namespace| *object.key.namespace == *namespace))
    }
}
