//! State that was preserved where an object ran before.

use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::Preserved;

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
}
