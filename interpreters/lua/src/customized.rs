//! A customization that answers.

use std::fmt;

use serde_json::Value;
use windlass_sdk::interpreter::bindings::exports::windlass::interpreter::interpreter as wire;
use windlass_sdk::interpreter::{changes, manifest};
use windlass_sdk::json::parse;
use windlass_sdk::serde::Deserialize;
use windlass_sdk::{Answer, Changes, Rejection};

use crate::NAME;
use crate::answers;
use crate::customization::{Customization, Hook};
use crate::difference::difference;
use crate::vm::{Argument, Returned, Script, Vm};

/// The compiled scripts of one customization, in a Lua of their own.
///
/// The functions are those of the contract, of one instance; operations that the customization has no script for are
/// rejected, as they are not in the manifest.
#[derive(Debug)]
pub(crate) struct Customized {
    api_version: String,
    kind: String,
    scripts: Vec<(Hook, Script)>,
    vm: Vm,
}

impl Customized {
    /// From the settings: the JSON of the customization's `spec`.
    ///
    /// # Errors
    /// The field that is wrong; of a script that is no Lua, the line too.
    pub(crate) fn configure(settings: &str) -> Answer<Customized> {
        let customization = Customization::read(settings)?;
        let vm = Vm::new().map_err(|error| Rejection::new("", format!("Lua does not start: {error}")))?;
        let mut scripts = Vec::new();
        for hook in Hook::ALL {
            let script = customization.script(hook);
            if !script.is_empty() {
                scripts.push((hook, vm.compile(script).map_err(|error| failed(hook, &error))?));
            }
        }
        Ok(Customized {
            api_version: customization.api_version().to_owned(),
            kind: customization.kind().to_owned(),
            scripts,
            vm,
        })
    }

    /// The one kind that the customization is for, and the operations that it has scripts for.
    pub(crate) fn manifest(&self) -> wire::Manifest {
        let kinds: Vec<_> = self
            .scripts
            .iter()
            .map(|(hook, _)| (self.api_version.as_str(), self.kind.as_str(), hook.operation()))
            .collect();
        let description = format!("Lua: {} of {}", self.kind, self.api_version);
        manifest(NAME, env!("CARGO_PKG_VERSION"), &description, &kinds, &[])
    }

    /// Answers every question about `object`. Each script gets an object of its own.
    pub(crate) fn inspect(&self, object: &str, questions: wire::Questions) -> wire::Inspection {
        let mut inspection = wire::Inspection::empty();
        let object: Value = match read("", object) {
            Ok(object) => object,
            Err(rejection) => {
                inspection.reject(questions, || rejection.into());
                return inspection;
            }
        };
        let given = [Argument::Json(&object)];
        if questions.contains(wire::Questions::REPLICAS) {
            let answer = self.run(Hook::GetReplicas, &given).and_then(answers::replicas);
            inspection.replicas = Some(answer.map_err(Into::into));
        }
        if questions.contains(wire::Questions::COMPONENTS) {
            let answer = self.run(Hook::GetComponents, &given).and_then(answers::components);
            inspection.components = Some(answer.map_err(Into::into));
        }
        if questions.contains(wire::Questions::DEPENDENCIES) {
            let answer = self.run(Hook::GetDependencies, &given).and_then(answers::dependencies);
            inspection.dependencies = Some(answer.map_err(Into::into));
        }
        if questions.contains(wire::Questions::STATUS) {
            let answer = self.run(Hook::ReflectStatus, &given).and_then(answers::status);
            inspection.status = Some(answer.map_err(Into::into));
        }
        if questions.contains(wire::Questions::HEALTH) {
            let answer = self.run(Hook::InterpretHealth, &given).and_then(answers::health);
            inspection.health = Some(answer.map_err(Into::into));
        }
        inspection
    }

    /// Changes that give the object this many replicas.
    ///
    /// # Errors
    /// The script's own, or what is wrong with what it returns; so for the others.
    pub(crate) fn revise_replica(
        &self,
        object: &str,
        replicas: i32,
    ) -> Result<Vec<wire::Change>, wire::Rejection> {
        changes(self.revised(object, replicas))
    }

    fn revised(&self, object: &str, replicas: i32) -> Answer<Changes> {
        let object: Value = read("", object)?;
        let given = [Argument::Json(&object), Argument::Integer(replicas.into())];
        let revised = self.run(Hook::ReviseReplica, &given)?;
        Ok(difference(&object, &answers::object(Hook::ReviseReplica, revised, &[&object])?))
    }

    /// Changes to `desired` that keep what the member's own controllers wrote.
    ///
    /// # Errors
    /// As for [`Customized::revise_replica`].
    pub(crate) fn retain(&self, desired: &str, observed: &str) -> Result<Vec<wire::Change>, wire::Rejection> {
        changes(self.retained(desired, observed))
    }

    fn retained(&self, desired: &str, observed: &str) -> Answer<Changes> {
        let desired: Value = read("", desired)?;
        let observed: Value = read("observed", observed)?;
        let retained = self.run(Hook::Retain, &[Argument::Json(&desired), Argument::Json(&observed)])?;
        let mut retained = answers::object(Hook::Retain, retained, &[&desired, &observed])?;
        // Which object it is, the host sees to itself: scripts may copy it from the observed object, to no effect.
        for field in ["uid", "resourceVersion"] {
            if let Some(metadata) = retained.get_mut("metadata").and_then(Value::as_object_mut) {
                match desired["metadata"].get(field) {
                    Some(value) => metadata.insert(field.to_owned(), value.clone()),
                    None => metadata.remove(field),
                };
            }
        }
        Ok(difference(&desired, &retained))
    }

    /// Changes that draw the members' statuses together. Whatever else the script changes has no effect, as in Karmada.
    ///
    /// # Errors
    /// As for [`Customized::revise_replica`].
    pub(crate) fn aggregate_status(
        &self,
        object: &str,
        items: &[wire::MemberStatus],
    ) -> Result<Vec<wire::Change>, wire::Rejection> {
        changes(self.aggregated(object, items))
    }

    fn aggregated(&self, object: &str, items: &[wire::MemberStatus]) -> Answer<Changes> {
        let object: Value = read("", object)?;
        let items: Value = items.iter().enumerate().map(item).collect::<Answer<_>>()?;
        // Karmada passes nil for no items.
        let given = if items == Value::Array(Vec::new()) { Argument::Nil } else { Argument::Json(&items) };
        let aggregated = self.run(Hook::AggregateStatus, &[Argument::Json(&object), given])?;
        let aggregated = answers::object(Hook::AggregateStatus, aggregated, &[])?;
        let status = |object: &Value| match object.get("status") {
            Some(status) => serde_json::json!({ "status": status }),
            None => Value::Object(serde_json::Map::new()),
        };
        Ok(difference(&status(&object), &status(&aggregated)))
    }

    fn run<const RESULTS: usize>(
        &self,
        hook: Hook,
        arguments: &[Argument<'_>],
    ) -> Answer<[Returned; RESULTS]> {
        let (_, script) = self.scripts.iter().find(|(of, _)| *of == hook).ok_or_else(|| {
            Rejection::new(
                hook.field(),
                format!("there is no script for {} of {}", self.kind, self.api_version),
            )
        })?;
        self.vm.run(script, hook.function(), arguments).map_err(|error| failed(hook, &error))
    }
}

/// An item of a binding's `status.aggregatedStatus`.
fn item((index, item): (usize, &wire::MemberStatus)) -> Answer<Value> {
    let wire::MemberStatus { cluster, applied, applied_message, health, status } = item;
    let mut written = serde_json::json!({ "clusterName": cluster });
    if let Some(status) = status {
        written["status"] = read(&format!("items[{index}].status"), status)?;
    }
    if *applied {
        written["applied"] = Value::Bool(true);
    }
    for (field, text) in [("appliedMessage", applied_message), ("health", health)] {
        if !text.is_empty() {
            written[field] = Value::String(text.clone());
        }
    }
    Ok(written)
}

fn read<'a, T: Deserialize<'a>>(place: &str, text: &'a str) -> Answer<T> {
    match place {
        "" => parse(text),
        place => windlass_sdk::json::parse_at(place, text),
    }
}

#[cold]
fn failed(hook: Hook, error: &impl fmt::Display) -> Rejection {
    Rejection::new(hook.field(), error)
}
