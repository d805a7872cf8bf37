//! The settings: the `spec` of a ResourceInterpreterCustomization.

use windlass_sdk::interpreter::Operations;
use windlass_sdk::json::{Text, parse};
use windlass_sdk::{Answer, Rejection};

/// One of the functions that scripts define.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// `GetReplicas(desiredObj)`
    GetReplicas,
    /// `GetComponents(desiredObj)`
    GetComponents,
    /// `ReviseReplica(desiredObj, desiredReplica)`
    ReviseReplica,
    /// `Retain(desiredObj, observedObj)`
    Retain,
    /// `AggregateStatus(desiredObj, statusItems)`
    AggregateStatus,
    /// `GetDependencies(desiredObj)`
    GetDependencies,
    /// `ReflectStatus(observedObj)`
    ReflectStatus,
    /// `InterpretHealth(observedObj)`
    InterpretHealth,
}

impl Hook {
    /// All of them.
    pub(crate) const ALL: [Hook; 8] = [
        Hook::GetReplicas,
        Hook::GetComponents,
        Hook::ReviseReplica,
        Hook::Retain,
        Hook::AggregateStatus,
        Hook::GetDependencies,
        Hook::ReflectStatus,
        Hook::InterpretHealth,
    ];

    /// The function's name.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Hook::GetReplicas => "GetReplicas",
            Hook::GetComponents => "GetComponents",
            Hook::ReviseReplica => "ReviseReplica",
            Hook::Retain => "Retain",
            Hook::AggregateStatus => "AggregateStatus",
            Hook::GetDependencies => "GetDependencies",
            Hook::ReflectStatus => "ReflectStatus",
            Hook::InterpretHealth => "InterpretHealth",
        }
    }

    /// Where its script stands in the customization.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Hook::GetReplicas => "spec.customizations.replicaResource.luaScript",
            Hook::GetComponents => "spec.customizations.componentResource.luaScript",
            Hook::ReviseReplica => "spec.customizations.replicaRevision.luaScript",
            Hook::Retain => "spec.customizations.retention.luaScript",
            Hook::AggregateStatus => "spec.customizations.statusAggregation.luaScript",
            Hook::GetDependencies => "spec.customizations.dependencyInterpretation.luaScript",
            Hook::ReflectStatus => "spec.customizations.statusReflection.luaScript",
            Hook::InterpretHealth => "spec.customizations.healthInterpretation.luaScript",
        }
    }

    /// The operation that it answers.
    pub(crate) const fn operation(self) -> Operations {
        match self {
            Hook::GetReplicas => Operations::INTERPRET_REPLICA,
            Hook::GetComponents => Operations::INTERPRET_COMPONENT,
            Hook::ReviseReplica => Operations::REVISE_REPLICA,
            Hook::Retain => Operations::RETAIN,
            Hook::AggregateStatus => Operations::AGGREGATE_STATUS,
            Hook::GetDependencies => Operations::INTERPRET_DEPENDENCY,
            Hook::ReflectStatus => Operations::INTERPRET_STATUS,
            Hook::InterpretHealth => Operations::INTERPRET_HEALTH,
        }
    }
}

windlass_sdk::shape! {
    /// The `spec` of a ResourceInterpreterCustomization.
    pub(crate) struct Customization<'a> {
        target: Target<'a>,
        customizations: Rules<'a>,
    }

    struct Target<'a> {
        api_version: Text<'a>,
        kind: Text<'a>,
    }

    struct Rules<'a> {
        replica_resource: Rule<'a>,
        component_resource: Rule<'a>,
        replica_revision: Rule<'a>,
        retention: Rule<'a>,
        status_aggregation: Rule<'a>,
        dependency_interpretation: Rule<'a>,
        status_reflection: Rule<'a>,
        health_interpretation: Rule<'a>,
    }

    struct Rule<'a> {
        lua_script: Text<'a>,
    }
}

impl<'a> Customization<'a> {
    /// Reads the JSON of a customization's `spec`.
    ///
    /// # Errors
    /// The field that is of the wrong type or missing.
    pub(crate) fn read(spec: &'a str) -> Answer<Customization<'a>> {
        let spec: Customization<'a> =
            parse(spec).map_err(|wrong| Rejection::new(format!("spec.{}", wrong.field), wrong.message))?;
        for (field, value) in
            [("spec.target.apiVersion", spec.api_version()), ("spec.target.kind", spec.kind())]
        {
            if value.is_empty() {
                return Err(Rejection::new(field, "must say which kind the scripts are for"));
            }
        }
        Ok(spec)
    }

    /// The target's group and version.
    pub(crate) fn api_version(&self) -> &str {
        &self.target.api_version
    }

    /// The target's kind.
    pub(crate) fn kind(&self) -> &str {
        &self.target.kind
    }

    /// The script of a hook; empty where there is none.
    pub(crate) fn script(&self, hook: Hook) -> &str {
        let rules = &self.customizations;
        let rule = match hook {
            Hook::GetReplicas => &rules.replica_resource,
            Hook::GetComponents => &rules.component_resource,
            Hook::ReviseReplica => &rules.replica_revision,
            Hook::Retain => &rules.retention,
            Hook::AggregateStatus => &rules.status_aggregation,
            Hook::GetDependencies => &rules.dependency_interpretation,
            Hook::ReflectStatus => &rules.status_reflection,
            Hook::InterpretHealth => &rules.health_interpretation,
        };
        &rule.lua_script
    }
}
