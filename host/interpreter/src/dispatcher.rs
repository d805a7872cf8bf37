//! The interpreter that the control plane asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use serde_json::Value;
use windlass_api::config::DependentObjectReference;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{
    Answer, Answered, Ask, CallError, Gvk, Inspection, Interpreter, Object, Operation, WorkloadPods,
};
use windlass_plugins::{Catalogue, InterpreterPlugin};

use crate::memo::{Memo, MemoCounts};
use crate::remote::{Query, Webhooks};
use crate::respondent::Respondent;
use crate::table::{Question, Table, declarations};

/// Asks the plugins of a catalogue, and webhooks. What changes there is seen by the next call; no call takes a lock for
/// it.
pub struct Dispatcher {
    catalogue: Arc<Catalogue>,
    webhooks: Webhooks,
    table: ArcSwap<Current>,
    /// Only questions about one object are remembered, the ones that are asked again and again. Those that bring a
    /// second object along hardly ever are.
    inspections: Memo<Ask, Inspection>,
    revisions: Memo<i32, Result<Object, CallError>>,
}

/// Who answers, as of one state of the catalogue and the webhooks.
struct Current {
    generation: u64,
    table: Table<Respondent>,
}

impl Current {
    fn of(catalogue: &Catalogue, webhooks: &Webhooks) -> Current {
        // The numbers first: what changes after that is no older than they say, and is looked at again.
        let generation = webhooks.generation();
        let snapshot = catalogue.snapshot();
        let table = Table::of(declarations(&snapshot, &webhooks.list()));
        Current { generation: snapshot.generation() + generation, table }
    }
}

/// How much of the memory is for inspections, and for what webhooks answer; the rest is for revisions.
const INSPECTIONS_PERCENT: usize = 70;
const WEBHOOKS_PERCENT: usize = 10;

impl Dispatcher {
    /// Remembers answers in at most about `memo_bytes`; 0 remembers nothing.
    pub fn new(catalogue: Arc<Catalogue>, memo_bytes: usize) -> Dispatcher {
        let for_inspections = memo_bytes / 100 * INSPECTIONS_PERCENT;
        let for_webhooks = memo_bytes / 100 * WEBHOOKS_PERCENT;
        let webhooks = Webhooks::new(for_webhooks);
        let table = ArcSwap::from_pointee(Current::of(&catalogue, &webhooks));
        Dispatcher {
            catalogue,
            webhooks,
            table,
            inspections: Memo::new(for_inspections),
            revisions: Memo::new(memo_bytes - for_inspections - for_webhooks),
        }
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The webhooks that are asked too; none until they are set.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// Changes whenever somebody else may answer.
    pub fn generation(&self) -> u64 {
        // Both only grow, so their sum changes if one of them does.
        self.catalogue.generation() + self.webhooks.generation()
    }

    /// How often an answer was remembered.
    pub fn memo_counts(&self) -> MemoCounts {
        let counts = [self.inspections.counts(), self.revisions.counts(), self.webhooks.memo_counts()];
        MemoCounts {
            hits: counts.iter().map(|counts| counts.hits).sum(),
            misses: counts.iter().map(|counts| counts.misses).sum(),
        }
    }

    /// Who answers now.
    fn current(&self) -> Guard<Arc<Current>> {
        let current = self.table.load();
        if current.generation == self.generation() {
            return current;
        }
        drop(current);
        // Several callers may do this at once; each stores what is no older than what it found wanting.
        self.table.store(Arc::new(Current::of(&self.catalogue, &self.webhooks)));
        self.table.load()
    }

    /// What only plugins are asked.
    fn ask<T>(
        &self,
        object: &Object,
        question: Question,
        ask: impl FnOnce(&InterpreterPlugin) -> Result<T, CallError>,
    ) -> Answer<T> {
        let current = self.current();
        let plugin = current.table.find(object.gvk(), question)?.plugin()?;
        Some(Answered { by: Arc::clone(plugin.about().name()), result: ask(plugin) })
    }

    /// The object as it becomes.
    fn change(
        &self,
        object: &Object,
        query: Query<'_>,
        ask: impl FnOnce(&InterpreterPlugin) -> Result<Object, CallError>,
    ) -> Answer<Object> {
        let current = self.current();
        let respondent = current.table.find(object.gvk(), Question::Operation(query.operation()))?;
        let result = match respondent {
            Respondent::Plugin(plugin) => ask(plugin),
            Respondent::Webhook(webhook) => self.webhooks.change(webhook, object, query),
        };
        Some(Answered { by: Arc::clone(respondent.name()), result })
    }
}

impl Interpreter for Dispatcher {
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>> {
        let current = self.current();
        current
            .table
            .find(gvk, Question::Operation(operation))
            .map(|respondent| Arc::clone(respondent.name()))
    }

    fn inspect(&self, object: &Object, ask: Ask) -> Inspection {
        let current = self.current();
        let answerers = current.table.of_kind(object.gvk());
        let mut inspection = Inspection::default();
        let mut left = ask;
        // Each round puts all questions that go to one respondent, in one call.
        while let Some(first) = left.operations().next() {
            let respondent = answerers.find(Question::Operation(first));
            let same = left
                .operations()
                .filter(|operation| {
                    let other = answerers.find(Question::Operation(*operation));
                    match (respondent, other) {
                        (Some(respondent), Some(other)) => respondent.is(other),
                        (None, None) => true,
                        _ => false,
                    }
                })
                .fold(Ask::default(), |asked, operation| union(asked, Ask::only(operation)));
            match respondent {
                Some(Respondent::Plugin(plugin)) => {
                    let identity = plugin.about().identity();
                    let answers =
                        self.inspections.answer(identity, same, object, || plugin.inspect(object, same));
                    if left == ask { inspection = answers } else { merge(&mut inspection, answers) }
                }
                Some(Respondent::Webhook(webhook)) => {
                    merge(&mut inspection, self.webhooks.inspect(webhook, object, same));
                }
                None => {}
            }
            left = without(left, same);
        }
        let question = Question::Operation(Operation::InterpretDependency);
        let ask_more = Ask::only(Operation::InterpretDependency);
        for plugin in answerers.find_more(question).filter_map(Respondent::plugin) {
            if !matches!(&inspection.dependencies, Some(Answered { result: Ok(_), .. })) {
                break;
            }
            let identity = plugin.about().identity();
            let more =
                self.inspections.answer(identity, ask_more, object, || plugin.inspect(object, ask_more));
            join(&mut inspection.dependencies, more.dependencies);
        }
        inspection
    }

    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Object> {
        self.change(object, Query::ReviseReplica(replicas), |plugin| {
            let identity = plugin.about().identity();
            self.revisions.answer(identity, replicas, object, || plugin.revise_replica(object, replicas))
        })
    }

    fn retain(&self, desired: &Object, observed: &Object) -> Answer<Object> {
        self.change(desired, Query::Retain(observed), |plugin| plugin.retain(desired, observed))
    }

    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Object> {
        self.change(object, Query::AggregateStatus(items), |plugin| plugin.aggregate_status(object, items))
    }

    /// The kind's own plugin adds to what the policy's rules name, which the plugin for any kind reads. Where both
    /// have a value for a label, the policy's goes.
    fn preserve_state(
        &self,
        object: &Object,
        rules: &[StatePreservationRule],
    ) -> Answer<BTreeMap<String, String>> {
        let question = Question::Operation(Operation::PreserveState);
        let current = self.current();
        let own = current.table.find(object.gvk(), question)?.plugin()?;
        let for_any = current.table.find_for_any_kind(question).and_then(Respondent::plugin);
        let by_rules = for_any.filter(|plugin| !Arc::ptr_eq(plugin, own));
        let result = own.preserve_state(object, rules).and_then(|mut state| {
            if let Some(plugin) = by_rules.filter(|_| !rules.is_empty()) {
                state.extend(plugin.preserve_state(object, rules)?);
            }
            Ok(state)
        });
        Some(Answered { by: Arc::clone(own.about().name()), result })
    }

    fn restore_state(&self, object: &Object, state: &BTreeMap<String, String>) -> Answer<Object> {
        self.ask(object, Question::Operation(Operation::RestoreState), |plugin| {
            plugin.restore_state(object, state)
        })
    }

    fn simulate_status(&self, object: &Object, pods: &WorkloadPods, nodes: u32) -> Answer<Value> {
        self.ask(object, Question::SimulatedStatus, |plugin| plugin.simulate_status(object, pods, nodes))
    }
}

fn union(one: Ask, other: Ask) -> Ask {
    Ask {
        replicas: one.replicas | other.replicas,
        components: one.components | other.components,
        dependencies: one.dependencies | other.dependencies,
        status: one.status | other.status,
        health: one.health | other.health,
    }
}

fn without(ask: Ask, done: Ask) -> Ask {
    Ask {
        replicas: ask.replicas & !done.replicas,
        components: ask.components & !done.components,
        dependencies: ask.dependencies & !done.dependencies,
        status: ask.status & !done.status,
        health: ask.health & !done.health,
    }
}

/// Adds what another one has to say. Half of what must travel along is not an answer: a failure is all of it.
fn join(into: &mut Answer<Vec<DependentObjectReference>>, more: Answer<Vec<DependentObjectReference>>) {
    if let Some(Answered { result: Ok(known), .. }) = into
        && let Some(Answered { result: Ok(more), .. }) = more
    {
        for dependent in more {
            if !known.contains(&dependent) {
                known.push(dependent);
            }
        }
    } else {
        *into = more;
    }
}

fn merge(into: &mut Inspection, from: Inspection) {
    let Inspection { replicas, components, dependencies, status, health } = from;
    into.replicas = into.replicas.take().or(replicas);
    into.components = into.components.take().or(components);
    into.dependencies = into.dependencies.take().or(dependencies);
    into.status = into.status.take().or(status);
    into.health = into.health.take().or(health);
}
