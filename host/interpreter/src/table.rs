//! Who answers which operation for which kind.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use windlass_core::{Gvk, Operation};
use windlass_plugins::{Abilities, InterpreterPlugin, KindSupport, Operations, Precedence, Snapshot};

use crate::remote::Webhook;
use crate::respondent::Respondent;

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

/// What a plugin declares for a kind, and where that stands among the others.
#[derive(Clone, Debug)]
pub(crate) struct Declaration<P> {
    pub(crate) plugin: P,
    pub(crate) name: Arc<str>,
    pub(crate) precedence: Precedence,
    pub(crate) priority: i32,
    pub(crate) support: KindSupport,
}

/// The interpreters of one state of the catalogue, by what they declare.
///
/// The order is that of [`Precedence`], then the higher priority, then the more exact kind, then the plugin's name. The
/// first that declares the operation for the kind answers. Among webhooks only the name counts, as it does for Karmada.
pub(crate) struct Table<P> {
    /// For each kind that some plugin names exactly: all who could be asked about it, wildcards included, in order.
    named: HashMap<Gvk, Vec<Answerer<P>>, FxBuildHasher>,
    /// For all other kinds: the wildcards, in order.
    open: Vec<(KindSupport, P)>,
}

/// Group, version and kind are all open.
const WILDCARDS_OF_ANY: usize = 3;

#[derive(Clone, Debug)]
pub(crate) struct Answerer<P> {
    operations: Operations,
    precedence: Precedence,
    plugin: P,
}

impl<P: Clone> Table<P> {
    pub(crate) fn of(mut all: Vec<Declaration<P>>) -> Table<P> {
        all.sort_by_key(|Declaration { plugin: _, name, precedence, priority, support }| {
            let is_exact_first = *precedence != Precedence::Webhook;
            let inexact = if is_exact_first { support.wildcards() } else { 0 };
            (*precedence, Reverse(*priority), inexact, Arc::clone(name))
        });
        let (exact, open): (Vec<_>, Vec<_>) =
            all.into_iter().enumerate().partition(|(_, declaration)| declaration.support.wildcards() == 0);
        let mut named: HashMap<Gvk, Vec<(usize, Declaration<P>)>> = HashMap::new();
        for (rank, declaration) in exact {
            let KindSupport { group, version, kind, .. } = &declaration.support;
            let gvk = Gvk { group: group.clone(), version: version.clone(), kind: kind.clone() };
            named.entry(gvk).or_default().push((rank, declaration));
        }
        let answerers = |gvk: &Gvk, mut by_rank: Vec<(usize, Declaration<P>)>| {
            by_rank.extend(open.iter().filter(|(_, declaration)| declaration.support.matches(gvk)).cloned());
            by_rank.sort_by_key(|(rank, _)| *rank);
            by_rank
                .into_iter()
                .map(|(_, Declaration { plugin, precedence, support, .. })| Answerer {
                    operations: support.operations(),
                    precedence,
                    plugin,
                })
                .collect()
        };
        let named: HashMap<_, _, FxBuildHasher> = named
            .into_iter()
            .map(|(gvk, by_rank)| {
                let answerers = answerers(&gvk, by_rank);
                (gvk, answerers)
            })
            .collect();
        let open =
            open.into_iter().map(|(_, declaration)| (declaration.support, declaration.plugin)).collect();
        Table { named, open }
    }

    /// Who answers `question` about any kind, whichever it is.
    pub(crate) fn find_for_any_kind(&self, question: Question) -> Option<&P> {
        let is_for_any = |support: &KindSupport| support.wildcards() == WILDCARDS_OF_ANY;
        self.open
            .iter()
            .find(|(support, _)| question.is_in(support.operations()) && is_for_any(support))
            .map(|(_, plugin)| plugin)
    }

    /// Who answers `question` for `gvk`.
    pub(crate) fn find(&self, gvk: &Gvk, question: Question) -> Option<&P> {
        self.of_kind(gvk).find(question)
    }

    /// Those who could be asked about `gvk`.
    pub(crate) fn of_kind<'t, 'k>(&'t self, gvk: &'k Gvk) -> OfKind<'t, 'k, P> {
        match self.named.get(gvk) {
            Some(answerers) => OfKind::Named(answerers),
            None => OfKind::Open(&self.open, gvk),
        }
    }
}

/// Those who could be asked about one kind.
pub(crate) enum OfKind<'t, 'k, P> {
    Named(&'t [Answerer<P>]),
    Open(&'t [(KindSupport, P)], &'k Gvk),
}

impl<'t, P> OfKind<'t, '_, P> {
    /// Who of them answers `question`.
    pub(crate) fn find(&self, question: Question) -> Option<&'t P> {
        match self {
            OfKind::Named(answerers) => answerers
                .iter()
                .find(|answerer| question.is_in(answerer.operations))
                .map(|answerer| &answerer.plugin),
            OfKind::Open(answerers, gvk) => answerers
                .iter()
                .find(|(support, _)| question.is_in(support.operations()) && support.matches(gvk))
                .map(|(_, plugin)| plugin),
        }
    }

    /// Who else has a say on `question`, where a customization answers it: the other customizations.
    pub(crate) fn find_more(&self, question: Question) -> impl Iterator<Item = &'t P> {
        let named: &'t [Answerer<P>] = match self {
            OfKind::Named(answerers) => answerers,
            OfKind::Open(..) => &[],
        };
        let mut answerers = named.iter().filter(move |answerer| question.is_in(answerer.operations));
        let is_custom = |answerer: &&Answerer<P>| answerer.precedence == Precedence::Customization;
        let first = answerers.next().filter(is_custom);
        answerers
            .take_while(move |answerer| first.is_some() && is_custom(answerer))
            .map(|answerer| &answerer.plugin)
    }
}

/// All that the interpreters which serve declare, and what the webhooks are asked.
pub(crate) fn declarations(snapshot: &Snapshot, webhooks: &[Arc<Webhook>]) -> Vec<Declaration<Respondent>> {
    let asked = |webhook: &Arc<Webhook>| -> Vec<_> {
        let declaration = |support: &KindSupport| Declaration {
            plugin: Respondent::Webhook(Arc::clone(webhook)),
            name: Arc::clone(webhook.name()),
            precedence: Precedence::Webhook,
            priority: 0,
            support: support.clone(),
        };
        webhook.kinds().iter().map(declaration).collect()
    };
    let declared = |plugin: &Arc<InterpreterPlugin>| -> Vec<_> {
        let about = plugin.about();
        let kinds = match &about.manifest().abilities {
            Abilities::Interprets(kinds) => kinds.as_slice(),
            Abilities::Admits(_) => &[],
        };
        let declaration = |support: &KindSupport| Declaration {
            plugin: Respondent::Plugin(Arc::clone(plugin)),
            name: Arc::clone(about.name()),
            precedence: about.origin().precedence(),
            priority: about.config().priority,
            support: support.clone(),
        };
        kinds.iter().map(declaration).collect()
    };
    snapshot.interpreters().flat_map(declared).chain(webhooks.iter().flat_map(asked)).collect()
}

#[cfg(test)]
mod tests {
    use windlass_core::declared::Declared;

    use super::*;

    const BUILT_IN: (Precedence, i32) = (Precedence::BuiltIn, 0);
    const CUSTOM: (Precedence, i32) = (Precedence::Customization, 0);
    const ADMINS: (Precedence, i32) = (Precedence::Installed, 0);

    fn declares(
        name: &'static str,
        (precedence, priority): (Precedence, i32),
        [group, version, kind]: [&str; 3],
        operation: Operation,
    ) -> Declaration<&'static str> {
        Declaration {
            plugin: name,
            name: name.into(),
            precedence,
            priority,
            support: KindSupport {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                asked: Operations::default().with(operation),
                declared: Declared::default(),
            },
        }
    }

    fn check(declarations: Vec<Declaration<&'static str>>, operation: Operation, want: Option<&str>) {
        let table = Table::of(declarations);
        let gvk = Gvk::new("example.io/v1", "Thing");
        assert_eq!(table.find(&gvk, Question::Operation(operation)).copied(), want);
    }

    use Operation::{InterpretHealth as Health, InterpretReplica as Replica};

    const EXACT: [&str; 3] = ["example.io", "v1", "Thing"];
    const ANY_VERSION: [&str; 3] = ["example.io", "*", "Thing"];
    const ANY: [&str; 3] = ["*", "*", "*"];

    #[test]
    fn what_an_administrator_chose_goes_before_what_is_built_in() {
        check(
            vec![declares("built-in", BUILT_IN, EXACT, Health), declares("chosen", ADMINS, ANY, Health)],
            Health,
            Some("chosen"),
        );
    }

    #[test]
    fn a_customization_goes_before_what_is_built_in_and_after_what_an_administrator_chose() {
        let custom = || declares("custom", CUSTOM, EXACT, Health);
        check(
            vec![declares("built-in", (Precedence::BuiltIn, 9), EXACT, Health), custom()],
            Health,
            Some("custom"),
        );
        check(vec![custom(), declares("chosen", ADMINS, ANY, Health)], Health, Some("chosen"));
    }

    #[test]
    fn webhooks_go_between_by_their_names_alone() {
        const WEBHOOK: (Precedence, i32) = (Precedence::Webhook, 0);
        let webhooks = || vec![declares("b", WEBHOOK, EXACT, Health), declares("a", WEBHOOK, ANY, Health)];
        check(webhooks(), Health, Some("a"));
        let with = |more| webhooks().into_iter().chain([more]).collect::<Vec<_>>();
        check(with(declares("built-in", BUILT_IN, EXACT, Health)), Health, Some("a"));
        check(with(declares("custom", CUSTOM, ANY, Health)), Health, Some("custom"));
    }

    #[test]
    fn only_customizations_have_more_than_one_say() {
        let more = |declarations| {
            let table = Table::of(declarations);
            let gvk = Gvk::new("example.io/v1", "Thing");
            table.of_kind(&gvk).find_more(Question::Operation(Health)).copied().collect::<Vec<_>>()
        };
        let customs = || [declares("a", CUSTOM, EXACT, Health), declares("b", CUSTOM, EXACT, Health)];
        let built_in = || declares("built-in", BUILT_IN, EXACT, Health);
        let chosen = declares("chosen", ADMINS, EXACT, Health);
        assert_eq!(more(customs().into_iter().chain([built_in()]).collect()), ["b"]);
        assert!(more(customs().into_iter().chain([chosen]).collect()).is_empty());
        assert!(more(vec![built_in(), declares("other", BUILT_IN, EXACT, Health)]).is_empty());
    }

    #[test]
    fn the_higher_priority_goes_before_the_more_exact_kind() {
        check(
            vec![
                declares("exact", ADMINS, EXACT, Health),
                declares("urgent", (Precedence::Installed, 1), ANY, Health),
            ],
            Health,
            Some("urgent"),
        );
        check(
            vec![
                declares("any", BUILT_IN, ANY, Health),
                declares("any-version", BUILT_IN, ANY_VERSION, Health),
                declares("exact", BUILT_IN, EXACT, Health),
            ],
            Health,
            Some("exact"),
        );
    }

    #[test]
    fn who_does_not_declare_the_operation_is_passed_over() {
        let declarations = vec![
            declares("health", ADMINS, EXACT, Health),
            declares("replicas", BUILT_IN, ANY_VERSION, Replica),
        ];
        check(declarations.clone(), Replica, Some("replicas"));
        check(declarations, Operation::Retain, None);
    }

    #[test]
    fn a_wildcard_answers_for_kinds_that_nobody_names() {
        check(vec![declares("any", BUILT_IN, ANY, Health)], Health, Some("any"));
        check(vec![declares("other", BUILT_IN, ["example.io", "v1", "Other"], Health)], Health, None);
    }
}
