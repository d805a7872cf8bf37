//! Version 0.1 of the interpreter contract.

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use windlass_api::config::DependentObjectReference;
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::{AggregatedStatusItem, Component, ResourceHealth};
use windlass_core::declared::{Declared, Keeping, Kept, Reflection, TextAt};
use windlass_core::{Ask, Change, Json, Operation, ReplicaAnswer, WorkloadPods};

use super::answers::{self, Inspected, answered, document, parse_some, rejected};
use super::{Abilities, InterpreterCalls, KindSupport, Manifest, Operations};
use crate::fault::Fault;
use crate::guest::Guest;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::pool::{Contract, Pool};

mod wit {
    #![allow(unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
    wasmtime::component::bindgen!({
        path: "../../sdk/wit/interpreter@0.1.0",
        world: "windlass:interpreter/plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use wit::windlass::interpreter::types;

/// The contract's exports, ready to be called.
pub(crate) struct InterpreterV0_1;

impl Contract for InterpreterV0_1 {
    type Pre = wit::PluginPre<Guest>;
    type Exports = wit::Plugin;

    fn pre(instance: InstancePre<Guest>) -> wasmtime::Result<Self::Pre> {
        wit::PluginPre::new(instance)
    }

    fn instantiate(pre: &Self::Pre, store: &mut Store<Guest>) -> wasmtime::Result<Self::Exports> {
        pre.instantiate(store)
    }

    fn configure(
        exports: &Self::Exports,
        store: &mut Store<Guest>,
        settings: &str,
    ) -> wasmtime::Result<Result<(), Fault>> {
        let configured = exports.windlass_interpreter_interpreter().call_configure(store, settings)?;
        Ok(configured.map_err(rejection))
    }
}

impl InterpreterCalls for Pool<InterpreterV0_1> {
    fn describe(&self) -> Result<Manifest, Fault> {
        let manifest =
            self.call(|exports, store| exports.windlass_interpreter_interpreter().call_describe(store))?;
        Ok(Manifest {
            name: manifest.name,
            version: manifest.version,
            description: manifest.description,
            abilities: Abilities::Interprets(manifest.kinds.into_iter().map(kind_support).collect()),
        })
    }

    fn inspect(&self, object: &str, ask: Ask) -> Result<Inspected, Fault> {
        let inspection = self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_inspect(store, object, questions(ask))
        })?;
        Ok(Inspected {
            replicas: answered(ask.replicas, "replicas", inspection.replicas, |answer| {
                let answer = answer.map_err(rejection)?;
                Ok(ReplicaAnswer {
                    replicas: answer.replicas,
                    requirements: parse_some("ReplicaRequirements", answer.requirements.as_deref())?,
                })
            }),
            components: answered(ask.components, "components", inspection.components, |answer| {
                answer.map_err(rejection)?.into_iter().map(component).collect()
            }),
            dependencies: answered(ask.dependencies, "dependencies", inspection.dependencies, |answer| {
                answer.map_err(rejection)?.into_iter().map(dependent).collect()
            }),
            status: answered(ask.status, "status", inspection.status, |answer| {
                document("status", answer.map_err(rejection)?)
            }),
            health: answered(ask.health, "health", inspection.health, |answer| answer.map_err(rejection)),
        })
    }

    fn revise_replica(&self, object: &str, replicas: i32) -> Result<Vec<Change<Json>>, Fault> {
        changes(self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_revise_replica(store, object, replicas)
        })?)
    }

    fn retain(&self, desired: &str, observed: &str) -> Result<Vec<Change<Json>>, Fault> {
        changes(self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_retain(store, desired, observed)
        })?)
    }

    fn aggregate_status(
        &self,
        object: &str,
        items: &[AggregatedStatusItem],
    ) -> Result<Vec<Change<Json>>, Fault> {
        let statuses: Vec<_> = items.iter().map(|item| item.status.as_ref().map(Value::to_string)).collect();
        let items: Vec<_> = items
            .iter()
            .zip(&statuses)
            .map(|(item, status)| member_status(item, status.as_deref()))
            .collect();
        changes(self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_aggregate_status(store, object, &items)
        })?)
    }

    fn preserve_state(
        &self,
        object: &str,
        rules: &[StatePreservationRule],
    ) -> Result<Vec<(String, String)>, Fault> {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| types::PreservationRule { label: &rule.alias_label_name, json_path: &rule.json_path })
            .collect();
        let preserved = self
            .call(|exports, store| {
                exports.windlass_interpreter_interpreter().call_preserve_state(store, object, &rules)
            })?
            .map_err(rejection)?;
        Ok(preserved.into_iter().map(|item| (item.label, item.value)).collect())
    }

    fn restore_state(&self, object: &str, state: &[(&str, &str)]) -> Result<Vec<Change<Json>>, Fault> {
        let state: Vec<_> =
            state.iter().map(|&(label, value)| types::PreservedParam { label, value }).collect();
        changes(self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_restore_state(store, object, &state)
        })?)
    }

    fn simulate_status(&self, object: &str, pods: &WorkloadPods, nodes: u32) -> Result<Value, Fault> {
        let pods: Vec<_> = pods
            .iter()
            .map(|(component, count)| types::ComponentPods {
                component,
                desired: count.desired,
                created: count.created,
                ready: count.ready,
                succeeded: count.succeeded,
                failed: count.failed,
                outdated: count.outdated,
                outdated_ready: count.outdated_ready,
            })
            .collect();
        let status = self.call(|exports, store| {
            exports.windlass_interpreter_interpreter().call_simulate_status(store, object, &pods, nodes)
        })?;
        Ok(document("simulated status", status.map_err(rejection)?)?.to_value())
    }

    fn configured(&self, limits: Limits, settings: &Value) -> Box<dyn InterpreterCalls> {
        Box::new(self.with(limits, settings))
    }

    fn take_journal(&self) -> Journal {
        Pool::take_journal(self)
    }
}

fn rejection(rejection: types::Rejection) -> Fault {
    rejected(rejection.field, rejection.message)
}

fn changes(answer: Result<Vec<types::Change>, types::Rejection>) -> Result<Vec<Change<Json>>, Fault> {
    answers::changes(answer.map_err(rejection)?, |change| (change.path, change.value))
}

fn component(component: types::Component) -> Result<Component, Fault> {
    Ok(Component {
        replica_requirements: parse_some("ComponentReplicaRequirements", component.requirements.as_deref())?,
        name: component.name,
        replicas: component.replicas,
    })
}

fn dependent(dependent: types::Dependent) -> Result<DependentObjectReference, Fault> {
    Ok(DependentObjectReference {
        label_selector: parse_some("LabelSelector", dependent.label_selector.as_deref())?,
        api_version: dependent.api_version,
        kind: dependent.kind,
        namespace: dependent.namespace,
        name: dependent.name,
    })
}

fn member_status<'a>(item: &'a AggregatedStatusItem, status: Option<&'a str>) -> types::MemberStatus<'a> {
    types::MemberStatus {
        cluster: &item.cluster_name,
        applied: item.applied,
        applied_message: &item.applied_message,
        health: match item.health {
            Some(ResourceHealth::Healthy) => "Healthy",
            Some(ResourceHealth::Unhealthy) => "Unhealthy",
            Some(ResourceHealth::Unknown) => "Unknown",
            None => "",
        },
        status,
    }
}

fn questions(ask: Ask) -> types::Questions {
    let Ask { replicas, components, dependencies, status, health } = ask;
    [
        (replicas, types::Questions::REPLICAS),
        (components, types::Questions::COMPONENTS),
        (dependencies, types::Questions::DEPENDENCIES),
        (status, types::Questions::STATUS),
        (health, types::Questions::HEALTH),
    ]
    .into_iter()
    .filter_map(|(asked, question)| asked.then_some(question))
    .fold(types::Questions::empty(), |all, question| all | question)
}

fn kind_support(support: types::KindSupport) -> KindSupport {
    let asked = support.operations;
    let operations = [
        (types::Operations::INTERPRET_REPLICA, Operation::InterpretReplica),
        (types::Operations::INTERPRET_COMPONENT, Operation::InterpretComponent),
        (types::Operations::REVISE_REPLICA, Operation::ReviseReplica),
        (types::Operations::RETAIN, Operation::Retain),
        (types::Operations::AGGREGATE_STATUS, Operation::AggregateStatus),
        (types::Operations::INTERPRET_DEPENDENCY, Operation::InterpretDependency),
        (types::Operations::INTERPRET_STATUS, Operation::InterpretStatus),
        (types::Operations::INTERPRET_HEALTH, Operation::InterpretHealth),
        (types::Operations::PRESERVE_STATE, Operation::PreserveState),
        (types::Operations::RESTORE_STATE, Operation::RestoreState),
    ]
    .into_iter()
    .filter(|(flag, _)| asked.contains(*flag))
    .fold(Operations::default(), |all, (_, operation)| all.with(operation));
    KindSupport {
        group: support.group,
        version: support.version,
        kind: support.kind,
        asked: Operations {
            simulates_status: asked.contains(types::Operations::SIMULATE_STATUS),
            ..operations
        },
        declared: declared(support.declared),
    }
}

fn declared(declared: types::Declared) -> Declared {
    let reflection = |reflection| match reflection {
        types::Reflection::Whole => Reflection::Whole,
        types::Reflection::Fields(names) => Reflection::Fields(names),
    };
    let kept = |kept: types::Kept| Kept {
        path: kept.path,
        keeping: match kept.keeping {
            types::Keeping::Given => Keeping::Given,
            types::Keeping::Filled => Keeping::Filled,
            types::Keeping::Joined(name) => Keeping::Joined(name),
        },
        only_where: kept.only_where.map(|types::TextAt { path, text }| TextAt { path, text }),
    };
    Declared {
        status: declared.status.map(reflection),
        retain: declared.retain.into_iter().map(kept).collect(),
    }
}
