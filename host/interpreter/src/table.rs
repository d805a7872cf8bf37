//! Who answers which operation for which kind.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use windlass_core::{Gvk, Operation};
use windlass_plugins::{Abilities, InterpreterPlugin, KindSupport, Operations, Snapshot};

/// What can be asked: an operation, or the simulated status, which is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Operation(Operation),
    SimulatedStatus,
}

impl Question {
    fn is_in(self, operations: Operations) -> bool {
        match self {
            Question::Operation(operation) => operations.contains(operation),
            Question::SimulatedStatus => operations.simulates_status,
        }
    }
}

/// The interpreters of one state of the catalogue, by what they declare.
///
/// What an administrator chose goes before what is built in, then the higher priority, then the more exact kind, then
/// the plugin's name. The first that declares the operation for the kind answers.
#[derive(Default)]
pub(crate) struct Table {
    generation: u64,
    /// For each kind that some plugin names exactly: all who could be asked about it, wildcards included, in order.
    named: HashMap<Gvk, Vec<Declaration>>,
    /// For all other kinds: the wildcards, in order.
    open: Vec<Declaration>,
}

#[derive(Clone)]
struct Declaration {
    plugin: Arc<InterpreterPlugin>,
    support: KindSupport,
}

impl Table {
    pub(crate) fn of(snapshot: &Snapshot) -> Table {
        let mut all: Vec<Declaration> = snapshot.interpreters().flat_map(declarations).collect();
        all.sort_by_key(|Declaration { plugin, support }| {
            let about = plugin.about();
            (
                !about.origin().is_admins(),
                Reverse(about.config().priority),
                support.wildcards(),
                Arc::clone(about.name()),
            )
        });
        let exact = |declaration: &&Declaration| declaration.support.wildcards() == 0;
        let named = all
            .iter()
            .filter(exact)
            .map(|declaration| {
                let KindSupport { group, version, kind, .. } = &declaration.support;
                let gvk = Gvk { group: group.clone(), version: version.clone(), kind: kind.clone() };
                let candidates = all.iter().filter(|other| other.support.matches(&gvk)).cloned().collect();
                (gvk, candidates)
            })
            .collect();
        let open = all.iter().filter(|declaration| !exact(declaration)).cloned().collect();
        Table { generation: snapshot.generation(), named, open }
    }

    /// Which state of the catalogue this is made from.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Who answers `question` for `gvk`.
    pub(crate) fn find(&self, gvk: &Gvk, question: Question) -> Option<&Arc<InterpreterPlugin>> {
        let answers = |declaration: &&Declaration| question.is_in(declaration.support.operations);
        match self.named.get(gvk) {
            Some(candidates) => candidates.iter().find(answers),
            None => self.open.iter().filter(answers).find(|declaration| declaration.support.matches(gvk)),
        }
        .map(|declaration| &declaration.plugin)
    }
}

fn declarations(plugin: &Arc<InterpreterPlugin>) -> impl Iterator<Item = Declaration> {
    let kinds = match &plugin.about().manifest().abilities {
        Abilities::Interprets(kinds) => kinds.as_slice(),
        Abilities::Admits(_) => &[],
    };
    kinds.iter().map(|support| Declaration { plugin: Arc::clone(plugin), support: support.clone() })
}
