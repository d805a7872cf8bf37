//! The interpreter that the control plane asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use serde_json::Value;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{
    Answer, Answered, Ask, CallError, Gvk, Inspection, Interpreter, Object, Operation, WorkloadPods,
};
use windlass_plugins::{Catalogue, InterpreterPlugin};

use crate::memo::{Memo, MemoCounts};
use crate::table::{Question, Table, declarations};

/// Asks the plugins of a catalogue. What the catalogue changes is seen by the next call; no call takes a lock for it.
pub struct Dispatcher {
    catalogue: Arc<Catalogue>,
    table: ArcSwap<Current>,
    /// Only questions about one object are remembered, the ones that are asked again and again. Those that bring a
    /// second object along hardly ever are.
    inspections: Memo<Ask, Inspection>,
    revisions: Memo<i32, Result<Value, CallError>>,
}

/// Who answers, as of one state of the catalogue.
struct Current {
    generation: u64,
    table: Table<Arc<InterpreterPlugin>>,
}

impl Current {
    fn of(catalogue: &Catalogue) -> Current {
        let snapshot = catalogue.snapshot();
        Current { generation: snapshot.generation(), table: Table::of(declarations(&snapshot)) }
    }
}

/// How much of the memory is for inspections; the rest is for revisions.
const INSPECTIONS_PERCENT: usize = 75;

impl Dispatcher {
    /// Remembers answers in at most about `memo_bytes`; 0 remembers nothing.
    pub fn new(catalogue: Arc<Catalogue>, memo_bytes: usize) -> Dispatcher {
        let table = ArcSwap::from_pointee(Current::of(&catalogue));
        let for_inspections = memo_bytes / 100 * INSPECTIONS_PERCENT;
        Dispatcher {
            catalogue,
            table,
            inspections: Memo::new(for_inspections),
            revisions: Memo::new(memo_bytes - for_inspections),
        }
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// How often an answer was remembered.
    pub fn memo_counts(&self) -> MemoCounts {
        let (inspections, revisions) = (self.inspections.counts(), self.revisions.counts());
        MemoCounts { hits: inspections.hits + revisions.hits, misses: inspections.misses + revisions.misses }
    }

    /// Who answers now.
    fn current(&self) -> Guard<Arc<Current>> {
        let current = self.table.load();
        if current.generation == self.catalogue.generation() {
            return current;
        }
        drop(current);
        // Several callers may do this at once; each stores what is no older than what it found wanting.
        self.table.store(Arc::new(Current::of(&self.catalogue)));
        self.table.load()
    }

    fn ask<T>(
        &self,
        object: &Object,
        question: Question,
        ask: impl FnOnce(&InterpreterPlugin) -> Result<T, CallError>,
    ) -> Answer<T> {
        let current = self.current();
        let plugin = current.table.find(object.gvk(), question)?;
        Some(Answered { by: Arc::clone(plugin.about().name()), result: ask(plugin) })
    }
}

impl Interpreter for Dispatcher {
    fn enabled(&self, gvk: &Gvk, operation: Operation) -> Option<Arc<str>> {
        let current = self.current();
        current
            .table
            .find(gvk, Question::Operation(operation))
            .map(|plugin| Arc::clone(plugin.about().name()))
    }

    fn inspect(&self, object: &Object, ask: Ask) -> Inspection {
        let current = self.current();
        let mut inspection = Inspection::default();
        let mut left = ask;
        // Each round puts all questions that go to one plugin, in one call.
        while let Some(first) = left.operations().next() {
            let plugin = current.table.find(object.gvk(), Question::Operation(first));
            let same = left
                .operations()
                .filter(|operation| {
                    let other = current.table.find(object.gvk(), Question::Operation(*operation));
                    match (plugin, other) {
                        (Some(plugin), Some(other)) => Arc::ptr_eq(plugin, other),
                        (None, None) => true,
                        _ => false,
                    }
                })
                .fold(Ask::default(), |asked, operation| union(asked, Ask::only(operation)));
            if let Some(plugin) = plugin {
                let identity = plugin.about().identity();
                let answers =
                    self.inspections.answer(identity, same, object, || plugin.inspect(object, same));
                merge(&mut inspection, answers);
            }
            left = without(left, same);
        }
        inspection
    }

    fn revise_replica(&self, object: &Object, replicas: i32) -> Answer<Value> {
        self.ask(object, Question::Operation(Operation::ReviseReplica), |plugin| {
            let identity = plugin.about().identity();
            self.revisions.answer(identity, replicas, object, || plugin.revise_replica(object, replicas))
        })
    }

    fn retain(&self, desired: &Object, observed: &Object) -> Answer<Value> {
        self.ask(desired, Question::Operation(Operation::Retain), |plugin| plugin.retain(desired, observed))
    }

    fn aggregate_status(&self, object: &Object, items: &[AggregatedStatusItem]) -> Answer<Value> {
        self.ask(object, Question::Operation(Operation::AggregateStatus), |plugin| {
            plugin.aggregate_status(object, items)
        })
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
        let own = current.table.find(object.gvk(), question)?;
        let by_rules = current.table.find_for_any_kind(question).filter(|plugin| !Arc::ptr_eq(plugin, own));
        let result = own.preserve_state(object, rules).and_then(|mut state| {
            if let Some(plugin) = by_rules.filter(|_| !rules.is_empty()) {
                state.extend(plugin.preserve_state(object, rules)?);
            }
            Ok(state)
        });
        Some(Answered { by: Arc::clone(own.about().name()), result })
    }

    fn restore_state(&self, object: &Object, state: &BTreeMap<String, String>) -> Answer<Value> {
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

fn merge(into: &mut Inspection, from: Inspection) {
    let Inspection { replicas, components, dependencies, status, health } = from;
    into.replicas = into.replicas.take().or(replicas);
    into.components = into.components.take().or(components);
    into.dependencies = into.dependencies.take().or(dependencies);
    into.status = into.status.take().or(status);
    into.health = into.health.take().or(health);
}
