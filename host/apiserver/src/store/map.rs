//! A sorted map whose copies are cheap: the writer changes its own, and each reader keeps the one it was given.
//!
//! Entries sit in chunks under one spine, all shared. A change copies the spine and one chunk, unless nobody else
//! holds them, so a batch of changes copies each part at most once. With chunks of at most 128 entries, a spine over
//! 50,000 objects is some 600 pointers.

use std::cmp::Ordering;
use std::sync::Arc;

use super::object::Stored;

const CHUNK_ENTRIES_MAX: usize = 128;
/// A chunk that shrinks below this joins its neighbour, if both together stay well below the maximum.
const CHUNK_ENTRIES_MIN: usize = 32;

type Chunk = Vec<Arc<Stored>>;

/// Objects of one resource, ordered by namespace and name.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectMap {
    /// No chunk is empty.
    spine: Arc<Vec<Arc<Chunk>>>,
    len: usize,
}

/// A place in the order.
pub(super) type Place<'a> = (&'a str, &'a str);

fn place(object: &Stored) -> Place<'_> {
    (&object.key.namespace, &object.key.name)
}

impl ObjectMap {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: Place<'_>) -> Option<&Arc<Stored>> {
        let chunk = self.spine.get(self.chunk_of(at)?)?;
        let entry = chunk.binary_search_by(|entry| place(entry).cmp(&at)).ok()?;
        Some(&chunk[entry])
    }

    /// Puts the object in its place, and gives back the one that was there.
    pub(super) fn insert(&mut self, object: Arc<Stored>) -> Option<Arc<Stored>> {
        let Some(index) = self.chunk_of(place(&object)) else {
            // It comes before all others, or there are none.
            let spine = Arc::make_mut(&mut self.spine);
            match spine.first_mut() {
                Some(first) => Arc::make_mut(first).insert(0, object),
                None => spine.push(Arc::new(vec![object])),
            }
            self.len += 1;
            split_if_full(spine, 0);
            return None;
        };
        let spine = Arc::make_mut(&mut self.spine);
        let chunk = Arc::make_mut(&mut spine[index]);
        match chunk.binary_search_by(|entry| place(entry).cmp(&place(&object))) {
            Ok(entry) => Some(std::mem::replace(&mut chunk[entry], object)),
            Err(entry) => {
                chunk.insert(entry, object);
                self.len += 1;
                split_if_full(spine, index);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, at: Place<'_>) -> Option<Arc<Stored>> {
        let index = self.chunk_of(at)?;
        let entry = self.spine[index].binary_search_by(|entry| place(entry).cmp(&at)).ok()?;
        let spine = Arc::make_mut(&mut self.spine);
        let removed = Arc::make_mut(&mut spine[index]).remove(entry);
        self.len -= 1;
        join_if_small(spine, index);
        Some(removed)
    }

    /// All objects in order, from the first at or after (`after` false) or strictly after (true) the place.
    pub(super) fn iter_from<'a>(
        &'a self,
        from: Place<'_>,
        after: bool,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + use<'a> {
        let skips = |entry: &Stored| match place(entry).cmp(&from) {
            Ordering::Less => true,
            Ordering::Equal => after,
            Ordering::Greater => false,
        };
        let index = self.chunk_of(from).unwrap_or(0);
        let entry = self.spine.get(index).map_or(0, |chunk| chunk.partition_point(|entry| skips(entry)));
        self.spine[index.min(self.spine.len())..].iter().flat_map(|chunk| chunk.iter()).skip(entry)
    }

    /// The last chunk that begins at or before the place; the only one that could hold it.
    fn chunk_of(&self, at: Place<'_>) -> Option<usize> {
        self.spine.partition_point(|chunk| place(&chunk[0]) <= at).checked_sub(1)
    }
}

fn split_if_full(spine: &mut Vec<Arc<Chunk>>, index: usize) {
    if spine[index].len() <= CHUNK_ENTRIES_MAX {
        return;
    }
    let is_last = index + 1 == spine.len();
    let chunk = Arc::make_mut(&mut spine[index]);
    // Names with a growing suffix arrive in order: filled chunks at the end are left full.
    let at = if is_last { CHUNK_ENTRIES_MAX } else { chunk.len() / 2 };
    let upper = chunk.split_off(at);
    spine.insert(index + 1, Arc::new(upper));
}

fn join_if_small(spine: &mut Vec<Arc<Chunk>>, index: usize) {
    if spine[index].is_empty() {
        spine.remove(index);
        return;
    }
    if spine[index].len() >= CHUNK_ENTRIES_MIN || spine.len() == 1 {
        return;
    }
    let left = index.min(spine.len() - 2);
    if spine[left].len() + spine[left + 1].len() <= CHUNK_ENTRIES_MAX * 3 / 4 {
        let right = spine.remove(left + 1);
        Arc::make_mut(&mut spine[left]).extend(right.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::object::{Draft, Key};
    use proptest::prelude::*;
    use serde_json::json;

    fn object(namespace: &str, name: &str, revision: u64) -> Arc<Stored> {
        let key = Key::new("/pods", namespace, name);
        Arc::new(Draft::new(&key, &json!({"metadata": {}})).unwrap().finish(key, revision))
    }

    fn listing<'a>(objects: impl Iterator<Item = &'a Arc<Stored>>) -> Vec<(String, String, u64)> {
        objects.map(|o| (o.key.namespace.to_string(), o.key.name.to_string(), o.revision)).collect()
    }

    type Model = BTreeMap<(String, String), u64>;

    fn model_listing<'a>(
        entries: impl Iterator<Item = (&'a (String, String), &'a u64)>,
    ) -> Vec<(String, String, u64)> {
        entries.map(|((namespace, name), revision)| (namespace.clone(), name.clone(), *revision)).collect()
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_btree_map_and_copies_never_change(
            steps in prop::collection::vec((any::<bool>(), 0u8..3, 0u16..400), 0..1500),
        ) {
            let mut map = ObjectMap::default();
            let mut model = Model::new();
            let mut copies: Vec<(ObjectMap, Model)> = Vec::new();
            for (step, (inserts, namespace, name)) in steps.iter().enumerate() {
                let (namespace, name) = (format!("n{namespace}"), format!("o{name}"));
                let revision = step as u64 + 1;
                if *inserts || step % 7 == 0 {
                    let old = map.insert(object(&namespace, &name, revision)).map(|old| old.revision);
                    prop_assert_eq!(old, model.insert((namespace, name), revision));
                } else {
                    let old = map.remove((&namespace, &name)).map(|old| old.revision);
                    prop_assert_eq!(old, model.remove(&(namespace, name)));
                }
                if step % 200 == 0 {
                    copies.push((map.clone(), model.clone()));
                }
            }
            copies.push((map, model));
            for (map, model) in &copies {
                prop_assert_eq!(map.len(), model.len());
                prop_assert!(map.spine.iter().all(|chunk| (1..=CHUNK_ENTRIES_MAX).contains(&chunk.len())));
                prop_assert_eq!(listing(map.iter_from(("", ""), false)), model_listing(model.iter()));
                for from in [("n1", "o2"), ("n0", "o399"), ("n1", ""), ("z", ""), ("", "a")] {
                    let owned = (from.0.to_owned(), from.1.to_owned());
                    prop_assert_eq!(listing(map.iter_from(from, false)), model_listing(model.range(owned.clone()..)));
                    let after = (std::ops::Bound::Excluded(owned.clone()), std::ops::Bound::Unbounded);
                    prop_assert_eq!(listing(map.iter_from(from, true)), model_listing(model.range(after)));
                    prop_assert_eq!(map.get(from).map(|o| o.revision), model.get(&owned).copied());
                }
            }
        }
    }

    #[test]
    fn ten_thousand_in_order_and_away_again() {
        let mut map = ObjectMap::default();
        for n in 0..10_000 {
            map.insert(object("ns", &format!("{n:05}"), n + 1));
        }
        assert_eq!(map.len(), 10_000);
        assert!(map.spine.len() <= 80, "{} chunks", map.spine.len());
        for n in 0..10_000 {
            assert_eq!(map.remove(("ns", &format!("{n:05}"))).map(|o| o.revision), Some(n + 1));
        }
        assert!(map.spine.is_empty());
    }
}
