//! Who depends on what: which bindings have to be looked at again when an object comes or goes.

use std::collections::{BTreeSet, HashMap, HashSet};

use parking_lot::RwLock;
use windlass_core::Gvk;

use crate::index::Key;

/// A kind in a namespace: as exact as a dependency by labels can be looked up.
type Place = (Gvk, String);

/// The dependencies of all bindings that propagate theirs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    dependents: HashMap<Place, BTreeSet<Key>>,
    places: HashMap<Key, HashSet<Place>>,
}

impl Registry {
    /// Sets what a binding depends on.
    pub(crate) fn set(&self, binding: &Key, places: HashSet<Place>) {
        let mut state = self.state.write();
        if state.places.get(binding) == Some(&places) {
            return;
        }
        state.remove(binding);
        for place in &places {
            state.dependents.entry(place.clone()).or_default().insert(binding.clone());
        }
        state.places.insert(binding.clone(), places);
    }

    /// Forgets a binding.
    pub(crate) fn remove(&self, binding: &Key) {
        self.state.write().remove(binding);
    }

    /// The bindings that may depend on an object of this kind and namespace.
    pub(crate) fn dependents(&self, gvk: &Gvk, namespace: &str) -> Vec<Key> {
        let state = self.state.read();
        let place = (gvk.clone(), namespace.to_owned());
        state.dependents.get(&place).into_iter().flatten().cloned().collect()
    }

    /// The kinds that something depends on.
    pub(crate) fn kinds(&self) -> BTreeSet<Gvk> {
        self.state.read().dependents.keys().map(|(gvk, _)| gvk.clone()).collect()
    }
}

impl State {
    fn remove(&mut self, binding: &Key) {
        for place in self.places.remove(binding).into_iter().flatten() {
            if let Some(dependents) = self.dependents.get_mut(&place) {
                dependents.remove(binding);
                if dependents.is_empty() {
                    self.dependents.remove(&place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_found_by_what_it_depends_on_now() {
        let registry = Registry::default();
        let (binding, config, secret) =
            (Key::new("n", "b"), Gvk::new("v1", "ConfigMap"), Gvk::new("v1", "Secret"));
        registry.set(&binding, [(config.clone(), "n".to_owned())].into());
        assert_eq!(registry.dependents(&config, "n"), std::slice::from_ref(&binding));
        registry.set(&binding, [(secret.clone(), "n".to_owned())].into());
        assert!(registry.dependents(&config, "n").is_empty());
        assert_eq!(registry.kinds(), [secret.clone()].into());
        registry.remove(&binding);
        assert!(registry.dependents(&secret, "n").is_empty() && registry.kinds().is_empty());
    }
}
