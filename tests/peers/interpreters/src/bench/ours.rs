//! Our side: the dispatcher that the controllers ask, over the built-in plugins.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use windlass_api::work::AggregatedStatusItem;
use windlass_bundle::World;
use windlass_core::{Answer, Ask, Interpreter, Object, Operation};
use windlass_interpreter::Dispatcher;
use windlass_plugins::{Candidate, Catalogue, CodeCache, Engine, EngineConfig, Origin, PluginConfig, Wasm};

use crate::asked::Question;

/// The built-in plugins, asked anew each time and asked with a memory.
pub(super) struct Ours {
    forgetful: Dispatcher,
    remembering: Dispatcher,
}

/// A question as the controllers put it: objects are what they hold, text without `managedFields`.
pub(super) struct Call<'a> {
    ours: &'a Ours,
    operation: Operation,
    object: Object,
    observed: Option<Object>,
    replicas: i32,
    items: Vec<AggregatedStatusItem>,
}

const MEMO_BYTES: usize = 256 << 20;
const WARM_UP: Duration = Duration::from_millis(20);
const CALLS_BETWEEN_CLOCKS: u32 = 8;

impl Ours {
    /// # Errors
    /// A built-in plugin doesn't load.
    pub(super) fn load() -> anyhow::Result<Ours> {
        let engine = Engine::new(EngineConfig { instances: 200, ..EngineConfig::default() })?;
        let catalogue = Arc::new(Catalogue::new(engine, CodeCache::disabled()));
        let candidates: Vec<_> = windlass_bundle::PLUGINS
            .iter()
            .filter(|plugin| plugin.world == World::Interpreter)
            .map(|plugin| Candidate {
                origin: Origin::BuiltIn(plugin.name.into()),
                wasm: Wasm::Bytes(plugin.wasm),
                config: PluginConfig::default(),
            })
            .collect();
        for loaded in catalogue.load_all(&candidates) {
            loaded.context("a built-in plugin")?;
        }
        Ok(Ours {
            forgetful: Dispatcher::new(Arc::clone(&catalogue), 0),
            remembering: Dispatcher::new(catalogue, MEMO_BYTES),
        })
    }

    /// # Errors
    /// The question lacks an argument.
    pub(super) fn call(&self, Question(question): &Question) -> anyhow::Result<Call<'_>> {
        let observed = question.get("observed").map(Object::from_value).transpose()?;
        Ok(Call {
            ours: self,
            operation: question["op"].as_str().unwrap_or_default().parse()?,
            object: Object::from_value(&question["object"])?,
            observed,
            replicas: question["replicas"].as_i64().map_or(Ok(0), i32::try_from)?,
            items: match question.get("items") {
                Some(items) => serde_json::from_value(items.clone())?,
                None => Vec::new(),
            },
        })
    }
}

impl Call<'_> {
    /// Whether this is answered, and no error.
    pub(super) fn check(&self) -> Result<(), String> {
        self.put(&self.ours.forgetful)
    }

    /// Whether something is kept of the member's object that the desired one does not have already.
    pub(super) fn retains(&self) -> bool {
        let Call { ours, object, observed, .. } = self;
        let answer = observed.as_ref().and_then(|observed| ours.forgetful.retain(object, observed));
        answer.is_some_and(|answered| answered.result.is_ok_and(|retained| retained != *object))
    }

    /// How many bytes of JSON go in.
    pub(super) fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// The objects' JSON.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.object).chain(&self.observed).map(Object::json)
    }

    pub(super) fn warm_up(&self) {
        self.round(WARM_UP);
    }

    /// Asks for so long; the nanoseconds of a call.
    pub(super) fn round(&self, round: Duration) -> f64 {
        repeatedly(round, || self.put(&self.ours.forgetful))
    }

    /// Asks what is remembered for so long; `None` for what never is.
    pub(super) fn remembered_round(&self, round: Duration) -> Option<f64> {
        let dispatcher = &self.ours.remembering;
        self.put(dispatcher).ok()?;
        let before = dispatcher.memo_counts().hits;
        let nanoseconds = repeatedly(round, || self.put(dispatcher));
        (dispatcher.memo_counts().hits > before).then_some(nanoseconds)
    }

    /// Asks once, of those who forget.
    pub(super) fn ask(&self) {
        black_box(self.check().is_ok());
    }

    fn put(&self, dispatcher: &Dispatcher) -> Result<(), String> {
        let Call { ours: _, operation, object, observed, replicas, items } = self;
        let object = black_box(object);
        let inspect = || dispatcher.inspect(object, Ask::only(*operation));
        match operation {
            Operation::InterpretReplica => good(inspect().replicas),
            Operation::InterpretComponent => good(inspect().components),
            Operation::InterpretDependency => good(inspect().dependencies),
            Operation::InterpretStatus => good(inspect().status),
            Operation::InterpretHealth => good(inspect().health),
            Operation::ReviseReplica => good(dispatcher.revise_replica(object, *replicas)),
            Operation::Retain => good(dispatcher.retain(object, observed.as_ref().unwrap_or(object))),
            Operation::AggregateStatus => good(dispatcher.aggregate_status(object, items)),
            Operation::PreserveState | Operation::RestoreState => {
                Err(format!("Karmada knows no {operation}"))
            }
        }
    }
}

fn good<T>(answer: Answer<T>) -> Result<(), String> {
    match answer {
        Some(answered) => black_box(answered.result).map(drop).map_err(|error| error.to_string()),
        None => Err("no plugin answers".to_owned()),
    }
}

pub(super) fn repeatedly<T>(round: Duration, mut ask: impl FnMut() -> T) -> f64 {
    let begun = Instant::now();
    let mut calls = 0u32;
    loop {
        for _ in 0..CALLS_BETWEEN_CLOCKS {
            black_box(ask());
        }
        calls += CALLS_BETWEEN_CLOCKS;
        let spent = begun.elapsed();
        if spent >= round {
            return spent.as_nanos() as f64 / f64::from(calls);
        }
    }
}
