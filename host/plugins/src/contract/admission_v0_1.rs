//! Version 0.1 of the admission contract.

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use windlass_core::admission::AdmissionRequest;
use windlass_core::{Change, Json, Object, Verb};

use super::answers::{Admitted, changes, rejected};
use super::{Abilities, AdmissionCalls, Manifest, Rule};
use crate::fault::Fault;
use crate::guest::Guest;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::pool::{Contract, Pool};

mod wit {
    #![allow(unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
    wasmtime::component::bindgen!({
        path: "../../sdk/wit/admission@0.1.0",
        world: "windlass:admission/plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use wit::windlass::admission::types;

/// The contract's exports, ready to be called.
pub(crate) struct AdmissionV0_1;

impl Contract for AdmissionV0_1 {
    type Pre = wit::PluginPre<Guest>;
    type Exports = wit::Plugin;

    fn pre(instance: InstancePre<Guest>) -> wasmtime::Result<Self::Pre> {
        wit::PluginPre::new(instance)
    }

    fn instantiate(pre: &Self::Pre, store: &mut Store<Guest>) -> wasmtime::Result<Self::Exports> {
        pre.instantiate(store)
    }

    /// Settings come with each request.
    fn configure(_: &Self::Exports, _: &mut Store<Guest>, _: &str) -> wasmtime::Result<Result<(), Fault>> {
        Ok(Ok(()))
    }
}

impl AdmissionCalls for Pool<AdmissionV0_1> {
    fn describe(&self) -> Result<Manifest, Fault> {
        let manifest = self.call(|exports, store| exports.windlass_admission_hook().call_describe(store))?;
        Ok(Manifest {
            name: manifest.name,
            version: manifest.version,
            description: manifest.description,
            abilities: Abilities::Admits(manifest.rules.into_iter().map(rule).collect()),
        })
    }

    fn check_settings(&self, settings: &str) -> Result<(), Fault> {
        self.call(|exports, store| exports.windlass_admission_hook().call_check_settings(store, settings))?
            .map_err(denial)
    }

    fn admit(&self, request: &AdmissionRequest, settings: &str) -> Result<Admitted, Fault> {
        let AdmissionRequest {
            gvk,
            resource,
            subresource,
            namespace,
            name,
            verb,
            user,
            groups,
            dry_run,
            object,
            old_object,
        } = request;
        let (object, old_object) = (document(object), document(old_object));
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let request = types::Request {
            group: &gvk.group,
            version: &gvk.version,
            kind: &gvk.kind,
            resource,
            subresource,
            namespace,
            name,
            verb: match verb {
                Verb::Create => types::Verb::Create,
                Verb::Update => types::Verb::Update,
                Verb::Delete => types::Verb::Delete,
            },
            user,
            groups: &groups,
            dry_run: *dry_run,
            object: object.as_deref(),
            old_object: old_object.as_deref(),
        };
        let admitted = self
            .call(|exports, store| exports.windlass_admission_hook().call_admit(store, request, settings))?
            .map_err(denial)?;
        Ok(Admitted {
            changes: changes(admitted.changes, |change| (change.path, change.value))?
                .into_iter()
                .map(|Change { path, value }| Change { path, value: value.as_ref().map(Json::to_value) })
                .collect(),
            warnings: admitted.warnings,
        })
    }

    fn limited(&self, limits: Limits) -> Box<dyn AdmissionCalls> {
        Box::new(self.with(limits, &Value::Null))
    }

    fn take_journal(&self) -> Journal {
        Pool::take_journal(self)
    }
}

fn denial(denial: types::Denial) -> Fault {
    rejected(denial.field, denial.message)
}

fn rule(rule: types::Rule) -> Rule {
    Rule {
        group: rule.group,
        version: rule.version,
        resource: rule.resource,
        verbs: rule
            .verbs
            .into_iter()
            .map(|verb| match verb {
                types::Verb::Create => Verb::Create,
                types::Verb::Update => Verb::Update,
                types::Verb::Delete => Verb::Delete,
            })
            .collect(),
    }
}

/// An object's JSON without `managedFields`; nothing for `null`.
fn document(object: &Value) -> Option<String> {
    if object.is_null() {
        return None;
    }
    // A subresource's document (a Scale, an Eviction) may lack what makes an object; it passes as it is.
    Some(Object::from_value(object).map_or_else(|_| object.to_string(), |object| object.json().to_owned()))
}
