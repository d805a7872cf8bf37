//! What readers and watchers see: the published state, and the log of recent events that watches follow.
//!
//! The writer alone changes it, in one short critical section a batch, so a snapshot and a place in the log taken
//! under one read lock belong together.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use super::map::ObjectMap;
use super::object::{Event, Key, Stored};
use super::snapshot::Snapshot;
use super::watch::RevisionError;

/// Recent events in order of their revision, and how far back they reach.
#[derive(Debug)]
pub(super) struct Feed {
    events: VecDeque<Arc<Event>>,
    /// The newest revision that may have been dropped: from here on the feed is complete.
    pruned: u64,
    /// Sent to when there is more to read.
    wake: watch::Sender<()>,
}

impl Feed {
    fn new(pruned: u64) -> Self {
        Feed { events: VecDeque::new(), pruned, wake: watch::Sender::new(()) }
    }

    fn after(&self, revision: u64) -> Result<impl Iterator<Item = &Arc<Event>>, RevisionError> {
        if revision < self.pruned {
            return Err(RevisionError::Expired { requested: revision, oldest: self.pruned });
        }
        let first = self.events.partition_point(|event| event.revision() <= revision);
        Ok(self.events.range(first..))
    }

    fn push(&mut self, event: Arc<Event>) {
        self.events.push_back(event);
    }

    fn drop_oldest(&mut self) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.pruned = event.revision();
        Some(event)
    }
}

#[derive(Debug)]
struct Resource {
    objects: ObjectMap,
    feed: Feed,
}

/// How much of the log is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogLimits {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// One consistent state of everything.
#[derive(Debug)]
pub(super) struct Published {
    revision: u64,
    resources: HashMap<Arc<str>, Resource>,
    all: Feed,
    log_bytes: usize,
    /// How far back the log reached when the process started.
    first: u64,
}

/// What one commit adds to the published state.
#[derive(Debug, Default)]
pub(super) struct Publication {
    pub(super) events: Vec<Arc<Event>>,
    /// The new contents of each resource that the events touch.
    pub(super) objects: HashMap<Arc<str>, ObjectMap>,
    /// How many of the log's oldest events go.
    pub(super) pruned: usize,
}

impl Published {
    /// An empty log that reaches back to `first`, the revision of the last event that was dropped from it.
    pub(super) fn new(first: u64) -> Self {
        Published { revision: first, resources: HashMap::new(), all: Feed::new(first), log_bytes: 0, first }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Stored>> {
        self.resources.get(&key.resource)?.objects.get((&key.namespace, &key.name))
    }

    /// The events after a revision; of one resource, or of all.
    pub(super) fn after(
        &self,
        resource: Option<&str>,
        revision: u64,
    ) -> Result<impl Iterator<Item = &Arc<Event>>, RevisionError> {
        if revision > self.revision {
            return Err(RevisionError::Future { requested: revision, current: self.revision });
        }
        // Nothing has happened to an undeclared resource since the start.
        let pruned = resource.is_some_and(|name| !self.is_declared(name)).then_some(self.first);
        if let Some(oldest) = pruned.filter(|oldest| revision < *oldest) {
            return Err(RevisionError::Expired { requested: revision, oldest });
        }
        let events = self.feed(resource).map(|feed| feed.after(revision)).transpose()?;
        Ok(events.into_iter().flatten())
    }

    /// What tells that there is more to read; nothing for a resource that was not declared.
    pub(super) fn subscribe(&self, resource: Option<&str>) -> Option<watch::Receiver<()>> {
        self.feed(resource).map(|feed| feed.wake.subscribe())
    }

    fn feed(&self, resource: Option<&str>) -> Option<&Feed> {
        match resource {
            Some(name) => self.resources.get(name).map(|resource| &resource.feed),
            None => Some(&self.all),
        }
    }

    /// The revision of a resource's newest change, or of one after it: a number that moves when the resource does.
    pub(super) fn newest(&self, resource: &str) -> u64 {
        let feed = self.resources.get(resource).map(|resource| &resource.feed);
        feed.map_or(0, |feed| feed.events.back().map_or(feed.pruned, |event| event.revision()))
    }

    pub(super) fn snapshot(&self, resource: &str) -> Snapshot {
        Snapshot::new(self.revision, self.objects(resource))
    }

    pub(super) fn objects(&self, resource: &str) -> ObjectMap {
        self.resources.get(resource).map(|resource| resource.objects.clone()).unwrap_or_default()
    }

    /// The resources that hold anything.
    pub(super) fn snapshot_all(&self) -> Vec<(Arc<str>, Snapshot)> {
        let filled = self.resources.iter().filter(|(_, resource)| resource.objects.len() > 0);
        filled
            .map(|(name, resource)| {
                (Arc::clone(name), Snapshot::new(self.revision, resource.objects.clone()))
            })
            .collect()
    }

    pub(super) fn is_declared(&self, resource: &str) -> bool {
        self.resources.contains_key(resource)
    }

    /// Makes sure that the resource can be watched before anything was written to it.
    pub(super) fn declare(&mut self, resource: &str) {
        self.resource(resource);
    }

    fn resource(&mut self, name: &str) -> &mut Resource {
        // The name is copied only where the resource is new.
        if !self.resources.contains_key(name) {
            let resource = Resource { objects: ObjectMap::default(), feed: Feed::new(self.first) };
            self.resources.insert(name.into(), resource);
        }
        self.resources.get_mut(name).expect("it was inserted when it was missing")
    }

    /// The oldest events that have to go for the log to stay within its limits when `incoming` are added. Never any
    /// of the incoming ones.
    pub(super) fn overdue(&self, incoming: &[Arc<Event>], limits: LogLimits) -> Vec<Arc<Event>> {
        let mut events = self.all.events.len() + incoming.len();
        let mut bytes = self.log_bytes + incoming.iter().map(|event| weight(event)).sum::<usize>();
        let mut overdue = Vec::new();
        for event in &self.all.events {
            if events <= limits.events && bytes <= limits.bytes {
                break;
            }
            events -= 1;
            bytes -= weight(event);
            overdue.push(Arc::clone(event));
        }
        overdue
    }

    /// Takes the publication over. Gives back what nobody needs any more, to be dropped outside the lock, and whom to
    /// wake.
    fn publish(
        &mut self,
        publication: Publication,
        revision: u64,
    ) -> (Vec<Arc<Event>>, Vec<watch::Sender<()>>) {
        let Publication { events, objects, pruned } = publication;
        let mut wake = vec![self.all.wake.clone()];
        for (name, objects) in objects {
            let resource = self.resource(&name);
            resource.objects = objects;
            wake.push(resource.feed.wake.clone());
        }
        for event in events {
            self.log_bytes += weight(&event);
            self.resource(&event.object.key.resource).feed.push(Arc::clone(&event));
            self.all.push(event);
        }
        let mut dropped = Vec::with_capacity(pruned);
        for event in (0..pruned).map_while(|_| self.all.drop_oldest()).collect::<Vec<_>>() {
            self.log_bytes -= weight(&event);
            // A resource's feed is a part of the whole log, so its oldest event is this one.
            self.resource(&event.object.key.resource).feed.drop_oldest();
            dropped.push(event);
        }
        self.revision = revision;
        (dropped, wake)
    }
}

/// The published state and the way to it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) published: RwLock<Published>,
    revision: watch::Sender<u64>,
    /// Why writes are refused, while they are.
    failure: RwLock<Option<Arc<str>>>,
}

impl Shared {
    pub(super) fn new(published: Published) -> Self {
        let revision = watch::Sender::new(published.revision);
        Shared { published: RwLock::new(published), revision, failure: RwLock::new(None) }
    }

    /// Lets everybody see a commit that is on disk.
    pub(super) fn publish(&self, publication: Publication, revision: u64) {
        let (dropped, wake) = self.published.write().publish(publication, revision);
        self.revision.send_replace(revision);
        for feed in wake {
            feed.send_replace(());
        }
        drop(dropped);
    }

    pub(super) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(super) fn failure(&self) -> Option<Arc<str>> {
        self.failure.read().clone()
    }

    pub(super) fn set_failure(&self, failure: Option<Arc<str>>) {
        *self.failure.write() = failure;
    }
}

/// What an event takes of the log's limit: its own bytes; the previous object's were counted when they were new.
fn weight(event: &Event) -> usize {
    event.object.json.len()
}
