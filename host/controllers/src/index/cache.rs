//! One kind's objects as last seen, with word to listeners of every change.
//!
//! Fed by a watch, and by the answers to our own writes: what a controller has written it sees at once, without
//! waiting for the watch to bring it back.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::Event;
use parking_lot::RwLock;
use tokio::sync::watch;
use windlass_api::Key;

use crate::queue::Priority;

/// What a cache holds: anything with Kubernetes metadata.
pub(crate) trait Entry: Send + Sync + 'static {
    fn meta(&self) -> &ObjectMeta;
    fn meta_mut(&mut self) -> &mut ObjectMeta;
}

impl<K: kube::Resource + Send + Sync + 'static> Entry for K {
    fn meta(&self) -> &ObjectMeta {
        kube::Resource::meta(self)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        kube::Resource::meta_mut(self)
    }
}

/// Takes away what nobody here reads, and what takes more memory than all the rest: who manages which field.
pub(crate) fn slim<T: Entry>(mut object: T) -> T {
    object.meta_mut().managed_fields = None;
    object
}

/// What happened to one object.
#[derive(Debug)]
pub(crate) enum Change<T> {
    Applied {
        old: Option<Arc<T>>,
        new: Arc<T>,
        /// `Replay` where the object came with a list rather than as news.
        priority: Priority,
    },
    Deleted {
        old: Arc<T>,
    },
}

impl<T> Change<T> {
    /// The object as it is now, or as it was last.
    pub(crate) fn object(&self) -> &Arc<T> {
        match self {
            Change::Applied { new, .. } => new,
            Change::Deleted { old } => old,
        }
    }

    /// How urgent the change is.
    pub(crate) fn priority(&self) -> Priority {
        match self {
            Change::Applied { priority, .. } => *priority,
            Change::Deleted { .. } => Priority::Fresh,
        }
    }
}

type Listener<T> = Box<dyn Fn(&Change<T>) + Send + Sync>;
/// The groups that an object is found by.
type IndexBy<T> = fn(&T) -> Vec<&str>;

/// How many deletions are remembered, against answers to writes that arrive after the object is gone.
const TOMBSTONES_MAX: usize = 4096;

/// The objects of one kind. See the module's documentation.
pub(crate) struct Cache<T> {
    state: RwLock<State<T>>,
    listeners: RwLock<Vec<Listener<T>>>,
    index_by: IndexBy<T>,
    synced: watch::Sender<bool>,
}

struct State<T> {
    objects: HashMap<Key, Arc<T>>,
    groups: HashMap<String, BTreeSet<Key>>,
    /// The keys a list has brought so far, while one is under way.
    listed: Option<BTreeSet<Key>>,
    tombstones: HashMap<Key, u64>,
    tombstone_order: VecDeque<Key>,
}

impl<T: Entry> Default for Cache<T> {
    fn default() -> Self {
        Cache::indexed_by(|_| Vec::new())
    }
}

impl<T: Entry> Cache<T> {
    /// An empty cache that finds objects by each of what `index_by` reads from them.
    pub(crate) fn indexed_by(index_by: IndexBy<T>) -> Cache<T> {
        Cache {
            state: RwLock::new(State {
                objects: HashMap::new(),
                groups: HashMap::new(),
                listed: None,
                tombstones: HashMap::new(),
                tombstone_order: VecDeque::new(),
            }),
            listeners: RwLock::default(),
            index_by,
            synced: watch::Sender::new(false),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.state.read().objects.get(key).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.state.read().objects.values().cloned().collect()
    }

    /// The objects for which the index function reads `value`, in order of their keys.
    pub(crate) fn by(&self, value: &str) -> Vec<Arc<T>> {
        let state = self.state.read();
        let keys = state.groups.get(value).into_iter().flatten();
        keys.filter_map(|key| state.objects.get(key).cloned()).collect()
    }

    /// Whether the first list is complete.
    pub(crate) fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Waits until the first list is complete.
    pub(crate) async fn synced(&self) {
        // An error means that the cache is going away, and with it whoever asks.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Calls `listener` on every change from now on. It must be quick: it runs where the change arrives.
    pub(crate) fn listen(&self, listener: impl Fn(&Change<T>) + Send + Sync + 'static) {
        self.listeners.write().push(Box::new(listener));
    }

    /// Takes the answer to a write of our own, if it is newer than what is here.
    pub(crate) fn offer(&self, object: impl Into<Arc<T>>) {
        let mut object = object.into();
        if let Some(object) = Arc::get_mut(&mut object) {
            object.meta_mut().managed_fields = None;
        }
        let key = Key::of(object.meta());
        let version = version(object.meta());
        // An object that is on its way out may be gone by now.
        if object.meta().deletion_timestamp.is_some() {
            return;
        }
        {
            let state = self.state.read();
            let deleted = state.tombstones.get(&key).is_some_and(|tombstone| version <= *tombstone);
            let known = state.objects.get(&key).is_some_and(|object| version <= self::version(object.meta()));
            // A list under way may be older than the answer, and would take it away again.
            if deleted || known || version == 0 || state.listed.is_some() {
                return;
            }
        }
        self.apply(object, Priority::Fresh);
    }

    /// Takes one event of a watch; `None` stands for an object that does not belong here.
    pub(crate) fn take<K>(&self, event: Event<K>, convert: impl Fn(K) -> Option<T>) {
        let convert = |object| convert(object).map(slim);
        match event {
            Event::Apply(object) => {
                if let Some(object) = convert(object) {
                    self.apply(object, Priority::Fresh);
                }
            }
            Event::Delete(object) => {
                if let Some(object) = convert(object) {
                    self.delete(&object);
                }
            }
            Event::Init => self.state.write().listed = Some(BTreeSet::new()),
            Event::InitApply(object) => {
                let Some(object) = convert(object) else { return };
                if let Some(listed) = &mut self.state.write().listed {
                    listed.insert(Key::of(object.meta()));
                }
                self.apply(object, Priority::Replay);
            }
            Event::InitDone => {
                for gone in self.forget_unlisted() {
                    self.tell(&Change::Deleted { old: gone });
                }
                self.synced.send_replace(true);
            }
        }
    }

    fn apply(&self, object: impl Into<Arc<T>>, priority: Priority) {
        let new = object.into();
        let key = Key::of(new.meta());
        let old = {
            let mut state = self.state.write();
            let old = state.objects.get(&key).cloned();
            if let Some(old) = &old
                && old.meta().uid == new.meta().uid
                && version(new.meta()) <= version(old.meta())
                && version(new.meta()) != 0
            {
                return;
            }
            state.insert(key, new.clone(), self.index_by);
            old
        };
        self.tell(&Change::Applied { old, new, priority });
    }

    fn delete(&self, object: &T) {
        let key = Key::of(object.meta());
        let old = {
            let mut state = self.state.write();
            state.bury(&key, version(object.meta()));
            state.remove(&key, self.index_by)
        };
        if let Some(old) = old {
            self.tell(&Change::Deleted { old });
        }
    }

    fn forget_unlisted(&self) -> Vec<Arc<T>> {
        let mut state = self.state.write();
        let Some(listed) = state.listed.take() else { return Vec::new() };
        let gone: Vec<Key> = state.objects.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        gone.iter().filter_map(|key| state.remove(key, self.index_by)).collect()
    }

    fn tell(&self, change: &Change<T>) {
        for listener in self.listeners.read().iter() {
            listener(change);
        }
    }
}

impl<T> State<T> {
    fn insert(&mut self, key: Key, object: Arc<T>, index_by: IndexBy<T>) {
        let old = self.objects.insert(key.clone(), object.clone());
        let groups = index_by(&object);
        let old_groups = old.as_deref().map(index_by).unwrap_or_default();
        if groups == old_groups {
            return;
        }
        for group in old_groups {
            self.leave(group, &key);
        }
        for group in groups {
            self.groups.entry(group.to_owned()).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &Key, index_by: IndexBy<T>) -> Option<Arc<T>> {
        let old = self.objects.remove(key)?;
        for group in index_by(&old) {
            self.leave(group, key);
        }
        Some(old)
    }

    fn leave(&mut self, group: &str, key: &Key) {
        if let Some(keys) = self.groups.get_mut(group) {
            keys.remove(key);
            if keys.is_empty() {
                self.groups.remove(group);
            }
        }
    }

    fn bury(&mut self, key: &Key, version: u64) {
        if self.tombstones.insert(key.clone(), version).is_none() {
            self.tombstone_order.push_back(key.clone());
        }
        if self.tombstone_order.len() > TOMBSTONES_MAX
            && let Some(oldest) = self.tombstone_order.pop_front()
        {
            self.tombstones.remove(&oldest);
        }
    }
}

/// The resourceVersion as a number, which Kubernetes promises it to be; 0 where it is none.
pub(crate) fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use parking_lot::Mutex;

    fn object(name: &str, version: u64, group: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                uid: Some("u".to_owned()),
                resource_version: Some(version.to_string()),
                generate_name: Some(group.to_owned()),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    fn cache() -> (Arc<Cache<ConfigMap>>, Arc<Mutex<Vec<String>>>) {
        let cache = Arc::new(Cache::indexed_by(|map: &ConfigMap| {
            map.metadata.generate_name.iter().flat_map(|groups| groups.split(' ')).collect()
        }));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        cache.listen(move |change| {
            let name = Key::of(change.object().meta()).name;
            log.lock().push(match change {
                Change::Applied { old, priority, .. } => format!("{name} {} {priority:?}", old.is_some()),
                Change::Deleted { .. } => format!("{name} deleted"),
            });
        });
        (cache, seen)
    }

    #[test]
    fn what_the_watch_brings_back_after_an_own_write_is_no_news() {
        let (cache, seen) = cache();
        cache.take(Event::Apply(object("a", 1, "")), Some);
        cache.offer(object("a", 2, ""));
        cache.take(Event::Apply(object("a", 2, "")), Some);
        cache.offer(object("a", 1, ""));
        assert_eq!(*seen.lock(), ["a false Fresh", "a true Fresh"]);
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_raises_nothing_from_the_dead() {
        let (cache, _) = cache();
        cache.take(Event::Apply(object("a", 1, "")), Some);
        cache.take(Event::Delete(object("a", 3, "")), Some);
        cache.offer(object("a", 2, ""));
        assert!(cache.get(&Key::new("", "a")).is_none());
        cache.offer(object("a", 4, ""));
        assert!(cache.get(&Key::new("", "a")).is_some());
    }

    #[test]
    fn a_relist_removes_what_is_gone_and_replays_only_what_changed() {
        let (cache, seen) = cache();
        cache.take(Event::Apply(object("a", 1, "")), Some);
        cache.take(Event::Apply(object("b", 2, "")), Some);
        seen.lock().clear();
        for event in [
            Event::Init,
            Event::InitApply(object("b", 2, "")),
            Event::InitApply(object("c", 3, "")),
            Event::InitDone,
        ] {
            cache.take(event, Some);
        }
        assert_eq!(*seen.lock(), ["c false Replay", "a deleted"]);
        assert!(cache.is_synced());
    }

    #[test]
    fn objects_are_found_by_their_group_and_leave_it() {
        let (cache, _) = cache();
        cache.take(Event::Apply(object("a", 1, "x")), Some);
        cache.take(Event::Apply(object("b", 2, "x")), Some);
        assert_eq!(cache.by("x").len(), 2);
        cache.take(Event::Apply(object("a", 3, "y")), Some);
        cache.take(Event::Delete(object("b", 4, "x")), Some);
        assert!(cache.by("x").is_empty());
        assert_eq!(cache.by("y").len(), 1);
        cache.take(Event::Apply(object("a", 5, "y z")), Some);
        assert_eq!((cache.by("y").len(), cache.by("z").len()), (1, 1));
        cache.take(Event::Delete(object("a", 6, "y z")), Some);
        assert!(cache.by("y").is_empty() && cache.by("z").is_empty());
    }
}
