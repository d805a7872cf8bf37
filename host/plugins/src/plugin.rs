//! One loaded plugin, ready to be asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::admission::AdmissionRequest;
use windlass_core::declared::Unfit;
use windlass_core::{
    Answered, Ask, CallError, Change, Fence, Gvk, Inspection, Json, Object, ObjectId, Operation,
    WorkloadPods, change,
};

use crate::contract::answers::rejected;
use crate::contract::{AdmissionCalls, Admitted, InterpreterCalls, Manifest, World};
use crate::declared::Declarations;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::health::{Counts, Health};
use crate::journal::Journal;
use crate::limits::Limits;

/// Where a plugin's bytes come from. There is at most one plugin of each origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// By an administrator, through the API; the object's name.
    Installed(Arc<str>),
    /// A file of a watched directory.
    File(PathBuf),
    /// Scripts of a ResourceInterpreterCustomization; the object's name.
    Customization(Arc<str>),
    /// Part of the binary.
    BuiltIn(Arc<str>),
}

impl Origin {
    /// Where plugins of this origin stand among those who could answer.
    pub const fn precedence(&self) -> Precedence {
        match self {
            Origin::Installed(_) | Origin::File(_) => Precedence::Installed,
            Origin::Customization(_) => Precedence::Customization,
            Origin::BuiltIn(_) => Precedence::BuiltIn,
        }
    }
}

/// Who is asked before whom. An administrator's plugin goes first; the others are in Karmada's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// Plugins that an administrator chose.
    Installed,
    /// ResourceInterpreterCustomizations.
    Customization,
    /// Interpreter webhooks: no plugins, but asked among them.
    Webhook,
    /// What is part of the binary.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Installed(name) => write!(f, "installed plugin {name}"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Customization(name) => write!(f, "ResourceInterpreterCustomization {name}"),
            Origin::BuiltIn(name) => write!(f, "built-in {name}"),
        }
    }
}

/// What an administrator decides about a plugin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginConfig {
    /// Of two plugins that answer for the same kind, the one with the higher priority is asked.
    pub priority: i32,
    pub limits: Limits,
    /// The plugin's own; `Null` where none are given.
    pub settings: Value,
    pub failure_policy: FailurePolicy,
}

/// What becomes of a request when an admission plugin fails at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The request fails.
    #[default]
    Fail,
    /// The request passes that plugin by, with a warning.
    Ignore,
}

impl FailurePolicy {
    /// `Fail` or `Ignore`, as in webhook configurations.
    pub const fn name(self) -> &'static str {
        match self {
            FailurePolicy::Fail => "Fail",
            FailurePolicy::Ignore => "Ignore",
        }
    }
}

/// What is known of a loaded plugin.
pub struct About {
    name: Arc<str>,
    manifest: Manifest,
    world: World,
    digest: Digest,
    identity: Digest,
    origin: Origin,
    config: PluginConfig,
    health: Arc<Health>,
}

impl About {
    pub(crate) fn new(
        manifest: Manifest,
        world: World,
        digest: Digest,
        origin: Origin,
        config: PluginConfig,
        health: Arc<Health>,
    ) -> About {
        let name = match &origin {
            // All are of one plugin, so its own name tells nobody which it is. No plugin's name has a dot.
            Origin::Customization(customization) => format!("customization.{customization}").into(),
            _ => manifest.name.as_str().into(),
        };
        let identity = digest.with(&config.settings);
        About { name, manifest, world, digest, identity, origin, config, health }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn world(&self) -> World {
        self.world
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What its answers depend on beside the questions: its bytes, and its settings where it has some.
    pub fn identity(&self) -> Digest {
        self.identity
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn config(&self) -> &PluginConfig {
        &self.config
    }

    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// What it was asked so far, and how it failed.
    pub fn counts(&self) -> Counts {
        self.health.counts()
    }

    pub fn last_error(&self) -> Option<CallError> {
        self.health.last_error()
    }

    /// How long calls are still refused after failures in a row, if they are.
    pub fn held_back(&self) -> Option<std::time::Duration> {
        self.health.held(std::time::Instant::now())
    }

    fn run<T>(
        &self,
        call: &'static str,
        object: &ObjectId,
        run: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, CallError> {
        self.health.watch(run).map_err(|fault| self.blamed(call, object, fault))
    }

    /// As [`run`](Self::run), of what is declared. It says nothing of how the plugin does, so it is answered while that
    /// is held back, too.
    fn declared<T>(
        &self,
        operation: Operation,
        object: &ObjectId,
        answer: impl FnOnce() -> Result<T, Unfit>,
    ) -> Result<T, CallError> {
        self.health.count_declared();
        answer().map_err(|Unfit { field, message }| {
            self.blamed(operation.name(), object, rejected(field, message))
        })
    }

    fn blamed(&self, call: &'static str, object: &ObjectId, fault: Fault) -> CallError {
        let Fault { blame, mut message } = fault;
        // It ends up in conditions, events and logs, and a plugin may have had its part in it.
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        let error =
            CallError { plugin: Arc::clone(&self.name), call, object: object.clone().into(), blame, message };
        self.health.failed(&error);
        error
    }
}

/// How much of an error's message is kept.
const MESSAGE_BYTES_MAX: usize = 2 << 10;

/// A plugin that says what resources mean.
pub struct InterpreterPlugin {
    about: About,
    declarations: Declarations,
    calls: Box<dyn InterpreterCalls>,
}

/// A plugin that says what may be stored.
pub struct AdmissionPlugin {
    about: About,
    calls: Box<dyn AdmissionCalls>,
    settings: String,
}

/// A loaded plugin of either world. Cloning is cheap.
#[derive(Clone)]
pub enum Plugin {
    Interpreter(Arc<InterpreterPlugin>),
    Admission(Arc<AdmissionPlugin>),
}

impl Plugin {
    pub fn about(&self) -> &About {
        match self {
            Plugin::Interpreter(plugin) => &plugin.about,
            Plugin::Admission(plugin) => &plugin.about,
        }
    }

    /// What its instances left behind since the last time somebody took it.
    pub fn take_journal(&self) -> Journal {
        match self {
            Plugin::Interpreter(plugin) => plugin.calls.take_journal(),
            Plugin::Admission(plugin) => plugin.calls.take_journal(),
        }
    }
}

impl InterpreterPlugin {
    pub(crate) fn new(about: About, calls: Box<dyn InterpreterCalls>) -> InterpreterPlugin {
        let declarations = Declarations::of(about.manifest());
        InterpreterPlugin { about, declarations, calls }
    }

    pub(crate) fn calls(&self) -> &dyn InterpreterCalls {
        self.calls.as_ref()
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    /// Whether the answer to `operation` for `gvk` is declared, so that no instance is asked.
    pub fn declares(&self, gvk: &Gvk, operation: Operation) -> bool {
        self.declarations.find(gvk, operation).is_some()
    }

    /// Answers every question in `ask`, in one call at most.
    pub fn inspect(&self, object: &Object, ask: Ask) -> Inspection {
        let operation = Operation::InterpretStatus;
        let declared = ask.status.then(|| self.declarations.find(object.gvk(), operation)).flatten();
        let Some(reflection) = declared.and_then(|declared| declared.status.as_ref()) else {
            return self.asked(object, ask);
        };
        let result = self.about.declared(operation, object.id(), || object.reflected(reflection));
        Inspection {
            status: Some(Answered { by: Arc::clone(&self.about.name), result }),
            ..self.asked(object, Ask { status: false, ..ask })
        }
    }

    fn asked(&self, object: &Object, ask: Ask) -> Inspection {
        let Some(first) = ask.operations().next() else { return Inspection::default() };
        match self.about.run(first.name(), object.id(), || self.calls.inspect(object.json(), ask)) {
            Ok(answers) => Inspection {
                replicas: self.answered(Operation::InterpretReplica, object, answers.replicas),
                components: self.answered(Operation::InterpretComponent, object, answers.components),
                dependencies: self.answered(Operation::InterpretDependency, object, answers.dependencies),
                status: self.answered(Operation::InterpretStatus, object, answers.status),
                health: self.answered(Operation::InterpretHealth, object, answers.health),
            },
            Err(error) => Inspection {
                replicas: self.unanswered(ask.replicas, Operation::InterpretReplica, &error),
                components: self.unanswered(ask.components, Operation::InterpretComponent, &error),
                dependencies: self.unanswered(ask.dependencies, Operation::InterpretDependency, &error),
                status: self.unanswered(ask.status, Operation::InterpretStatus, &error),
                health: self.unanswered(ask.health, Operation::InterpretHealth, &error),
            },
        }
    }

    /// `object` with its replicas set.
    ///
    /// # Errors
    /// The call failed, the plugin refuses the object, or its changes lie outside their fence.
    pub fn revise_replica(&self, object: &Object, replicas: i32) -> Result<Object, CallError> {
        self.changed(Operation::ReviseReplica, object, Fence::Spec, || {
            self.calls.revise_replica(object.json(), replicas)
        })
    }

    /// `desired` with what belongs to the member, as seen in `observed`.
    ///
    /// # Errors
    /// As [`revise_replica`](Self::revise_replica).
    pub fn retain(&self, desired: &Object, observed: &Object) -> Result<Object, CallError> {
        let operation = Operation::Retain;
        if let Some(declared) = self.declarations.find(desired.gvk(), operation) {
            return self.about.declared(operation, desired.id(), || desired.retaining(declared, observed));
        }
        self.changed(operation, desired, Fence::AllButIdentity, || {
            self.calls.retain(desired.json(), observed.json())
        })
    }

    /// `object` with its status drawn together from the members'.
    ///
    /// # Errors
    /// As [`revise_replica`](Self::revise_replica).
    pub fn aggregate_status(
        &self,
        object: &Object,
        items: &[AggregatedStatusItem],
    ) -> Result<Object, CallError> {
        self.changed(Operation::AggregateStatus, object, Fence::Status, || {
            self.calls.aggregate_status(object.json(), items)
        })
    }

    /// What must survive a move, by label name: what `rules` name, where the plugin is the one for any kind.
    ///
    /// # Errors
    /// The call failed, or the plugin refuses the object.
    pub fn preserve_state(
        &self,
        object: &Object,
        rules: &[StatePreservationRule],
    ) -> Result<BTreeMap<String, String>, CallError> {
        self.about.run(Operation::PreserveState.name(), object.id(), || {
            Ok(self.calls.preserve_state(object.json(), rules)?.into_iter().collect())
        })
    }

    /// `object` with `state` put back.
    ///
    /// # Errors
    /// As [`revise_replica`](Self::revise_replica).
    pub fn restore_state(
        &self,
        object: &Object,
        state: &BTreeMap<String, String>,
    ) -> Result<Object, CallError> {
        let state: Vec<_> = state.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        self.changed(Operation::RestoreState, object, Fence::Spec, || {
            self.calls.restore_state(object.json(), &state)
        })
    }

    /// The status that the workload's own controller would write, given its pods.
    ///
    /// # Errors
    /// The call failed, or the plugin refuses the object.
    pub fn simulate_status(
        &self,
        object: &Object,
        pods: &WorkloadPods,
        nodes: u32,
    ) -> Result<Value, CallError> {
        self.about
            .run("SimulateStatus", object.id(), || self.calls.simulate_status(object.json(), pods, nodes))
    }

    fn answered<T>(
        &self,
        operation: Operation,
        object: &Object,
        answer: Option<Result<T, Fault>>,
    ) -> Option<Answered<T>> {
        let result = answer?.map_err(|fault| self.about.blamed(operation.name(), object.id(), fault));
        Some(Answered { by: Arc::clone(&self.about.name), result })
    }

    /// The failure of the whole call, as the answer to one of its questions.
    fn unanswered<T>(&self, asked: bool, operation: Operation, error: &CallError) -> Option<Answered<T>> {
        asked.then(|| Answered {
            by: Arc::clone(&self.about.name),
            result: Err(CallError { call: operation.name(), ..error.clone() }),
        })
    }

    fn changed(
        &self,
        operation: Operation,
        object: &Object,
        fence: Fence,
        propose: impl FnOnce() -> Result<Vec<Change<Json>>, Fault>,
    ) -> Result<Object, CallError> {
        self.about.run(operation.name(), object.id(), || {
            let changed = object.changed(&propose()?, fence);
            changed.map_err(|error| Fault::bad_answer(error.to_string()))
        })
    }
}

/// Warnings travel in headers of the response, which have bounds of their own.
const WARNINGS_MAX: usize = 10;
const WARNING_BYTES_MAX: usize = 256;

impl AdmissionPlugin {
    /// # Errors
    /// The plugin refuses the settings of its configuration, or fails at them.
    pub(crate) fn new(about: About, calls: Box<dyn AdmissionCalls>) -> Result<AdmissionPlugin, Fault> {
        let settings = about.config.settings.to_string();
        calls.check_settings(&settings)?;
        Ok(AdmissionPlugin { about, calls, settings })
    }

    pub(crate) fn calls(&self) -> &dyn AdmissionCalls {
        self.calls.as_ref()
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    /// Puts one request to the plugin.
    pub(crate) fn admit(&self, request: &AdmissionRequest) -> Result<Admission, CallError> {
        self.about.run("Admit", &request.id(), || {
            let Admitted { changes, mut warnings } = self.calls.admit(request, &self.settings)?;
            warnings.truncate(WARNINGS_MAX);
            for warning in &mut warnings {
                warning.truncate(warning.floor_char_boundary(WARNING_BYTES_MAX));
            }
            if changes.is_empty() {
                return Ok(Admission { object: None, warnings });
            }
            if request.object.is_null() {
                return Err(Fault::bad_answer("it wants to change an object that is being deleted"));
            }
            let mut object = request.object.clone();
            change::apply(&mut object, changes, Fence::AllButIdentity)
                .map_err(|error| Fault::bad_answer(error.to_string()))?;
            Ok(Admission { object: Some(object), warnings })
        })
    }
}

/// An admitted request: the changed object, if it was changed.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) object: Option<Value>,
    pub(crate) warnings: Vec<String>,
}
