//! A plugin that is worked on: a component, loaded alone, as the control plane would load it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use windlass_core::Gvk;
use windlass_core::admission::AdmissionRequest;
use windlass_interpreter::Dispatcher;
use windlass_plugins::{
    Abilities, AdmissionChain, Catalogue, CodeCache, Engine, EngineConfig, EngineError, Isolation, Journal,
    Limits, LoadError, Origin, Plugin, PluginConfig, PluginStatus,
};

use crate::case::Case;
use crate::hook;
use crate::outcome::Outcome;
use crate::question::{InputError, Question};

/// A component that can't be worked on.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Load(#[from] Arc<LoadError>),
}

/// One loaded plugin.
pub struct Subject {
    catalogue: Arc<Catalogue>,
    interpreter: Dispatcher,
    hooks: AdmissionChain,
    origin: Origin,
    wasm: Vec<u8>,
}

/// A question that is ready to be put.
pub struct Prepared(Asked);

enum Asked {
    Interpreter(Question),
    Hook(Box<AdmissionRequest>),
    /// The plugin need not be asked, or can't be.
    Nothing(Outcome),
}

/// What an interpreter declares and no case asks for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uncovered {
    pub api_version: String,
    pub kind: String,
    pub operation: &'static str,
}

/// No more than one is asked at a time.
const INSTANCES: u32 = 4;

impl Subject {
    /// Loads the component in `file`; its compiled code is kept in `code`.
    ///
    /// # Errors
    /// It can't be read, or is no plugin.
    pub fn load(file: &Path, code: CodeCache) -> Result<Subject, SubjectError> {
        let wasm =
            std::fs::read(file).map_err(|source| SubjectError::Read { path: file.to_owned(), source })?;
        Subject::of(Origin::File(file.to_owned()), wasm, code)
    }

    /// Loads a component from memory.
    ///
    /// # Errors
    /// It is no plugin.
    pub fn of(origin: Origin, wasm: Vec<u8>, code: CodeCache) -> Result<Subject, SubjectError> {
        let engine = Engine::new(EngineConfig { instances: INSTANCES, ..EngineConfig::default() })?;
        let catalogue = Arc::new(Catalogue::new(engine, code));
        catalogue.load(&origin, &wasm, PluginConfig::default())?;
        Ok(Subject {
            interpreter: Dispatcher::new(Arc::clone(&catalogue), 0),
            hooks: AdmissionChain::new(Arc::clone(&catalogue)),
            catalogue,
            origin,
            wasm,
        })
    }

    /// The plugin as it is loaded now.
    pub fn plugin(&self) -> Plugin {
        let snapshot = self.catalogue.snapshot();
        let plugin = snapshot.entries().iter().find_map(|entry| entry.plugin.clone());
        plugin.expect("it was loaded when this was made, and nothing removes it")
    }

    /// What its instances left behind since the last time.
    pub fn take_journal(&self) -> Journal {
        self.plugin().take_journal()
    }

    /// The interfaces that the component imports.
    pub fn imports(&self) -> Vec<String> {
        self.catalogue.imports(&self.wasm)
    }

    /// How it stands, as `windlass plugin list` tells of it.
    pub fn status(&self) -> Option<PluginStatus> {
        self.catalogue.snapshot().status().into_iter().next()
    }

    /// The component's size.
    pub fn bytes(&self) -> usize {
        self.wasm.len()
    }

    /// Puts one input to it, on a warm instance.
    ///
    /// # Errors
    /// The input asks nothing.
    pub fn ask(&self, input: &Value) -> Result<Outcome, InputError> {
        Ok(self.put(&self.prepare(input, Isolation::Warm)?))
    }

    /// Makes everything ready for one input to be put, any number of times.
    ///
    /// # Errors
    /// The input asks nothing.
    pub fn prepare(&self, input: &Value, isolation: Isolation) -> Result<Prepared, InputError> {
        let asked = match self.plugin() {
            Plugin::Interpreter(_) => Asked::Interpreter(Question::read(input)?),
            Plugin::Admission(_) => match hook::read(input)? {
                hook::Question::CheckSettings => Asked::Nothing(Outcome::Result(Value::Bool(true))),
                hook::Question::Admit(request) if self.watches(&request) => Asked::Hook(request),
                hook::Question::Admit(_) => Asked::Nothing(Outcome::Undeclared),
            },
        };
        let config = PluginConfig {
            settings: input["settings"].clone(),
            limits: Limits { isolation, ..Limits::default() },
            ..PluginConfig::default()
        };
        if *self.plugin().about().config() != config
            && let Some(Err(error)) = self.catalogue.configure(&self.origin, config)
        {
            return Ok(Prepared(Asked::Nothing(Outcome::refused(&error))));
        }
        Ok(Prepared(asked))
    }

    /// Asks.
    pub fn put(&self, prepared: &Prepared) -> Outcome {
        let outcome = match &prepared.0 {
            Asked::Interpreter(question) => question.ask(&self.interpreter),
            Asked::Hook(request) => hook::admit(&self.hooks, request),
            Asked::Nothing(outcome) => outcome.clone(),
        };
        // One that has failed is held back for a while. The next question is another one.
        if matches!(outcome, Outcome::Failed { .. }) {
            self.begin_anew();
        }
        outcome
    }

    /// Whether the answer to `input` is declared, so that no instance is asked.
    pub fn declares(&self, input: &Value) -> bool {
        let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
        let object = &input["object"];
        let gvk = Gvk::new(&text(&object["apiVersion"]), &text(&object["kind"]));
        match (self.plugin(), text(&input["operation"]).parse()) {
            (Plugin::Interpreter(plugin), Ok(operation)) => plugin.declares(&gvk, operation),
            _ => false,
        }
    }

    fn watches(&self, request: &AdmissionRequest) -> bool {
        match &self.plugin().about().manifest().abilities {
            Abilities::Admits(rules) => rules.iter().any(|rule| rule.matches(request)),
            Abilities::Interprets(_) => false,
        }
    }

    fn begin_anew(&self) {
        let config = self.plugin().about().config().clone();
        self.catalogue.remove(&self.origin);
        self.catalogue
            .load(&self.origin, &self.wasm, config)
            .expect("what was loaded once, with these settings, is loaded again");
    }

    /// What it declares and none of `cases` asks for. Hooks declare nothing that could be told from a case.
    pub fn uncovered(&self, cases: &[Case]) -> Vec<Uncovered> {
        let plugin = self.plugin();
        let Abilities::Interprets(kinds) = &plugin.about().manifest().abilities else { return Vec::new() };
        let declared = kinds.iter().flat_map(|support| {
            let api_version = match (support.group.as_str(), support.version.as_str()) {
                ("" | "*", version) => version.to_owned(),
                (group, version) => format!("{group}/{version}"),
            };
            let operations = support.operations();
            let simulates = operations.simulates_status.then_some("SimulateStatus");
            let operations = operations.iter().map(|operation| operation.name()).chain(simulates);
            operations.map(move |operation| Uncovered {
                api_version: api_version.clone(),
                kind: support.kind.clone(),
                operation,
            })
        });
        let asks_for = |case: &Case, Uncovered { api_version, kind, operation }: &Uncovered| {
            let object = &case.input["object"];
            case.operation() == *operation
                && (kind == "*" || object["kind"] == kind.as_str())
                && (api_version == "*" || object["apiVersion"] == api_version.as_str())
        };
        declared.filter(|declared| !cases.iter().any(|case| asks_for(case, declared))).collect()
    }
}
