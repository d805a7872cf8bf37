//! State that was preserved where an object ran before.

use crate::answer::Changes;
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::Preserved;
use crate::kubernetes::Metadata;

/// Preserved state, by label name.
#[derive(Clone, Copy, Debug)]
pub struct State<'a>(&'a [Preserved]);

impl<'a> State<'a> {
    /// From what the host passes.
    pub fn new(state: &'a [Preserved]) -> State<'a> {
        State(state)
    }

    /// The value of a label.
    pub fn get(&self, label: &str) -> Option<&'a str> {
        self.0.iter().find(|preserved| preserved.label == label).map(|preserved| preserved.value.as_str())
    }

    /// Labels and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().map(|preserved| (preserved.label.as_str(), preserved.value.as_str()))
    }

    /// The changes that make each value a label of the object whose metadata this is: what Karmada does with preserved
    /// state, and what is due whatever else a plugin does with it.
    pub fn labels(&self, metadata: &Metadata<'_>) -> Changes {
        let missing = self.iter().filter(|(label, value)| {
            metadata.labels.get(label).is_none_or(|present| present.as_str() != *value)
        });
        missing.fold(Changes::none(), |changes, (label, value)| {
            let key = label.replace('~', "~0").replace('/', "~1");
            changes.set(format!("/metadata/labels/{key}"), value)
        })
    }
}
