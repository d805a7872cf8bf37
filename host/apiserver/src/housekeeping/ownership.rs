//! Who owns whom, by uid.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::observed::{Observed, OwnerReference};
use crate::store::{Key, Stored};

/// On an object that is being deleted: its dependents are to live on.
pub(super) const ORPHAN: &str = "orphan";
/// On an object that is being deleted: its dependents go first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

pub(super) type Uid = Arc<str>;

/// An object as it was at its last observed revision.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: Key,
    pub(super) revision: u64,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) ending: Ending,
}

/// Where an object is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It isn't.
    Not,
    /// Waits for others, or for nothing.
    Deleting,
    /// Waits for its dependents to be let go.
    Orphaning,
    /// Waits for its dependents to be deleted.
    Foreground,
}

impl Node {
    pub(super) fn of(object: &Stored) -> Node {
        let seen = Observed::of(object);
        let ending = if !seen.is_being_deleted() {
            Ending::Not
        } else if seen.has_finalizer(ORPHAN) {
            Ending::Orphaning
        } else if seen.has_finalizer(FOREGROUND) {
            Ending::Foreground
        } else {
            Ending::Deleting
        };
        Node {
            key: object.key.clone(),
            revision: object.revision,
            owners: seen.metadata.owner_references,
            ending,
        }
    }

    pub(super) fn blocks(&self, owner: &str) -> bool {
        self.owners.iter().any(|reference| reference.uid == *owner && reference.block_owner_deletion)
    }
}

/// All objects, and for each owner, present or not, its dependents.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    nodes: HashMap<Uid, Node>,
    dependents: HashMap<Uid, HashSet<Uid>>,
}

impl Ownership {
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The present dependents of an owner.
    pub(super) fn dependents(&self, owner: &str) -> impl Iterator<Item = (&Uid, &Node)> {
        let dependents = self.dependents.get(owner).into_iter().flatten();
        dependents.filter_map(|uid| self.nodes.get_key_value(uid))
    }

    /// The owner that a reference of `dependent` means, if there is one. An object in another namespace is none.
    pub(super) fn owner(&self, dependent: &Node, reference: &OwnerReference) -> Option<&Node> {
        let owner = self.get(&reference.uid)?;
        (owner.key.namespace.is_empty() || owner.key.namespace == dependent.key.namespace).then_some(owner)
    }

    /// Takes note of an object, and names those for whom that may change something.
    pub(super) fn set(&mut self, uid: &str, node: Node, affected: &mut Vec<Uid>) {
        let uid: Uid = self.nodes.get_key_value(uid).map_or_else(|| uid.into(), |(uid, _)| Arc::clone(uid));
        if !node.owners.is_empty() || node.ending != Ending::Not {
            affected.push(Arc::clone(&uid));
        }
        for reference in &node.owners {
            self.dependents.entry(reference.uid.as_str().into()).or_default().insert(Arc::clone(&uid));
        }
        let is_ending = node.ending != Ending::Not;
        let old = self.nodes.insert(Arc::clone(&uid), node);
        let old_ending = old.as_ref().map_or(Ending::Not, |old| old.ending);
        for reference in old.map(|old| old.owners).unwrap_or_default() {
            self.unlink(&uid, &reference.uid, affected);
        }
        self.name_waiting_owners(&uid, affected);
        if is_ending && old_ending != self.nodes[&uid].ending {
            affected.extend(self.dependents(&uid).map(|(dependent, _)| Arc::clone(dependent)));
        }
    }

    /// Forgets an object, and names those for whom that may change something.
    pub(super) fn remove(&mut self, uid: &str, affected: &mut Vec<Uid>) {
        let Some((uid, node)) = self.nodes.remove_entry(uid) else { return };
        affected.extend(self.dependents(&uid).map(|(dependent, _)| Arc::clone(dependent)));
        for reference in node.owners {
            self.unlink(&uid, &reference.uid, affected);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Ownership::default();
    }

    /// Drops the link from an owner unless the object as it is now still has it.
    fn unlink(&mut self, dependent: &Uid, owner: &str, affected: &mut Vec<Uid>) {
        let is_kept =
            self.get(dependent).is_some_and(|node| node.owners.iter().any(|kept| kept.uid == owner));
        if is_kept {
            return;
        }
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(dependent);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
        self.name_if_waiting(owner, affected);
    }

    fn name_waiting_owners(&self, uid: &Uid, affected: &mut Vec<Uid>) {
        for reference in &self.nodes[uid].owners {
            self.name_if_waiting(&reference.uid, affected);
        }
    }

    fn name_if_waiting(&self, owner: &str, affected: &mut Vec<Uid>) {
        if let Some((uid, node)) = self.nodes.get_key_value(owner)
            && node.ending != Ending::Not
        {
            affected.push(Arc::clone(uid));
        }
    }
}
